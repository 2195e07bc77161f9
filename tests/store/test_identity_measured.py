"""How well papers are known again: over real records whose ids are hidden, and over made-up pairs that are hard."""

import gzip
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import insert

from paperlark.matching.text import title_key
from paperlark.model.papers import Alias, Announcement, Paper
from paperlark.model.problems import SourceError
from paperlark.sources import hf_daily, jsonl
from paperlark.sources.base import Saved
from paperlark.store import merges
from paperlark.store.database import Store
from paperlark.store.identity import Census
from paperlark.store.tables import MARK
from paperlark.testing.channels import FakeChannel
from tests.amounts import one_in
from tests.builders import MONDAY, deliver, dump, owed, percolate, reader, record
from tests.store.hard_pairs import Pair, hard_pairs

CAPTURED = date(2026, 1, 5)
OF_EACH = 25
BOUND = 0.995

Titled = tuple[Paper, str]  # with its title key


# ── real records ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def hf(shared_data: Path) -> list[Titled]:
    """Every record of the Hugging Face days that can be read."""
    found: list[Paper] = []
    for file in sorted((shared_data / "hf_daily_api").rglob("*.json*")):
        body = file.read_bytes()
        try:
            page = hf_daily.parse_saved(
                Saved(file.name, gzip.decompress(body) if file.suffix == ".gz" else body, CAPTURED)
            )
        except SourceError:
            continue  # a corrupt day: the adapter's own tests look at it
        found += [told.paper for told in page.announcements]
    return titled(found)


@pytest.fixture(scope="module")
def arxiv(shared_data: Path) -> list[Titled]:
    """Twenty thousand arXiv papers."""
    (file,) = (shared_data / "arxiv_bulk").glob("*.jsonl.gz")
    with gzip.open(file) as lines:
        pages = jsonl.parse_lines(lines, where=file.name, captured_on=CAPTURED)
        return titled(told.paper for page in pages for told in page.announcements)


def titled(papers: Iterable[Paper]) -> list[Titled]:
    return [(one, title_key(one.title)) for one in papers]


def arxiv_id(one: Paper) -> str:
    return next((alias.value for alias in one.aliases if alias.scheme == "arxiv"), "")


@pytest.mark.parametrize("first", ["arxiv", "hf"])
def test_papers_common_to_both_sets_are_known_again_without_their_ids(
    first: str, hf: list[Titled], arxiv: list[Titled], capsys: pytest.CaptureFixture[str]
) -> None:
    """The truth is the arXiv id, which the matcher sees of arXiv's side only."""
    hidden = [(replace(one, aliases=()), title) for one, title in hf]
    truth = [arxiv_id(one) for one, _ in hf]
    census, numbers = Census(), iter(range(10**6))

    def settle(papers: Sequence[Titled]) -> list[int]:
        found = [census.settle(one, title, next(numbers)) for one, title in papers]
        assert not any(each.absorbed for each in found)
        return [each.paper_id for each in found]

    if first == "arxiv":
        ours, theirs = settle(arxiv), settle(hidden)
    else:
        theirs, ours = settle(hidden), settle(arxiv)
    holder = defaultdict(set)
    for number, (one, _) in zip(ours, arxiv, strict=True):
        holder[number].add(arxiv_id(one))
    common = {arxiv_id(one) for one, _ in arxiv} & set(truth)
    joined = [(wanted, holder[number]) for number, wanted in zip(theirs, truth, strict=True) if number in holder]
    right = sum(found == {wanted} for wanted, found in joined)
    precision, recall = right / len(joined), right / len(common)
    with capsys.disabled():
        print(
            f"\n{len(hf):,} Hugging Face records without ids, {len(arxiv):,} of arXiv, {first} first: {len(common)} "
            f"common, {len(joined)} joined, {right} rightly; precision {precision:.2%}, recall {recall:.2%}"
        )
    assert len(common) >= 300
    assert precision > BOUND and recall > BOUND


# ── hard pairs ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    made = list(hard_pairs(OF_EACH))
    assert len(made) >= 500
    return made


def joined(one: Paper, other: Paper) -> bool:
    census = Census()
    numbers = [census.settle(each, title_key(each.title), at).paper_id for at, each in enumerate((one, other))]
    return len(set(numbers)) == 1


def test_of_hard_pairs_none_is_merged_falsely_and_none_is_missed(
    pairs: list[Pair], capsys: pytest.CaptureFixture[str]
) -> None:
    counts: dict[tuple[str, bool], list[int]] = defaultdict(lambda: [0, 0])
    for pair in pairs:
        for one, other in ((pair.one, pair.other), (pair.other, pair.one)):
            count = counts[pair.kind, pair.same]
            count[0] += 1
            count[1] += joined(one, other) != pair.same
    with capsys.disabled():
        print(f"\n{'hard pairs, in both orders':36} {'told':>6} {'wrong':>6}")
        for (kind, same), (told, wrong) in counts.items():
            print(f"{kind:36} {told:6} {wrong:6}  {'one paper' if same else 'two papers'}")
    assert not any(wrong for _, wrong in counts.values())


def test_hard_pairs_in_one_archive_are_as_many_papers_as_they_should_be(pairs: list[Pair]) -> None:
    """All of them in one census: near-equal papers of other pairs do not mislead."""
    census = Census()
    told = [
        each for pair in pairs if pair.kind not in ("short title", "generic title") for each in (pair.one, pair.other)
    ]
    papers = {census.settle(each, title_key(each.title), at).paper_id for at, each in enumerate(told)}
    wanted = sum(1 if pair.same else 2 for pair in pairs if pair.kind not in ("short title", "generic title"))
    assert len(papers) == wanted


def apart(pair: Pair, at: int) -> tuple[Announcement, Announcement]:
    """A pair as two papers that share nothing by which they could be joined at once."""
    one = replace(pair.one, aliases=(*pair.one.aliases, Alias("url", f"https://one.example/{at}")))
    other = replace(
        pair.other,
        title=f"{pair.other.title}, other {at}",
        aliases=(Alias("doi", f"10.9999/{at}"), Alias("hf", f"of-{at}")),
    )
    return (
        Announcement(replace(one, title=f"{one.title}, one {at}"), MONDAY, signals={"upvotes": at}),
        Announcement(other, MONDAY, signals={"upvotes": at + 1, "comments": 1}),
    )


async def test_every_undo_of_a_merge_of_hard_pairs_restores_both_papers_whole(
    sqlite_store: Store, pairs: list[Pair], capsys: pytest.CaptureFixture[str]
) -> None:
    store, pairs = sqlite_store, pairs[:: one_in(8)]
    ann = await reader(store, "route* OR published OR abstract OR title:study")
    tellings = [apart(pair, at) for at, pair in enumerate(pairs)]
    kept = (await record(store, *(one for one, _ in tellings))).papers
    await percolate(store)
    await deliver(store, FakeChannel())  # the first of each pair was told, the second is still to be
    gone = (await record(store, *(other for _, other in tellings), source="feed", authority=40)).papers
    again = [replace(other, paper=replace(other.paper, abstract="")) for _, other in tellings[::2]]
    await record(store, *again, source="arxiv")  # half of the pairs were announced by one source
    await percolate(store)
    assert len({*kept, *gone}) == 2 * len(pairs) and len(await owed(store)) > len(pairs)
    async with store.transaction() as tx:
        marks = [{"account_id": ann.account_id, "paper_id": number, "kind": "saved", "at": MONDAY} for number in gone]
        await tx.execute(insert(MARK), marks)
    before = await dump(store, without=["merge_log"])
    async with store.transaction() as tx:
        done = [
            await merges.merge(tx, one, other, reason=pair.kind, now=MONDAY)
            for pair, one, other in zip(pairs, kept, gone, strict=True)
        ]
    merged = await dump(store, without=["merge_log"])
    assert len(merged["paper"]) == len(pairs)
    async with store.transaction() as tx:
        for number in done:
            await merges.part(tx, number, now=MONDAY)
    after = await dump(store, without=["merge_log"])
    for table, rows in before.items():
        assert after[table] == rows, table
    with capsys.disabled():
        total = sum(map(len, before.values()))
        print(f"\n{len(done)} merges undone: {total:,} rows of {len(before)} tables as they were before")
