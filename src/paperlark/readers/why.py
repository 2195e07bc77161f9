"""Why a paper meets a query, why profiles led to it, and what led to each paper of a delivery."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from paperlark.matching.document import Analysed, analyse
from paperlark.matching.explain import Alternative, alternatives, spans
from paperlark.matching.near import aimed, refuse_unmeant
from paperlark.matching.nearest import why_not
from paperlark.matching.query import Query, parse
from paperlark.matching.reference import meets
from paperlark.matching.tree import LEAST
from paperlark.model.messages import Span
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import QueryError, ReaderError
from paperlark.model.readers import Profile
from paperlark.readers.search import one
from paperlark.store import causes, directions, papers, profiles
from paperlark.store.causes import Heard, Version
from paperlark.store.database import Store
from paperlark.store.outbox import Fate


@dataclass(frozen=True, slots=True)
class Answer:
    """Does the paper meet the query? The words that met it, and every alternative of it that they meet; or one plain
    sentence of what was missing."""

    paper: StoredPaper
    met: bool
    matched: tuple[Span, ...]
    sentence: str
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True)
class Led:
    """A profile that led to a paper, and every alternative of it that the paper met, with its terms and words.

    version: at which it met, which need not be the present one; its text is what the alternatives are of. Without
    alternatives the paper has changed since, and does not meet it any more.
    """

    profile: Profile
    version: int
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Contained:
    """A paper of a delivery, what the delivery made of it (None: it never came so far), and what led to it."""

    paper: StoredPaper
    fate: Fate | None
    led: tuple[Led, ...]


async def explain(store: Store, text: str, wanted: str) -> Answer:
    """Hold a query against one paper (given by id or any name). Raises QueryError, ReaderError."""
    query = parse(text)
    refuse_unmeant(query)
    paper = await one(store, wanted)
    async with store.reading() as tx:
        query = aimed(query, await directions.likes(tx, [text]))
    return await asyncio.to_thread(_answer, query, paper)


def _answer(query: Query, paper: StoredPaper) -> Answer:
    analysed = analyse(papers.document(paper))
    if not meets(query, analysed):
        return Answer(paper, False, (), why_not(query, analysed))
    matched = spans(query, analysed)
    words = ", ".join(dict.fromkeys(_said(span) for span in matched))
    sentence = f"it meets the query: {words}" if words else "it meets the query"
    return Answer(paper, True, matched, sentence, alternatives(query, analysed))


async def why(store: Store, account_id: int, wanted: str) -> tuple[StoredPaper, tuple[Led, ...]]:
    """The profiles of an account that led to a paper (given by id or any name). Raises ReaderError: no such paper."""
    paper = await one(store, wanted)
    return paper, (await _led(store, account_id, [paper]))[paper.id]


async def why_each(store: Store, account_id: int, some: Iterable[StoredPaper]) -> dict[int, tuple[Led, ...]]:
    """The profiles of an account that led to each of some papers, by the papers' ids."""
    return await _led(store, account_id, some)


async def why_told(store: Store, account_id: int, delivery_id: int) -> tuple[Contained, ...]:
    """What one delivery of an account was made of, and what led to each paper. Those it showed come first.

    Raises ReaderError: no such delivery, or somebody else's.
    """
    async with store.reading() as tx:
        owed = await causes.owed_by(tx, account_id, delivery_id)
        stored = await papers.load(tx, (each.paper_id for each in owed))
    if not owed:
        raise ReaderError("there is no such delivery, or it told of no paper")
    led = await _led(store, account_id, stored.values())
    fates = {each.paper_id: each.fate for each in owed}
    found = [Contained(paper, fates[number], led[number]) for number, paper in stored.items()]
    return tuple(sorted(found, key=lambda each: list(Fate).index(each.fate) if each.fate else len(Fate)))


async def _led(store: Store, account_id: int, some: Iterable[StoredPaper]) -> dict[int, tuple[Led, ...]]:
    """For each paper the profiles that met it, oldest first. Removed ones are left out."""
    asked: dict[int, list[tuple[Profile, list[Version], int, StoredPaper, list[Heard]]]] = {}
    async with store.reading() as tx:
        mine = await profiles.listed(tx, account_id)
        versions = await causes.versions(tx, account_id)
        for paper in some:
            met = await causes.met(tx, account_id, paper.id)
            heard = await causes.heard(tx, paper.id)
            asked[paper.id] = [
                (profile, versions[profile.id], max(met[profile.id]), paper, heard)
                for profile in mine
                if profile.id in met
            ]
        texts = {each.text for those in versions.values() for each in those}
        likes = await directions.likes(tx, texts)
    # Reading papers as queries see them takes its time, which others need not wait for.
    return await asyncio.to_thread(
        lambda: {number: tuple(_leading(*each, likes) for each in those) for number, those in asked.items()}
    )


def _leading(
    profile: Profile,
    versions: Iterable[Version],
    version: int,
    paper: StoredPaper,
    heard: Iterable[Heard],
    likes: Mapping[str, bytes],
) -> Led:
    """By the first announcement with which the paper met the profile's text of that version."""
    text = next(each.text for each in versions if each.version == version)
    try:
        query = aimed(parse(text), likes)
    except QueryError:
        return Led(profile, version, ())
    met = (alternatives(query, _announced(paper, each)) for each in heard)
    return Led(profile, version, next(filter(None, met), ()))


def _announced(paper: StoredPaper, heard: Heard) -> Analysed:
    return analyse(papers.document(paper, type=heard.type, announced_at=heard.announced_at))


def _said(span: Span) -> str:
    return f"reads like {span.text}" if span.field in LEAST else f"“{span.text}” in {_place(span.field)}"


def _place(field: str) -> str:
    return {"title": "the title", "abstract": "the abstract", "author": "the authors", "org": "the organisation",
            "cat": "the categories"}.get(field, field)  # fmt: skip
