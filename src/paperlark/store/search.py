"""The archive's full text, in our own words: the database gives candidates that are a proven superset, the exact check
and our own BM25 (`matching`) decide, the same on both databases.

SQLite keeps a paper's distinct words in an FTS5 table (`unicode61`), PostgreSQL in a tsvector with a GIN index; both
store what `matching.document.search_words` wrote, and neither stems nor folds anything itself.
"""

import json
from collections.abc import AsyncIterator, Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Text, TextClause, cast, func, select, text

from paperlark.matching.candidates import EVERY_TELLING, Told, Wanted, to_fts5, to_tsquery
from paperlark.matching.rank import Statistics
from paperlark.matching.reference import code_meets
from paperlark.model.papers import at_midnight
from paperlark.store.database import Transaction
from paperlark.store.rows import chunks, scalars
from paperlark.store.shelf import Counts
from paperlark.store.tables import ANNOUNCEMENT, PAPER, SIGNAL

CREATE_SQLITE = (
    "CREATE VIRTUAL TABLE paper_words USING fts5(words, detail=none, tokenize='unicode61 remove_diacritics 0')",
    "CREATE VIRTUAL TABLE paper_vocabulary USING fts5vocab(paper_words, row)",
)
CREATE_POSTGRES = (
    "CREATE TABLE paper_words (paper_id bigint PRIMARY KEY, words tsvector NOT NULL)",
    "CREATE INDEX ix_paper_words_words ON paper_words USING gin (words)",
)


async def write(tx: Transaction, papers: Sequence[tuple[int, Iterable[str]]]) -> None:
    """Index new papers."""
    if not papers:
        return
    if tx.postgres:
        await tx.execute(
            text(
                "INSERT INTO paper_words (paper_id, words)"
                " VALUES (:paper_id, array_to_tsvector(CAST(:words AS text[]))) ON CONFLICT DO NOTHING"
            ),
            [{"paper_id": number, "words": list(words)} for number, words in papers],
        )
        return
    for bite in chunks(papers):
        rows = ", ".join(["(?, ?)"] * len(bite))
        values = tuple(value for number, words in bite for value in (number, " ".join(words)))
        await (await tx.connection()).exec_driver_sql(f"INSERT INTO paper_words (rowid, words) VALUES {rows}", values)


def stored(*, postgres: bool) -> TextClause:
    """Every paper's id, and its words as they are stored, parted by spaces: what `write` takes."""
    words = "array_to_string(tsvector_to_array(words), ' ')" if postgres else "words"
    return text(f"SELECT {'paper_id' if postgres else 'rowid'} AS paper_id, {words} AS words FROM paper_words")


async def clear(tx: Transaction) -> None:
    """Take every paper out of the index."""
    await tx.execute(text("DELETE FROM paper_words"))


async def remove(tx: Transaction, paper_id: int) -> None:
    """Take a paper out of the index."""
    column = "paper_id" if tx.postgres else "rowid"
    await tx.execute(text(f"DELETE FROM paper_words WHERE {column} = :paper_id"), {"paper_id": paper_id})


async def rewrite(tx: Transaction, paper_id: int, words: Iterable[str]) -> None:
    """Index a paper again."""
    await remove(tx, paper_id)
    await write(tx, [(paper_id, words)])


async def candidates(tx: Transaction, wanted: Wanted, told: Told = EVERY_TELLING) -> NDArray[np.int64]:
    """The ids of papers, in no order: all whose stored words pass `wanted`, of which just that was told."""
    expression = to_tsquery(wanted) if tx.postgres else to_fts5(wanted)
    if told != EVERY_TELLING:
        listed = await _told_candidates(tx, expression, told)
    elif expression:
        [(listed,)] = await tx.glance(_HOLDING_POSTGRES if tx.postgres else _HOLDING_SQLITE, wanted=expression)
    else:
        [(listed,)] = await tx.glance(_EVERY_POSTGRES if tx.postgres else _EVERY_SQLITE)
    return np.fromstring(listed, np.int64, sep=",") if listed else np.empty(0, np.int64)


# Ids come as one text: thousands of rows cost more to fetch than to read.
_HELD_BY_SQLITE = "paper_words WHERE paper_words MATCH :wanted"
_HELD_BY_POSTGRES = "paper_words WHERE words @@ CAST(:wanted AS tsquery)"
_HOLDING_SQLITE = text(f"SELECT group_concat(rowid) FROM {_HELD_BY_SQLITE}")
_HOLDING_POSTGRES = text(f"SELECT string_agg(CAST(paper_id AS text), ',') FROM {_HELD_BY_POSTGRES}").execution_options(
    by_index=True
)
_EVERY_SQLITE = text("SELECT group_concat(id) FROM paper")
_EVERY_POSTGRES = text("SELECT string_agg(CAST(id AS text), ',') FROM paper")


async def _told_candidates(tx: Transaction, expression: str | None, told: Told) -> str | None:
    held = f"paper_id AS id FROM {_HELD_BY_POSTGRES}" if tx.postgres else f"rowid AS id FROM {_HELD_BY_SQLITE}"
    holding = text(f"SELECT {held}").bindparams(wanted=expression)
    # Found once: SQLite would else ask the full text for each paper that the other conditions name.
    found = holding.columns(PAPER.c.id).cte("holding").prefix_with("MATERIALIZED") if expression else PAPER
    conditions = [condition async for condition in _tellings(tx, found.c.id, told)]
    together = func.string_agg(cast(found.c.id, Text), ",") if tx.postgres else func.group_concat(found.c.id)
    await tx.by_index()
    listed: str | None = (await tx.execute(select(together).where(*conditions))).scalar()
    return listed


async def _tellings(tx: Transaction, paper_id: ColumnElement[int], told: Told) -> AsyncIterator[ColumnElement[bool]]:
    of_paper, announced = select(ANNOUNCEMENT.c.paper_id), ANNOUNCEMENT.c.announced_at
    if told.since:
        day = at_midnight(told.since)
        earlier = of_paper.where(ANNOUNCEMENT.c.paper_id == paper_id, announced < day)
        yield paper_id.in_(of_paper.where(announced >= day))
        yield ~earlier.exists()
    if told.before:
        yield paper_id.in_(of_paper.where(announced < at_midnight(told.before)))
    if told.sources:
        known = await scalars(tx, select(ANNOUNCEMENT.c.source).distinct())
        for code in told.sources:
            names = [name for name in known if code_meets(code, name)]
            yield paper_id.in_(of_paper.where(ANNOUNCEMENT.c.source.in_(names)))
    if told.counted:
        yield paper_id.in_(of_paper.join(SIGNAL, SIGNAL.c.announcement_id == ANNOUNCEMENT.c.id))


async def statistics(tx: Transaction, words: Iterable[str]) -> Statistics:
    """How many papers the archive holds, their average length in words, and in how many of them each word stands: as of
    the last time that the shelf was made fresh (`analysed.refresh`)."""
    counts, wanted = tx.shelf.counts, tuple(dict.fromkeys(words))
    state = (tx.shelf.newest, tx.shelf.revised)
    if counts.state != state:
        counts = tx.shelf.counts = Counts(state, *await _size(tx))
    for word in wanted:
        if word not in counts.frequencies:
            counts.frequencies[word] = await _frequency(tx, word)
    return Statistics(counts.papers, counts.length, {word: counts.frequencies[word] for word in wanted})


async def known(tx: Transaction, words: Collection[str]) -> dict[str, int]:
    """In how many papers each of some stored words stands, all asked at once; those that stand in none are left out."""
    if tx.postgres:
        statement = text(
            "SELECT word, doc FROM unnest(CAST(:words AS text[])) AS word, LATERAL (SELECT count(*) AS doc"
            " FROM paper_words WHERE words @@ CAST(quote_literal(word) AS tsquery)) AS held WHERE doc > 0"
        )
        await tx.by_index()
        return {row.word: row.doc for row in await tx.execute(statement, {"words": list(words)})}
    statement = text("SELECT term, doc FROM paper_vocabulary WHERE term IN (SELECT value FROM json_each(:words))")
    return {row.term: row.doc for row in await tx.execute(statement, {"words": json.dumps(list(words))})}


async def _size(tx: Transaction) -> tuple[int, float]:
    [(count, length)] = await tx.glance(_SIZE)
    return count, float(length or 0.0)


_SIZE = select(func.count().label("papers"), func.avg(PAPER.c.words).label("length"))


async def _frequency(tx: Transaction, word: str) -> int:
    if tx.postgres:
        [(held,)] = await tx.glance(_HELD_POSTGRES, word=f"'{word}'")
        return int(held)
    return sum(held for (held,) in await tx.glance(_HELD_SQLITE, word=word))


_HELD_SQLITE = text("SELECT doc FROM paper_vocabulary WHERE term = :word")
_HELD_POSTGRES = text("SELECT count(*) FROM paper_words WHERE words @@ CAST(:word AS tsquery)").execution_options(
    by_index=True
)
