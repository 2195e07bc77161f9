"""Acronyms and their long forms, as they are learned from text; and how many of those learned are right."""

import gzip
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.matching.acronyms import Acronym, acronyms, long_form

GOLDEN = Path(__file__).parent / "acronyms.tsv"


@pytest.mark.parametrize(
    ("text", "short", "long"),
    [
        ("We train Large Language Models (LLMs) on maps.", "LLM", "Large Language Models"),
        ("by chain-of-thought (CoT) alone", "CoT", "chain-of-thought"),
        ("uses Low-Rank Adaptation (LoRA)", "LoRA", "Low-Rank Adaptation"),
        ("an electrocardiogram (ECG) of birds", "ECG", "electrocardiogram"),
        ("text-to-image (T2I) models", "T2I", "text-to-image"),
        ("after k-nearest neighbours (k-NN)", "k-NN", "k-nearest neighbours"),
        ("in front of it: OWL (Open Weather Log), which we made", "OWL", "Open Weather Log"),
        ("Mixture of Experts (MoE; see below)", "MoE", "Mixture of Experts"),
        ("we call it spatial sense (SS)", "SS", "spatial sense"),
    ],
)
def test_a_long_form_is_learned_with_its_short_form(text: str, short: str, long: str) -> None:
    assert acronyms(text) == [Acronym(short, long)]


@pytest.mark.parametrize(
    "text",
    [
        "as was shown before (Fig. 2) and elsewhere",
        "a strong result (SOTA)",
        "the larks sing early (see Table 4)",
        "growing fast (GPU memory included)",
        "of machine and vision (LLM)",
        "We end a sentence. Here (WH) begins another",
        "large models (2)",
        "BERT (BERT)",
        "",
        "(",
    ],
)
def test_nothing_is_learned_where_letters_do_not_fit(text: str) -> None:
    assert acronyms(text) == []


def test_each_explanation_counts_once_in_a_text() -> None:
    assert len(acronyms("large language models (LLMs), that is, large language models (LLMs)")) == 1


def test_no_word_of_weight_stands_without_a_letter() -> None:
    assert long_form("LM", ["large", "new", "models"]) is None
    assert long_form("LM", ["large", "and", "models"]) == "large and models"


@given(st.text(alphabet="AaBb (),.-\u00e9", max_size=120))
def test_any_text_can_be_read(text: str) -> None:
    for short, long in acronyms(text):
        assert short and long.split()


@given(st.lists(st.from_regex(r"[a-z]{4,9}", fullmatch=True), min_size=3, max_size=6))
def test_initials_are_understood(words: list[str]) -> None:
    short = "".join(word[0] for word in words).upper()
    found = long_form(short, ["so", *words])
    assert found is not None and found.split()[-1] == words[-1]


def test_of_200_pairs_learned_from_real_abstracts_95_in_100_are_right(shared_data: Path) -> None:
    judged = {}
    for line in GOLDEN.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            short, long, verdict = line.split("\t")
            judged[short, long] = verdict == "right"
    assert len(judged) == 200
    shorts = {short for short, _ in judged}
    [bulk] = (shared_data / "arxiv_bulk").glob("*.jsonl.gz")
    learned = set()
    with gzip.open(bulk, "rt", encoding="utf-8") as lines:
        for line in lines:
            if not shorts.isdisjoint(_beside_brackets(line)):
                text = " ".join(json.loads(line)["summary"].split())
                learned |= {(short, long.lower()) for short, long in acronyms(text)}
    found = [judged[pair] for pair in judged if pair in learned]
    print(f"\nacronyms: {sum(found)} of {len(found)} pairs right: precision {sum(found) / len(found):.1%}")
    assert len(found) >= 195, "most pairs of the golden file are no longer learned: draw and judge new ones"
    assert sum(found) >= 0.95 * len(found)


def _beside_brackets(line: str) -> Iterator[str]:
    """What stands right before and right after each opening bracket: all that can be a short form, and more."""
    for before, after in pairwise(line.split("(")):
        yield before.rstrip().rpartition(" ")[2].removesuffix("s")
        for end in ")", ",", ";":
            yield after[:14].partition(end)[0].removesuffix("s")
