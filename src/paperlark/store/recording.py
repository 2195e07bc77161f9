"""Recording a page of announcements: which papers they are of, and what is kept of them.

`prepare` and `read_words` are the parts that cost time and touch nothing (run them off the loop); `record` is the part
that writes. Only a new paper's words are kept, and a feed repeats itself all day: `strangers` says whose are wanted.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, text, update

from paperlark.matching.document import Analysed, Document, analyse
from paperlark.matching.text import title_key
from paperlark.model.ids import new_id
from paperlark.model.papers import Alias, Announcement, Paper
from paperlark.store import merges, papers, search
from paperlark.store.columns import storable
from paperlark.store.database import Transaction
from paperlark.store.identity import Census, Known, Settled, bounded
from paperlark.store.rows import chunks
from paperlark.store.tables import ALIAS, ANNOUNCEMENT, PAPER, SIGNAL, SOURCE_RECORD

RECORD_LOCK = 7_226_002  # PostgreSQL: one page is recorded at a time, so that one title cannot become two papers


@dataclass(frozen=True, slots=True)
class Prepared:
    """An announcement with everything worked out that needs no database."""

    announcement: Announcement
    title: str
    aliases: tuple[Alias, ...]
    fields: dict[str, Any]
    analysed: Analysed


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a page left behind: the paper of each announcement, in order; which papers are new; how many announcements
    were new, and how many known ones brought new counts. fresh: the announcements of new papers, as they were read."""

    papers: tuple[int, ...]
    new_papers: frozenset[int]
    new_announcements: int
    new_signals: int
    fresh: Mapping[int, Analysed]


def prepare(source: str, announcements: Iterable[Announcement]) -> list[Prepared]:
    """Work out names and fields. Costs less than a tenth of a millisecond a paper: call it in a thread."""
    return [_prepared(source, announcement) for announcement in announcements]


def read_words(prepared: Iterable[Prepared]) -> None:
    """Find the words that are kept of new papers. Costs about half a millisecond a paper: call it in a thread, before
    `record` has to do it while others wait."""
    for entry in prepared:
        _ = entry.analysed.texts.search_words, entry.analysed.texts.length


async def strangers(tx: Transaction, prepared: Sequence[Prepared]) -> list[Prepared]:
    """Those of which no id is known, and no title where they have no id: as far as can be said before they are
    recorded, the new papers."""
    named = [entry.aliases or (Alias("title", entry.title),) for entry in prepared]
    known = await _named(tx, (alias for aliases in named for alias in aliases))
    return [entry for entry, aliases in zip(prepared, named, strict=True) if known.keys().isdisjoint(aliases)]


def _prepared(source: str, announcement: Announcement) -> Prepared:
    aliases = tuple(Alias(alias.scheme, bounded(storable(alias.value))) for alias in announcement.paper.aliases)
    paper = replace(announcement.paper, aliases=aliases)
    analysed = analyse(_document_of_paper(paper, source, announcement))
    fields, said = storable((_fields(paper), announcement.said))
    return Prepared(
        announcement=replace(announcement, paper=paper, said=said),
        title=bounded(title_key(paper.title)),
        aliases=aliases,
        fields=fields,
        analysed=analysed,
    )


async def record(
    tx: Transaction,
    source: str,
    authority: int,
    prepared: Sequence[Prepared],
    *,
    owes: bool,
    now: datetime,
    late_before: datetime | None = None,
) -> Recorded:
    """Write a page: its papers, aliases, source records, announcements and signals. What is there already stays.

    late_before: an announcement made before it comes late; it waits for the next digest, whatever the cadence.
    """
    if tx.postgres:
        await tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": RECORD_LOCK})
    census = await _census(tx, prepared)
    names = census.names()
    settled = _settle(census, prepared)
    pairs = list(zip(prepared, settled, strict=True))
    await _write_new_papers(tx, pairs, now)
    named = await _write_aliases(tx, pairs, names)
    await _write_source_records(tx, pairs, source, authority, now)
    told, counted = await _write_announcements(tx, pairs, source, owes=owes, now=now, late_before=late_before)
    retold = named | {*counted} | {found.paper_id for _, found in told.values()}
    merging = {number for s in settled if s.absorbed for number in (s.paper_id, *s.absorbed)}
    await _retell(tx, retold - {s.paper_id for s in settled if s.new}, merging)
    for entry, found in pairs:
        for gone in found.absorbed:
            await merges.merge(tx, found.paper_id, gone, reason=f"{source}: {entry.announcement.paper.title}", now=now)
    times = Counter(s.paper_id for s in settled)
    return Recorded(
        papers=tuple(s.paper_id for s in settled),
        new_papers=frozenset(s.paper_id for s in settled if s.new),
        new_announcements=len(told),
        new_signals=len(counted),
        fresh={
            number: entry.analysed
            for number, (entry, found) in told.items()
            if found.new and times[found.paper_id] == 1
        },
    )


def _settle(census: Census, prepared: Sequence[Prepared]) -> list[Settled]:
    """Which paper each announcement is of. A paper that is new in this page and absorbed in the same page was never."""
    settled: list[Settled] = []
    new: set[int] = set()
    for entry in prepared:
        found = census.settle(entry.announcement.paper, entry.title, new_id())
        if found.new:
            new.add(found.paper_id)
        for gone in new.intersection(found.absorbed):
            settled = [Settled(found.paper_id, False, s.absorbed) if s.paper_id == gone else s for s in settled]
            found = Settled(found.paper_id, found.new, tuple(a for a in found.absorbed if a != gone))
        settled.append(found)
    return settled


async def _census(tx: Transaction, prepared: Sequence[Prepared]) -> Census:
    """Everything in the store that this page could be talking of."""
    names = (alias for entry in prepared for alias in (Alias("title", entry.title), *entry.aliases))
    ids = {number for numbers in (await _named(tx, names)).values() for number in numbers}
    census = Census(await merges.parted(tx, ids))
    for id_chunk in chunks(sorted(ids)):
        named: dict[int, list[Alias]] = defaultdict(list)
        for row in await tx.execute(select(ALIAS).where(ALIAS.c.paper_id.in_(id_chunk))):
            named[row.paper_id].append(Alias(row.scheme, row.value))
        told = select(PAPER.c.id, PAPER.c.title, PAPER.c.abstract, PAPER.c.authors).where(PAPER.c.id.in_(id_chunk))
        for row in await tx.execute(told):
            census.add(
                Known(row.id, row.title, row.abstract, tuple(row.authors)),
                [a for a in named[row.id] if a.scheme != "title"],
                [a.value for a in named[row.id] if a.scheme == "title"],
            )
    return census


async def _named(tx: Transaction, aliases: Iterable[Alias]) -> dict[Alias, set[int]]:
    """Which papers have these names, as far as any has: a title may have several."""
    by_scheme: dict[str, set[str]] = {}
    for alias in aliases:
        by_scheme.setdefault(alias.scheme, set()).add(alias.value)
    found: dict[Alias, set[int]] = defaultdict(set)
    for scheme, values in by_scheme.items():
        for chunk in chunks(sorted(values)):
            there = select(ALIAS.c.value, ALIAS.c.paper_id).where(ALIAS.c.scheme == scheme, ALIAS.c.value.in_(chunk))
            for row in await tx.execute(there):
                found[Alias(scheme, row.value)].add(row.paper_id)
    return found


async def _write_new_papers(tx: Transaction, pairs: Sequence[tuple[Prepared, Settled]], now: datetime) -> None:
    new = [(p, s) for p, s in pairs if s.new]
    await tx.insert_new(
        PAPER,
        [
            {"id": s.paper_id, **papers.paper_columns(p.fields), "first_seen": now, "words": p.analysed.texts.length}
            for p, s in new
        ],
    )
    await search.write(tx, [(s.paper_id, p.analysed.texts.search_words) for p, s in new])


async def _write_aliases(
    tx: Transaction, pairs: Sequence[tuple[Prepared, Settled]], known: Collection[Alias]
) -> set[int]:
    """Returns the papers that have a name more. known: the names that somebody has already."""
    rows = [{"scheme": a.scheme, "value": a.value, "paper_id": s.paper_id} for p, s in pairs for a in p.aliases]
    rows += [{"scheme": "title", "value": p.title, "paper_id": s.paper_id} for p, s in pairs]
    await tx.insert_new(ALIAS, rows)
    return {s.paper_id for p, s in pairs if any(alias not in known for alias in p.aliases)}


async def _write_source_records(
    tx: Transaction, pairs: Sequence[tuple[Prepared, Settled]], source: str, authority: int, now: datetime
) -> None:
    """Keep what this source says; where that is news of a known paper, work the paper's own fields out again."""
    known = {s.paper_id for _, s in pairs if not s.new}
    before: dict[int, dict[str, Any]] = {}
    for chunk in chunks(sorted(known)):
        wanted = select(SOURCE_RECORD.c.paper_id, SOURCE_RECORD.c.fields).where(
            SOURCE_RECORD.c.paper_id.in_(chunk), SOURCE_RECORD.c.source == source
        )
        before |= {row.paper_id: row.fields for row in await tx.execute(wanted)}
    latest = {s.paper_id: p for p, s in pairs}  # where a page names a paper twice, its last word counts
    rows, changed = [], set()
    for paper_id, entry in latest.items():
        if paper_id in before and before[paper_id] == entry.fields:
            continue
        if paper_id in known or paper_id in before:
            changed.add(paper_id)
        rows.append(
            {"paper_id": paper_id, "source": source, "authority": authority, "fields": entry.fields,
             "said": dict(entry.announcement.said), "seen_at": now}
        )  # fmt: skip
    if not rows:
        return
    insert = tx.insert(SOURCE_RECORD)
    says = {name: insert.excluded[name] for name in ("authority", "fields", "said", "seen_at")}
    await tx.execute(insert.on_conflict_do_update(index_elements=["paper_id", "source"], set_=says), rows)
    for paper_id in sorted(changed):
        await papers.rewrite(tx, paper_id)


async def _write_announcements(
    tx: Transaction,
    pairs: Sequence[tuple[Prepared, Settled]],
    source: str,
    *,
    owes: bool,
    now: datetime,
    late_before: datetime | None,
) -> tuple[dict[int, tuple[Prepared, Settled]], list[int]]:
    """Announcements that are new, and counts that are. Returns the former by id, and of the latter each one's paper."""
    wanted = {(s.paper_id, p.announcement.occasion, p.announcement.type): (p, s) for p, s in pairs}
    known: dict[tuple[int, str, str], int] = {}
    for chunk in chunks(sorted({s.paper_id for _, s in pairs if not s.new})):
        announced = select(
            ANNOUNCEMENT.c.id, ANNOUNCEMENT.c.paper_id, ANNOUNCEMENT.c.occasion, ANNOUNCEMENT.c.type
        ).where(ANNOUNCEMENT.c.paper_id.in_(chunk), ANNOUNCEMENT.c.source == source)
        known |= {(row.paper_id, row.occasion, row.type): row.id for row in await tx.execute(announced)}
    rows, first_signals, new = [], [], {}
    for (paper_id, occasion, kind), (entry, found) in wanted.items():
        if (paper_id, occasion, kind) in known:
            continue
        number, told = new_id(), entry.announcement
        new[number] = (entry, found)
        rows.append(
            {"id": number, "source": source, "paper_id": paper_id, "occasion": occasion, "type": kind,
             "announced_at": told.announced_at, "first_seen": now, "owes": owes,
             "late": late_before is not None and told.announced_at < late_before}
        )  # fmt: skip
        if told.signals:
            # the announcement's own percolation sees these counts: nothing is left open for them
            first_signals.append(
                {"announcement_id": number, "at": now, "counts": dict(told.signals), "percolated_at": now}
            )
    await tx.insert_new(ANNOUNCEMENT, rows)
    refreshed = await _changed_signals(
        tx, {known[k]: p.announcement.signals for k, (p, _) in wanted.items() if k in known}, now
    )
    await tx.insert_new(SIGNAL, first_signals + refreshed)
    paper_of = {number: paper_id for (paper_id, _, _), number in known.items()}
    return new, [paper_of[row["announcement_id"]] for row in refreshed]


async def _retell(tx: Transaction, paper_ids: Collection[int], merging: Collection[int]) -> None:
    """Whoever has these papers at hand as text reads them anew. They are taken together with those that will be merged,
    in one order, so that nobody waits for us while we wait for them."""
    await merges.hold(tx, {*paper_ids, *merging})
    for chunk in chunks(sorted(paper_ids)):
        await tx.execute(update(PAPER).where(PAPER.c.id.in_(chunk)).values(retold=new_id()))


async def _changed_signals(
    tx: Transaction, counts: Mapping[int, Mapping[str, int]], now: datetime
) -> list[dict[str, Any]]:
    """The counts that differ from the last ones kept."""
    latest: dict[int, Mapping[str, int]] = {}
    for chunk in chunks(sorted(number for number, count in counts.items() if count)):
        wanted = (
            select(SIGNAL.c.announcement_id, SIGNAL.c.counts)
            .where(SIGNAL.c.announcement_id.in_(chunk))
            .order_by(SIGNAL.c.at)
        )
        latest |= {row.announcement_id: row.counts for row in await tx.execute(wanted)}
    return [
        {"announcement_id": number, "at": now, "counts": dict(count), "percolated_at": None}
        for number, count in counts.items()
        if count and latest.get(number) != dict(count)
    ]


def _document_of_paper(paper: Paper, source: str, announcement: Announcement) -> Document:
    return Document(
        title=paper.title,
        abstract=paper.abstract,
        authors=paper.authors,
        organisation=paper.organisation,
        categories=paper.categories,
        sources=(source,),
        aliases=paper.aliases,
        type=announcement.type,
        signals=announcement.signals,
        author_count=paper.author_count,
        announced_at=announcement.announced_at,
    )


def _fields(paper: Paper) -> dict[str, Any]:
    return {
        "title": paper.title,
        "abstract": paper.abstract,
        "authors": list(paper.authors),
        "author_count": paper.author_count,
        "organisation": paper.organisation,
        "categories": list(paper.categories),
        "keywords": list(paper.keywords),
        "url": paper.url,
        "code_url": paper.code_url,
        "published_at": paper.published_at.astimezone(UTC).isoformat() if paper.published_at else None,
        "aliases": sorted(map(str, paper.aliases)),  # rows of their own, but news of them is news of the paper
    }
