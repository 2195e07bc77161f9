"""References: what BibTeX, RIS and CSL-JSON hold, and that each is what its readers take."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.formats import bibtex, csl, ris
from paperlark.formats.bibtex import tex
from paperlark.formats.cited import Person, cited, key, read_person
from paperlark.model.papers import Alias, StoredPaper
from tests.formats.samples import HOSTILE, paper, papers

TEX_TEXT = st.text(st.sampled_from("ab Z09\\{}$%&#_^~<>|\"',-()éβ"), max_size=40) | st.text(max_size=40)

ARXIV = paper(
    r"$\beta$-VAE for DNA at 95\% of R&D",
    "An abstract with 5 < 6 & more.",
    authors=("Yang Song", "van der Wren, Ludwig", "The ATLAS Collaboration"),
    author_count=5,
    categories=("cs.CL", "stat.ML"),
    arxiv="2510.02283",
    published_at=datetime(2025, 10, 2, tzinfo=UTC),
)
JOURNAL = paper(
    "On larks", doi="10.1000/lark_(2026)<1>", categories=("Birds",), keywords=("flight",), sources=("rss:x",)
)


# ── keys and names ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_is_made_of_names_that_do_not_change() -> None:
    assert key(ARXIV) == "arXiv:2510.02283"
    assert key(paper(arxiv="hep-th/9901001")) == "arXiv:hep-th/9901001"
    assert key(JOURNAL) == "doi:10.1000/lark_5f__28_2026_29__3c_1_3e_"
    assert key(paper(id=77)) == "paperlark:77"


@given(st.lists(st.text(max_size=12), unique=True, max_size=6))
def test_two_names_never_become_one_key(names: list[str]) -> None:
    keys = [key(paper(aliases=(Alias("doi", name),))) for name in names]
    assert len(set(keys)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9.:/_-]+", each) for each in keys)


@pytest.mark.parametrize(
    ("written", "person"),
    [
        ("Yang Song", Person("Song", "Yang")),
        ("Song, Yang", Person("Song", "Yang")),
        ("Ludwig van Beethoven", Person("van Beethoven", "Ludwig")),
        ("Maaten, Laurens van der", Person("Maaten", "Laurens van der")),
        ("Martin Luther King, Jr.", Person("King", "Martin Luther", "Jr.")),
        ("King, Jr., Martin Luther", Person("King", "Martin Luther", "Jr.")),
        ("Henry Jones III", Person("Jones", "Henry", "III")),
        ("The ATLAS Collaboration", Person("The ATLAS Collaboration", body=True)),
        ("One, Two, Three, Four", Person("One, Two, Three, Four", body=True)),
        ("Plato", Person("Plato")),
        ("刘知远", Person("刘知远")),
        (r"Erwin Schr\"odinger", Person("Schrödinger", "Erwin")),
        (" , ", None),
    ],
)
def test_a_name_is_read_as_it_is_meant(written: str, person: Person | None) -> None:
    assert read_person(written) == person


# ── BibTeX ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_arxiv_paper_in_bibtex() -> None:
    assert bibtex.write([ARXIV]) == (
        "@misc{arXiv:2510.02283,\n"
        "  author        = {Song, Yang and van der Wren, Ludwig and {The ATLAS Collaboration} and others},\n"
        "  title         = {{$\\beta$-VAE for DNA at 95\\% of R\\&D}},\n"
        "  year          = {2025},\n"
        "  month         = oct,\n"
        "  eprint        = {2510.02283},\n"
        "  archivePrefix = {arXiv},\n"
        "  primaryClass  = {cs.CL},\n"
        "  url           = {https://arxiv.org/abs/2510.02283},\n"
        "  keywords      = {cs.CL, stat.ML},\n"
        "  abstract      = {An abstract with 5 \\textless{} 6 \\& more.},\n"
        "}\n"
    )


def test_names_that_bibtex_would_take_apart_stand_in_braces() -> None:
    told = bibtex.write(
        [paper(authors=("Sturm and Drang, Ada", "One, Two, Three, Four", "Jo & Co"), arxiv="2603.00001")]
    )
    assert "= {{Sturm and Drang}, Ada and {One, Two, Three, Four} and Co, Jo \\&},\n" in told


def test_a_paper_of_a_journal_in_bibtex() -> None:
    told = bibtex.write([JOURNAL])
    assert "  doi           = {10.1000/lark_(2026)<1>},\n" in told
    assert "eprint" not in told and "primaryClass" not in told


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (r"{\'E}tudes of \"Uber-$L_2$ larks", r"{\'E}tudes of \"Uber-$L_2$ larks"),
        (r"50% of A&B in C#", r"50\% of A\&B in C\#"),
        (r"50\% of A\&B", r"50\% of A\&B"),
        ("snake_case and x^2", r"snake\_case and x\textasciicircum{}2"),
        ("$x_1^2 < y$ & $a|b$", r"$x_1^2 < y$ \& $a|b$"),
        ("from $5 to $10", r"from \$5 to \$10"),
        ("a lone $ sign", r"a lone \$ sign"),
        ("$ { $ } $", r"\$ { \$ } \$"),
        ("open { and } close } more", r"open { and } close \textbraceright{} more"),
        (r"\{a\} and \{b", r"\{a\} and \textbraceleft{}b"),
        ("{ a $b} c$", r"{ a \$b} c\$"),
        ("~50 of Fig.~A", r"\textasciitilde{}50 of Fig.~A"),
        ("ends in \\", r"ends in \textbackslash{}"),
        (r"C:\5 and \é", r"C:\textbackslash{}5 and \textbackslash{}é"),
        (r"\OurMethod and \textsc{Lark}", r"\OurMethod and \textsc{Lark}"),
    ],
)
def test_tex_stays_and_what_is_none_prints_as_it_reads(text: str, written: str) -> None:
    assert tex(text) == written
    assert tex(written) == written, "what is written is TeX, and stays"


@given(TEX_TEXT)
def test_braces_and_dollars_are_always_in_balance(text: str) -> None:
    written = tex(text)
    depth = 0
    for letter in written:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    unescaped = re.sub(r"\\.", "", written, flags=re.DOTALL)
    assert unescaped.count("$") % 2 == 0
    assert "%" not in unescaped and "#" not in unescaped and "&" not in unescaped
    assert not written.endswith("\\") or written.endswith("\\\\")


@given(st.lists(st.tuples(TEX_TEXT, TEX_TEXT, st.lists(TEX_TEXT, max_size=3)), max_size=4))
def test_bibtex_is_what_a_parser_of_bibtex_reads(told: list[tuple[str, str, list[str]]]) -> None:
    some = [
        paper(title, abstract, authors=tuple(authors), aliases=(Alias("arxiv", f"2603.{n:05}"),))
        for n, (title, abstract, authors) in enumerate(told)
    ]
    entries = list(_read_bibtex(bibtex.write(some)))
    assert [each[0] for each in entries] == [cited(each).key for each in some]
    for (_, fields), each in zip(entries, some, strict=True):
        assert fields["title"] == f"{{{tex(cited(each).raw_title)}}}"
        people = [name for name in _split(fields.get("author", ""), " and ") if name]
        assert len(people) == len(cited(each).people)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_titles_in_bibtex(hostile: str) -> None:
    ((_, fields),) = _read_bibtex(bibtex.write(papers(hostile)))
    assert fields["eprint"] == "2603.00000"


def test_bibtexparser_reads_it_all_and_takes_the_names_apart() -> None:
    parser = pytest.importorskip("bibtexparser", reason="bibtexparser is not installed")
    layers = [parser.middlewares.SeparateCoAuthors(), parser.middlewares.SplitNameParts()]
    library = parser.parse_string(bibtex.write([ARXIV, JOURNAL, *papers(*HOSTILE)]), append_middleware=layers)
    assert not library.failed_blocks and len(library.entries) == 2 + len(HOSTILE)
    names = library.entries_dict["arXiv:2510.02283"]["author"]
    assert [(each.first, each.von, each.last) for each in names[:3]] == [
        (["Yang"], [], ["Song"]),
        (["Ludwig"], ["van", "der"], ["Wren"]),
        ([], [], ["{The ATLAS Collaboration}"]),
    ]


# ── RIS ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_ris_in_its_shape() -> None:
    told = ris.write([ARXIV, JOURNAL])
    lines = told.split("\r\n")
    assert lines[0] == "TY  - GEN" and "TY  - JOUR" in lines
    assert lines.count("ER  - ") == 2
    for line in filter(None, lines):
        assert re.fullmatch(r"[A-Z][A-Z0-9]  - .*", line)
    assert {"AU  - Song, Yang", "AU  - The ATLAS Collaboration", "PY  - 2025", "DA  - 2025/10/02/"} <= set(lines)
    assert {"AN  - arXiv:2510.02283", "DO  - 10.1000/lark_(2026)<1>", "KW  - flight"} <= set(lines)
    assert "TI  - β-VAE for DNA at 95% of R&D" in lines


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_text_breaks_a_line_of_ris(title: str, abstract: str, author: str) -> None:
    told = ris.write([paper(title, abstract, authors=(author,), arxiv="2603.00001")])
    lines = told.split("\r\n")
    assert lines[-1] == "" and lines[-2] == "ER  - " and lines.count("ER  - ") == 1
    assert len(told.splitlines()) == len(lines) - 1
    assert all(re.fullmatch(r"[A-Z][A-Z0-9]  - .*", line) for line in lines[:-1])


# ── CSL-JSON ───────────────────────────────────────────────────────────────────────────────────────────────────────

TEXT_OF_CSL = {"id", "type", "title", "genre", "publisher", "number", "DOI", "URL", "keyword", "abstract"}


def test_csl_json_by_the_rules_of_its_schema() -> None:
    told = json.loads(csl.write([ARXIV, JOURNAL, paper("Nobody's", authors=()), *papers(*HOSTILE)]))
    for each in told:
        assert each["type"] in ("article", "article-journal")
        assert {name for name, value in each.items() if isinstance(value, str)} <= TEXT_OF_CSL
        assert each.keys() <= TEXT_OF_CSL | {"author", "issued"}
        for name in each.get("author", ()):
            assert name and (name.keys() == {"literal"} or name.keys() <= {"family", "given", "suffix"})
        ((year, month, day),) = each["issued"]["date-parts"]
        assert datetime(year, month, day, tzinfo=UTC)
    assert told[0]["author"][1:] == [
        {"family": "van der Wren", "given": "Ludwig"},
        {"literal": "The ATLAS Collaboration"},
    ]
    assert (told[0]["number"], told[0]["genre"]) == ("arXiv:2510.02283", "preprint")
    assert (told[1]["type"], told[1]["DOI"]) == ("article-journal", "10.1000/lark_(2026)<1>")
    assert "author" not in told[2]


def test_nothing_is_well_formed_too() -> None:
    nothing: list[StoredPaper] = []
    assert bibtex.write(nothing) == ris.write(nothing) == ""
    assert json.loads(csl.write(nothing)) == []


# ── BibTeX's own grammar, as far as it is needed ───────────────────────────────────────────────────────────────────


def _read_bibtex(text: str) -> Iterable[tuple[str, dict[str, str]]]:
    """Keys and fields, braces counted as BibTeX counts them. Raises AssertionError for what it would complain of."""
    at = 0
    while at < len(text):
        opening = re.compile(r"@misc\{([^\s,{}()\"#%'=~\\]+),\s*").match(text, at)
        assert opening, text[at : at + 40]
        fields: dict[str, Any] = {}
        at = opening.end()
        while text[at] != "}":
            name = re.compile(r"([A-Za-z]+)\s*=\s*").match(text, at)
            assert name, text[at : at + 40]
            value, at = _value(text, name.end())
            fields[name[1]] = value
            comma = re.compile(r",\s*").match(text, at)
            assert comma
            at = comma.end()
        yield opening[1], fields
        blank = re.compile(r"\}\s*").match(text, at)
        assert blank
        at = blank.end()


def _value(text: str, start: int) -> tuple[str, int]:
    if text[start] != "{":
        month = re.compile("[a-z]{3}").match(text, start)
        assert month
        return month[0], month.end()
    depth = 0
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if not depth:
            return text[start + 1 : at], at + 1
    raise AssertionError("a brace is never closed")


def _split(text: str, word: str) -> Iterable[str]:
    """At a word outside of braces."""
    depth, begin = 0, 0
    for at, letter in enumerate(text):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if not depth and text[at : at + len(word)].lower() == word:
            yield text[begin:at]
            begin = at + len(word)
    yield text[begin:]
