"""Why a paper meets a query, or why not."""

from dataclasses import dataclass

from paperlark.matching.document import analyse
from paperlark.matching.explain import spans, why_not
from paperlark.matching.query import parse
from paperlark.matching.reference import meets
from paperlark.model.messages import Span
from paperlark.model.papers import StoredPaper
from paperlark.readers.search import one
from paperlark.store import papers
from paperlark.store.database import Store


@dataclass(frozen=True, slots=True)
class Answer:
    """Does the paper meet the query? The words that met it, or one plain sentence of what was missing."""

    paper: StoredPaper
    met: bool
    matched: tuple[Span, ...]
    sentence: str


async def explain(store: Store, text: str, wanted: str) -> Answer:
    """Hold a query against one paper (given by id or any name). Raises QueryError, ReaderError."""
    query = parse(text)
    paper = await one(store, wanted)
    analysed = analyse(papers.document(paper))
    if not meets(query, analysed):
        return Answer(paper, False, (), why_not(query, analysed))
    matched = spans(query, analysed)
    words = ", ".join(dict.fromkeys(f"“{span.text}” in {_place(span.field)}" for span in matched))
    return Answer(paper, True, matched, f"it meets the query: {words}" if words else "it meets the query")


def _place(field: str) -> str:
    return {"title": "the title", "abstract": "the abstract", "author": "the authors", "org": "the organisation",
            "cat": "the categories"}.get(field, field)  # fmt: skip
