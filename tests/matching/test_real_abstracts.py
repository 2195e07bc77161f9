"""Real abstracts, profiles drawn from their own words: index, candidates and explanations against the reference."""

import gzip
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from paperlark.matching import core
from paperlark.matching.candidates import passes, wanted
from paperlark.matching.core import Core
from paperlark.matching.document import Analysed, Document, analyse
from paperlark.matching.explain import spans, stored_field
from paperlark.matching.index import Index
from paperlark.matching.query import Query, parse
from paperlark.matching.reference import meets
from paperlark.matching.standing import Standing
from paperlark.matching.text import readable, title_key, tokenise
from paperlark.model.problems import QueryError
from tests.amounts import examples, one_in
from tests.matching.papers import MONDAY

PAPERS = 200
PROFILES = 60
CHANGES = 40  # of profiles between two papers


@pytest.fixture(scope="module")
def real_papers(shared_data: Path) -> list[Analysed]:
    [bulk] = (shared_data / "arxiv_bulk").glob("*.jsonl.gz")
    with gzip.open(bulk, "rt", encoding="utf-8") as lines:
        # Every thirtieth, and all that are not plain ASCII among the first.
        records = [
            json.loads(line)
            for number, line in zip(range(PAPERS * 30), lines, strict=False)
            if number % 30 == 0 or "$" in line
        ]
    return [
        analyse(
            Document(
                title=" ".join(record["title"].split()),
                abstract=" ".join(record["summary"].split()),
                announced_at=MONDAY,
                authors=tuple(record["authors"]),
                categories=tuple(record["categories"]),
                signals={"upvotes": number % 50},
            )
        )
        for number, record in enumerate(records[: PAPERS * 2 : 2])
    ]


def profiles(papers: list[Analysed], seed: int, number: int = PROFILES) -> list[Query]:
    """Queries whose parts stand together in some paper, so that they nearly hold in others."""
    chance = random.Random(seed)
    found: list[Query] = []
    while len(found) < number:
        paper = chance.choice(papers).document
        words = [token.exact for token in tokenise(f"{paper.title} {paper.abstract}")]

        def several(words: list[str] = words) -> str:
            at = chance.randrange(len(words))
            return " ".join(words[at : at + chance.randint(1, 3)])

        author, category = chance.choice(paper.authors), chance.choice(paper.categories)
        kinds = [
            f'"{several()}"',
            several().replace(" ", "-"),
            f"={several().split()[0]}",
            f"{several().split()[0][:5]}*",
            f"title:{several().split()[0]}",
            f'author:"{author}"',
            f"cat:{category}",
        ]
        terms = chance.choices(kinds, k=4)
        shapes = [
            "{0}",
            "{0} {1}",
            "{0} OR {1} {2}",
            "({0} OR {1}) {2}",
            "{0} -{1}",
            "{0} {1} upvotes>=20",
            "{0}, {1} -({2} OR {3})",
        ]
        try:
            found.append(parse(chance.choice(shapes).format(*terms)))
        except QueryError:
            continue  # a stop word, a prefix too short
    return found


def test_index_candidates_and_reasons_agree_with_the_reference(real_papers: list[Analysed]) -> None:
    stored = profiles(real_papers, seed=7)
    index = Index[int]()
    for key, query in enumerate(stored):
        index.put(key, query)
    conditions = [wanted(query) for query in stored]
    matched = Counter[bool]()
    for paper in real_papers:
        met = {key for key, query in enumerate(stored) if meets(query, paper)}
        assert set(index.percolate(paper)) == met
        for key in met:
            assert passes(conditions[key], paper.texts.search_words)
            for span in spans(stored[key], paper):
                assert stored_field(paper, span.field)[span.start : span.end] == span.text
        matched[True] += len(met)
        matched[False] += len(stored) - len(met)
    assert matched[True] > len(real_papers)  # else the profiles were too strange to prove anything


@pytest.mark.timeout(900)  # a million checks, where the whole is asked for
def test_both_cores_agree_with_the_reference_while_profiles_come_change_and_go(
    real_papers: list[Analysed], compiled: Core, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = profiles(real_papers, seed=11, number=examples(700))
    indexes = [Index[int](Standing(each)) for each in (core.PLAIN, compiled)]
    standing = dict(enumerate(drawn))
    for index in indexes:
        for key, query in standing.items():
            index.put(key, query)
    chance, checks, met = random.Random(12), 0, 0
    for paper in real_papers[:: one_in(10)]:
        for key in chance.sample(range(len(drawn)), CHANGES):
            if key in standing and chance.random() < 0.3:
                del standing[key]
                for index in indexes:
                    index.remove(key)
            else:
                standing[key] = chance.choice(drawn)
                for index in indexes:
                    index.put(key, standing[key])
        expected = {key for key, query in standing.items() if meets(query, paper)}
        for index in indexes:
            assert set(index.percolate(paper)) == expected
        checks, met = checks + len(standing), met + len(expected)
    assert met > len(drawn)
    with capsys.disabled():
        print(f"\n{checks:,} checks of each core against the reference, {met:,} met")


def test_real_text_keeps_its_words_when_made_readable(real_papers: list[Analysed]) -> None:
    for paper in real_papers:
        for text in (paper.document.title, paper.document.abstract):
            shown = readable(text)
            assert "".join(token.word for token in tokenise(shown)) == "".join(token.word for token in tokenise(text))


def test_real_titles_have_keys_of_their_own(real_papers: list[Analysed]) -> None:
    titles = {paper.document.title for paper in real_papers}
    assert len({title_key(title) for title in titles}) == len(titles)


def test_a_title_with_its_tex_and_without_has_one_key_in_the_captures(shared_data: Path) -> None:
    titles = {
        line
        for capture in (shared_data / "captures").glob("*.txt")
        for line in capture.read_text("utf-8").splitlines()
        if "Inference Scaling" in line and "Laws:" in line
    }
    assert len(titles) == 2
    assert len(set(map(title_key, titles))) == 1
