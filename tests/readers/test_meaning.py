"""The archive by meaning, papers like one, and wishes for both: on both databases."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from paperlark.matching import meaning as directions_of
from paperlark.model.problems import QueryError, ReaderError
from paperlark.pipeline.percolate import Percolator
from paperlark.readers import follow, meaning, search, similar
from paperlark.readers.narrowing import Narrowing
from paperlark.readers.preview import preview
from paperlark.readers.search import Place
from paperlark.readers.warm import Warming
from paperlark.readers.why import explain
from paperlark.store.compass import Compass
from paperlark.store.database import Store, Transaction
from paperlark.store.tables import MATCH
from tests.builders import LEASE, MONDAY, Reader, percolate, reader, record, stored, told

PAPERS: dict[str, tuple[str, str]] = {
    "2603.00001": ("Agents that browse the web", "A language model clicks and types in web browsers."),
    "2603.00002": ("Surfing internet pages automatically", "Software opens sites and fills in online forms by itself."),
    "2603.00003": ("Larks over the hedge", "Songbirds leave their nests at dawn and sing above the meadow."),
    "2603.00004": ("Singing of owls and nightingales", "Birds call in the forest at night, and other birds answer."),
    "2603.00005": ("Quantum gates on trapped ions", "Qubits are entangled by lasers with few errors."),
    "2603.00006": ("Browser agents need memory", "Web agents that remember pages browse faster."),
}


@pytest.fixture
async def archive(store: Store) -> Store:
    await record(store, *(told(*said, arxiv=name, at=MONDAY) for name, said in PAPERS.items()))
    return store


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "wordllama", None)
    directions_of.installed.cache_clear()
    yield
    directions_of.installed.cache_clear()


def names(found: Any) -> list[str]:
    return [next(a.value for a in each.paper.aliases if a.scheme == "arxiv") for each in found]


async def matched(store: Store, me: Reader) -> set[str]:
    """The papers that the percolator has found for a reader."""
    async with store.reading() as tx:
        wanted = select(MATCH.c.paper_id).where(MATCH.c.account_id == me.account_id)
        ids = list((await tx.execute(wanted)).scalars())
    return {next(a.value for a in paper.aliases if a.scheme == "arxiv") for paper in await stored(store, 0, *ids)}


async def test_other_words_for_the_same_are_found_after_the_words_themselves(archive: Store) -> None:
    by_words = names((await search.stretch(archive, "agents browse web", limit=9)).found)
    assert set(by_words) == {"2603.00001", "2603.00006"}
    found = await meaning.stretch(archive, "agents browse web", limit=3)
    assert set(names(found.found[:2])) == {"2603.00001", "2603.00006"}
    assert names(found.found[2:]) == ["2603.00002"]
    assert found.found[0].matched and not found.found[2].matched
    assert found.total is None


async def test_what_is_asked_besides_words_must_hold(archive: Store) -> None:
    assert "2603.00006" not in names((await meaning.stretch(archive, "web agents -memory", limit=9)).found)
    nobody = Narrowing(author="Finch, Ada")
    assert not (await meaning.stretch(archive, "web agents", narrowing=nobody, limit=9)).found
    everything = await meaning.stretch(archive, "cat:cs.CL OR id:2603.00003", limit=9)
    assert names(everything.found) == ["2603.00003"]


async def test_reading_on_meets_each_paper_once_though_others_arrive(archive: Store) -> None:
    seen: list[str] = []
    after: Place | None = None
    for turn in range(9):
        part = await meaning.stretch(archive, "birds that sing", limit=2, after=after)
        seen += names(part.found)
        after = part.after
        if after is None:
            break
        await record(archive, told(f"Birds that sing, part {turn}", "Songbirds sing.", arxiv=f"2604.0000{turn}"))
    old = [name for name in seen if name in PAPERS]
    assert len(old) == len(set(old))
    assert {"2603.00003", "2603.00004"} <= set(old)


EXPLAINING = "We study robust owl tracking (ROT) at night, and robust owl tracking at dawn."


async def explained(store: Store) -> None:
    """Two papers explain what a third one says."""
    await record(
        store,
        told("Watching nests", EXPLAINING, arxiv="2603.00101"),
        told("Watching hedges", EXPLAINING, arxiv="2603.00102"),
        told("ROT without cameras", "The microphones are enough.", arxiv="2603.00103"),
    )
    await Warming(store).run()


@pytest.mark.usefixtures("without_the_extra")
async def test_another_name_that_abstracts_explain_is_looked_for_as_well(archive: Store) -> None:
    await explained(archive)
    by_its_long_form = await meaning.stretch(archive, "robust owl tracking", limit=9)
    assert "2603.00103" in names(by_its_long_form.found)
    [only] = [each for each in by_its_long_form.found if each.paper.title.startswith("ROT")]
    assert [(span.field, span.start, span.end) for span in only.matched] == [("title", 0, 3)]
    by_its_short_form = await meaning.stretch(archive, "ROT", limit=9)
    assert set(names(by_its_short_form.found)) == {"2603.00101", "2603.00102", "2603.00103"}


@pytest.mark.usefixtures("without_the_extra")
async def test_a_name_that_is_explained_meanwhile_changes_nothing_for_who_reads_on(archive: Store) -> None:
    await record(archive, *(told(f"Owl tracking {turn}", "By night.", arxiv=f"2603.0020{turn}") for turn in range(4)))
    first = await meaning.stretch(archive, "robust owl tracking", limit=2)
    await explained(archive)
    rest = await meaning.stretch(archive, "robust owl tracking", limit=9, after=first.after)
    assert "2603.00103" not in names(rest.found)
    anew = await meaning.stretch(archive, "robust owl tracking", limit=2)
    assert anew.after is not None and anew.after.names == ("ROT",)


async def test_similar_papers_are_near_and_say_why(archive: Store) -> None:
    found = await similar.similar(archive, "2603.00003", limit=2)
    assert found.of.title == "Larks over the hedge"
    assert names(found.papers)[0] == "2603.00004"
    assert "2603.00003" not in names(found.papers)
    assert found.papers[0].sentence.startswith("reads alike, 0.")
    assert not found.note
    with pytest.raises(ReaderError):
        await similar.similar(archive, "2603.77777")


async def test_similar_papers_are_looked_for_again_only_when_papers_come_or_change(
    archive: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_for: list[int] = []
    find = similar._find

    async def counted(tx: Transaction, compass: Compass, paper_id: int, limit: int) -> Any:
        looked_for.append(paper_id)
        return await find(tx, compass, paper_id, limit)

    monkeypatch.setattr(similar, "_find", counted)
    first = await similar.similar(archive, "2603.00003", limit=1)
    assert await similar.similar(archive, "2603.00003", limit=1) == first
    await reader(archive, "larks")
    assert await similar.similar(archive, "2603.00003", limit=1) == first
    assert len(looked_for) == 1
    await record(archive, told("Larks over the hedge again", PAPERS["2603.00003"][1], arxiv="2604.00001"))
    assert names((await similar.similar(archive, "2603.00003", limit=1)).papers) == ["2604.00001"]
    other = "Compilers for tensor programs", "Loops are fused and tiled."
    await record(archive, told(*other, arxiv="2604.00001", at=MONDAY + timedelta(days=1), occasion="replaced:v2"))
    assert names((await similar.similar(archive, "2603.00003", limit=1)).papers) == ["2603.00004"]
    assert len(looked_for) == 3


async def test_what_searches_would_wait_for_is_read_beforehand(archive: Store) -> None:
    warming = Warming(archive)
    assert "still being read" in warming.note
    await warming.run()
    assert (warming.papers, warming.note) == (len(PAPERS), "")
    async with archive.reading() as tx:
        assert len(tx.compass) == len(tx.shelf) == len(PAPERS)
        assert tx.shelf.usual is not None


@pytest.mark.usefixtures("without_the_extra")
async def test_without_the_extra_words_alone_decide_and_it_says_so(archive: Store) -> None:
    assert "pip install 'paperlark[meaning]'" in meaning.note()
    found = await meaning.stretch(archive, "agents surfing", limit=9)
    assert set(names(found.found)) == {"2603.00001", "2603.00002", "2603.00006"}
    alike = await similar.similar(archive, "2603.00001", limit=1)
    assert names(alike.papers) == ["2603.00006"]
    assert alike.papers[0].closeness is None
    assert alike.note == meaning.note()
    me = await reader(archive, "larks")
    for asking in (
        follow.follow(archive, me.account_id, 'about:"birds"'),
        search.stretch(archive, "like:2603.00003", limit=1),
        explain(archive, 'about:"birds"', "2603.00003"),
        preview(archive, 'about:"birds"', now=MONDAY),
    ):
        with pytest.raises(QueryError, match="not installed"):
            await asking


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("like:2603.00003 >= 0.4", {"2603.00003", "2603.00004"}),
        ('about:"birds that sing in the forest" >= 0.4', {"2603.00003", "2603.00004"}),
        ('about:"birds that sing in the forest" >= 0.4 larks', {"2603.00003"}),
        ('about:"birds that sing in the forest" >= 0.4 OR qubits', {"2603.00003", "2603.00004", "2603.00005"}),
        ("browser -like:2603.00006>=0.99", {"2603.00001"}),
        ("like:2603.77777", set()),
    ],
)
async def test_a_wish_by_meaning_gets_one_answer_everywhere(store: Store, query: str, expected: set[str]) -> None:
    """Search, explanation, preview, and percolator."""
    await record(store, *(told(*said, arxiv=name, at=MONDAY) for name, said in PAPERS.items()), owes=False)
    me = await reader(store, query)
    await record(store, *(told(*said, arxiv=name, at=MONDAY) for name, said in PAPERS.items()), source="hf_daily")
    await percolate(store)
    assert await matched(store, me) == expected
    assert set(names((await search.stretch(store, query, limit=9)).found)) == expected
    for name in PAPERS:
        answer = await explain(store, query, name)
        assert answer.met == (name in expected), answer.sentence
    assert (await preview(store, query, now=MONDAY)).total == len(expected)


async def test_a_profile_that_changes_is_held_against_the_paper_that_it_names_now(store: Store) -> None:
    await record(store, *(told(*PAPERS[name], arxiv=name) for name in ("2603.00003", "2603.00005")), owes=False)
    me = await reader(store, "like:2603.00005")
    percolator = Percolator(store, lease=LEASE)
    try:
        await percolator.run()
        await follow.edit(store, me.account_id, str(me.profile.id), text="like:2603.00003 >= 0.4")
        await record(store, told(*PAPERS["2603.00004"], arxiv="2603.00004"))
        await percolator.run()
    finally:
        await percolator.close()
    assert await matched(store, me) == {"2603.00005", "2603.00004"}  # by what it was, and by what it is
