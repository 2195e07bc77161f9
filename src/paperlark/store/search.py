"""The archive's full text, in our own words: the database gives candidates that are a proven superset, the exact check
and our own BM25 (`matching`) decide, the same on both databases.

SQLite keeps a paper's distinct words in an FTS5 table (`unicode61`), PostgreSQL in a tsvector with a GIN index; both
store what `matching.document.search_words` wrote, and neither stems nor folds anything itself.
"""

from collections.abc import AsyncIterator, Iterable, Sequence

from sqlalchemy import func, select, text

from paperlark.matching.candidates import Wanted, to_fts5, to_tsquery
from paperlark.store.database import Transaction
from paperlark.store.rows import chunks
from paperlark.store.tables import PAPER

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
        await tx.connection.exec_driver_sql(f"INSERT INTO paper_words (rowid, words) VALUES {rows}", values)


async def remove(tx: Transaction, paper_id: int) -> None:
    """Take a paper out of the index."""
    column = "paper_id" if tx.postgres else "rowid"
    await tx.execute(text(f"DELETE FROM paper_words WHERE {column} = :paper_id"), {"paper_id": paper_id})


async def rewrite(tx: Transaction, paper_id: int, words: Iterable[str]) -> None:
    """Index a paper again."""
    await remove(tx, paper_id)
    await write(tx, [(paper_id, words)])


async def candidates(tx: Transaction, wanted: Wanted) -> AsyncIterator[int]:
    """The ids of all papers that could meet a query, and perhaps some that do not, newest first."""
    if tx.postgres:
        expression = to_tsquery(wanted)
        query = "SELECT paper_id FROM paper_words WHERE words @@ CAST(:wanted AS tsquery) ORDER BY paper_id DESC"
    else:
        expression = to_fts5(wanted)
        query = "SELECT rowid FROM paper_words WHERE paper_words MATCH :wanted ORDER BY rowid DESC"
    found = (
        await tx.execute(text(query), {"wanted": expression})
        if expression
        else await tx.execute(select(PAPER.c.id).order_by(PAPER.c.id.desc()))
    )
    for row in found:
        yield row[0]


async def document_frequencies(tx: Transaction, words: Iterable[str]) -> dict[str, int]:
    """In how many papers each word stands."""
    counts: dict[str, int] = {}
    for word in dict.fromkeys(words):
        if tx.postgres:
            found = await tx.execute(
                text("SELECT count(*) FROM paper_words WHERE words @@ CAST(:wanted AS tsquery)"),
                {"wanted": f"'{word}'"},
            )
        else:
            found = await tx.execute(text("SELECT doc FROM paper_vocabulary WHERE term = :word"), {"word": word})
        counts[word] = found.scalar() or 0
    return counts


async def size(tx: Transaction) -> tuple[int, float]:
    """How many papers the archive holds, and their average length in words."""
    found = (await tx.execute(select(func.count().label("papers"), func.avg(PAPER.c.words).label("length")))).one()
    return found.papers, float(found.length or 0.0)
