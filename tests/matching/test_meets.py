"""The profile language on papers: for each promise one paper that meets it, and one that nearly does."""

from datetime import UTC, datetime
from typing import Any

import pytest

from paperlark.matching.checks import checker
from paperlark.matching.document import Document, analyse
from paperlark.matching.index import Index
from paperlark.matching.query import parse
from paperlark.matching.reference import meets
from paperlark.model.papers import Alias
from tests.matching.papers import MONDAY


def paper(title: str = "untitled", **fields: Any) -> Document:
    return Document(**{"title": title, "announced_at": MONDAY, **fields})


def by(*authors: str) -> Document:
    return paper(authors=authors)


def listed(*categories: str, **signals: int) -> Document:
    return paper(categories=categories, signals=signals)


def named(scheme: str, value: str) -> Document:
    return paper(aliases=(Alias(scheme, value),))


BOTH = paper(title="Deep larks", abstract="Sing at dawn")

TABLE: list[tuple[str, list[str | Document], list[str | Document]]] = [
    (
        '"test-time scaling", inference scaling -vision',
        ["Test time scaling", "Testtime Scaling", "On TEST-TIME SCALING!", "Scaling inference"],
        ["Scaling at test time", "Test times scaling", "Inference scaling in vision", "Inference"],
    ),
    (
        'title:(diffusion OR flow*) author:"Song, Yang"',
        [paper("Diffusion", authors=("Yang Song",)), paper("Workflow or flows", authors=("Y. Song", "A. B."))],
        [paper("Diffusion", authors=("Song Han",)), paper("Workflow", authors=("Yang Song",)),
         paper("x", abstract="diffusion", authors=("Yang Song",))],
    ),
    (
        "cat:cs.CL upvotes:>=20 -type:replace",
        [listed("cs.CL", upvotes=20), listed("CS.cl", "x", upvotes=99)],
        [listed("cs.CL", upvotes=19), listed("cs.CL"), listed("cs.C", upvotes=20),
         paper(categories=("cs.CL",), signals={"upvotes": 20}, type="replace")],
    ),
    ("=RAG", ["RAG", r"\textsc{RAG}s: $\mathtt{RAG}$"], ["rag", "Rag", "RAGs", "FRAGMENT"]),
    ("rag", ["RAG", "Rags"], ["fragment", "rage"]),
    ("LLM", ["LLMs", "llm-based"], ["LLaMa", "vllm"]),
    ("quantization", ["quantized", "Quantizing"], ["quantum"]),
    ('"quantization"', ["Quantization"], ["quantized"]),
    ("quantiz*", ["quantizer", "pre-quantized"], ["quantum", "dequantize"]),
    ("testti*", ["test-time"], ["test time"]),
    ("test-time", ["test-time", "test time", "testtime", "tests-timing"], ["time test", "testing my time"]),
    ("testtime", ["test-time", "testtime"], ["test time", "best-test time"]),
    ('"testtime scaling"', ["test-time scaling", "test-time-scaling"], ["test time scaling", "testtime scale"]),
    ("notable", ["notable"], ["not able"]),
    ("GPT-4", ["GPT4", "gpt 4", "GPT-4-turbo"], ["GPT-4o", "GPT 3", "GPT-34"]),
    ('"in context learning"',
     ["in-context learning", "incontext-learning", "incontextlearning"], ["in con textlearning"]),
    ('="Deep RL"', ["Deep RL", "Deep-RL"], ["deep RL", "Deep rl"]),
    ('"large lang*"', ["Large language models"], ["large slang", "language large"]),
    ("β-VAE", [r"$\beta$-VAE", "beta VAE", "β-VAE"], ["VAE", "alpha VAE"]),
    ("naive", ["Naïve", r'na\"ive'], ["native"]),
    ("attention", ["Аttention"], ["Внимание"]),
    ("D2iT", ["D$^2$iT", "D²iT"], ["DiT"]),
    ("C++", ["C++ code"], ["C code", "C# code"]),
    ("扩散", ["扩散模型"], ["散扩"]),
    ("larks sing", [BOTH], ["larks"]),
    ('"larks sing"', ["larks sing"], [BOTH]),
    ("title:sing", ["sing"], [BOTH]),
    ("abstract:sing", [BOTH], ["sing"]),
    ("org:deepmind", [paper(organisation="Google DeepMind")], ["DeepMind", paper(organisation="Mind")]),
    ("song", ["song"], [by("Yang Song")]),
    ("author:song", [by("Yang Song"), by("Song Han")], [by("Yang Songs"), "song"]),
    ('author:"Yang Song"', [by("Song, Yang"), by("Y. Song"), by("Yang X. Song"), by("A", "yang song")],
     [by("Song Yang"), by("Yong Song"), by("Yang", "Song"), by("X. Song")]),
    ('author:"Geoffrey E. Hinton"',
     [by("Geoffrey Hinton"), by("G. E. Hinton"), by("Geoffrey Everest Hinton")], [by("Geoffrey F. Hinton")]),
    ('author:"Maaten, Laurens"', [by("Laurens van der Maaten"), by("van der Maaten, Laurens")], [by("Laurens Maat")]),
    ('author:"Laurens van der Maaten"',
     [by("van der Maaten, Laurens"), by("L. van der Maaten")], [by("Laurens van Maatens")]),
    ('author:"Xiaoming Li"', [by("Xiao-Ming Li")], [by("Xiaohong Li")]),
    ('author:"Martin Luther King"', [by("Martin Luther King Jr."), by("King, Martin")], [by("Luther King")]),
    ("cat:cs", [listed("cs.CL"), listed("cs")], [listed("csx.CL"), paper()]),
    ("cat:cs.*", [listed("cs.CL")], [listed("cs"), listed("math.CS")]),
    ('cat:"cell biology"', [listed("Cell  Biology")], [listed("biology")]),
    ("source:arxiv", [paper(sources=("hf_daily", "arxiv:cs.CL"))], [paper(sources=("arxivist",)), paper()]),
    ("type:replace", [paper(type="replace")], [paper(type="replace-cross")]),
    ("id:2510.02283v3", [named("arxiv", "2510.02283")], [named("arxiv", "2510.02284")]),
    ("id:arxiv:2510.*", [named("arxiv", "2510.02283")], [named("hf", "2510.02283")]),
    ("doi:10.1000/ABC", [named("doi", "10.1000/abc")], [named("url", "10.1000/abc")]),
    ("authors>3", [paper(author_count=4), by("a", "b", "c", "d")], [by("a", "b", "c"), paper()]),
    ("upvotes:>=50", [paper(signals={"upvotes": 50})], [paper(signals={"stars": 50}), paper(signals={"upvotes": 49})]),
    ("larks -upvotes<5", ["larks", paper("larks", signals={"upvotes": 5})], [paper("larks", signals={"upvotes": 4})]),
    ("since:2026-03-02", [paper()], [paper(announced_at=datetime(2026, 3, 1, 23, 59, tzinfo=UTC))]),
    ('"not"', ["not"], ["knot"]),
    ('larks -"deep larks"', ["larks deep"], ["deep-larks"]),
    ("larks -(deep sing)", ["deep larks"], [BOTH]),
]  # fmt: skip
CASES = [
    (query, document if isinstance(document, Document) else paper(document), expected)
    for query, met, unmet in TABLE
    for expected, documents in ((True, met), (False, unmet))
    for document in documents
]


@pytest.mark.parametrize(("query", "document", "expected"), CASES)
def test_paper_meets_profile(query: str, document: Document, expected: bool) -> None:
    parsed = parse(query)
    assert meets(parsed, document) is expected
    assert checker(parsed)(analyse(document)) is expected
    index = Index[str]()
    index.put(query, parsed)
    assert bool(index.percolate(analyse(document))) is expected
