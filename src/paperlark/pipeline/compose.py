"""What a delivery says: what is owed becomes a digest. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from paperlark import health
from paperlark.matching.document import analyse
from paperlark.matching.explain import spans
from paperlark.matching.query import parse
from paperlark.model.messages import Digest, DigestPaper, Reason
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import QueryError
from paperlark.model.readers import Cadence, Destination, EmptyPolicy, Profile
from paperlark.model.sources import Health
from paperlark.schedule import local_day
from paperlark.store import papers
from paperlark.store.outbox import Delivery, OwedPaper

OCCASIONS = ("first", "replaced", "published", "withdrawn")  # in the order of a paper's life


def compose(
    delivery: Delivery,
    destination: Destination,
    owed: Sequence[OwedPaper],
    stored: Mapping[int, StoredPaper],
    named: Mapping[int, Profile],
    *,
    now: datetime,
    page_url: str | None = None,
    healths: Sequence[tuple[str, Health | None]] = (),
) -> Digest | None:
    """What a delivery says: each paper once, with every reason; best first, cut at the destination's cap.

    healths: how each source is; every digest says so in one line, an instant alert only where something is missing.
    None when there is nothing to say and the destination wants silence on such a day.
    """
    found = [
        _digest_paper(paper, stored[paper.paper_id], [named[p] for p in paper.profiles if p in named])
        for paper in _last_words(owed)
        if paper.paper_id in stored
    ]
    found = [paper for paper in found if paper.reasons]
    day = local_day(destination.rhythm, now)
    if not found and not _speaks_when_empty(delivery, destination, day.weekday()):
        return None
    found.sort(key=_order)
    return Digest(
        title=_title(delivery.cadence, len(found)),
        day=day,
        papers=tuple(found[: destination.cap]),
        more=max(0, len(found) - destination.cap),
        note="" if found else health.empty_note(healths),
        health=health.line(healths) if delivery.cadence is not Cadence.INSTANT or _unwell(healths) else "",
        page_url=page_url,
        sealed_at=now,
    )


def _last_words(owed: Sequence[OwedPaper]) -> list[OwedPaper]:
    """One for each paper: where several of its occasions are owed together, the one that says most of it now."""
    last: dict[int, OwedPaper] = {}
    for paper in sorted(owed, key=_lateness):
        last[paper.paper_id] = paper
    return list(last.values())


def _lateness(paper: OwedPaper) -> tuple[int, int, datetime]:
    kind, _, detail = paper.occasion.partition(":")
    version = detail.removeprefix("v")
    rank = OCCASIONS.index(kind) if kind in OCCASIONS else 0
    return rank, int(version) if version.isdecimal() else 0, paper.announced_at


def _unwell(healths: Sequence[tuple[str, Health | None]]) -> bool:
    return any(found is not None and not found.well for _, found in healths)


def _order(paper: DigestPaper) -> tuple[float, ...]:
    """Most upvoted first, then what met more profiles, then the newer."""
    return (-paper.signals.get("upvotes", 0), -len(paper.reasons), -paper.announced_at.timestamp(), -paper.id)


def _title(cadence: Cadence, number: int) -> str:
    if not number:
        return "No papers for you today" if cadence is Cadence.DAILY else "No papers for you this week"
    return {
        Cadence.INSTANT: "New for you",
        Cadence.DAILY: "Your papers today",
        Cadence.WEEKLY: "Your papers this week",
    }[cadence]


def _speaks_when_empty(delivery: Delivery, destination: Destination, weekday: int) -> bool:
    if delivery.cadence is Cadence.INSTANT or destination.empty is EmptyPolicy.SILENT:
        return False
    if destination.empty is EmptyPolicy.WEEKLY:
        return delivery.cadence is Cadence.WEEKLY or weekday == destination.rhythm.weekday
    return True


def _digest_paper(owed: OwedPaper, stored: StoredPaper, met: Sequence[Profile]) -> DigestPaper:
    analysed = analyse(papers.document(stored, type=owed.type, announced_at=owed.announced_at))
    reasons = []
    for profile in met:
        try:
            reasons.append(Reason(profile.name, spans(parse(profile.text), analysed)))
        except QueryError:
            reasons.append(Reason(profile.name))
    return DigestPaper(
        id=stored.id,
        title=stored.title,
        abstract=stored.abstract,
        authors=stored.authors,
        author_count=stored.author_count,
        organisation=stored.organisation,
        categories=stored.categories,
        aliases=stored.aliases,
        url=stored.url,
        code_url=stored.code_url,
        announced_at=owed.announced_at,
        sources=stored.sources,
        signals=stored.signals,
        reasons=tuple(reasons),
        occasion=owed.occasion,
    )
