"""What a delivery says: what is owed becomes a digest. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from paperlark import health
from paperlark.links import Links, Purpose
from paperlark.matching.document import Analysed, analyse
from paperlark.matching.explain import spans
from paperlark.matching.mutes import muted
from paperlark.matching.near import aimed
from paperlark.matching.query import Query, parse
from paperlark.matching.rank import Statistics, query_words, score
from paperlark.model.messages import Digest, DigestPaper, Reason, Span
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import QueryError
from paperlark.model.readers import TRENDING, Cadence, Destination, EmptyPolicy, Mute, Opinion, Profile
from paperlark.model.sources import Health
from paperlark.pipeline.tastes import Taste
from paperlark.ranking.feedback import INDIFFERENT, Liking, liking, taste, telling
from paperlark.ranking.order import Place, lifted, shares
from paperlark.ranking.trending import Score, explain
from paperlark.schedule import local_day
from paperlark.store import papers
from paperlark.store.outbox import Delivery, Fate, OwedPaper

OPINIONS_FOR = timedelta(days=180)  # how long a mark says what its reader likes
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
    scores: Mapping[int, Score] | None = None,
    opinions: Sequence[Opinion] = (),
    learned: Taste | None = None,
    statistics: Statistics | None = None,
    explanations: "Explanations | None" = None,
) -> Digest | None:
    """What a delivery says: each paper once, with every reason; best first, cut at the destination's cap.

    scores: how much each paper is trending, by id; without them no paper comes first for that. opinions: what the
    reader saved and dismissed of late; learned: what that teaches, where it is enough: papers like that come first or
    last, and say so. statistics: of the archive, for how well a paper answers what led to it.

    explanations: shared by digests that are made together, of the same papers.

    healths: how each source is; every digest says so in one line, an instant alert only where something is missing.
    None when there is nothing to say and the destination wants silence on such a day.
    """
    scores = scores or {}
    explanations = explanations or Explanations()
    found = [
        DigestPaper.of(
            stored[paper.paper_id],
            _reasons(paper, stored[paper.paper_id], named, scores, explanations),
            announced_at=paper.announced_at,
            occasion=paper.occasion,
        )
        for paper in _last_words(owed)
        if paper.paper_id in stored
    ]
    found = [paper for paper in found if paper.reasons]
    day = local_day(destination.rhythm, now)
    if not found and not _speaks_when_empty(delivery, destination, day.weekday()):
        return None
    liked = _likings(found, owed, named, opinions, learned)
    relevance = _relevance(owed, stored, named, statistics, explanations) if len(found) > 1 else {}
    places = {paper.id: _place(paper, liked, scores, relevance) for paper in found}
    first = lifted(places)
    found.sort(key=lambda paper: places[paper.id].rank)
    found = [_explained(paper, liked[paper.id], scores.get(paper.id) if paper.id == first else None) for paper in found]
    return Digest(
        title=_title(delivery.cadence, len(found)),
        day=day,
        papers=tuple(found[: destination.cap]),
        more=max(0, len(found) - destination.cap),
        note="" if found else health.empty_note(healths),
        health=health.line(healths) if delivery.cadence is not Cadence.INSTANT or _unwell(healths) else "",
        page_url=page_url,
        sealed_at=now,
        destination=(destination.account_id, destination.id),
    )


def with_links(digest: Digest, destination: Destination, links: Links) -> Digest:
    """The digest with the links that its destination's owner changes and ends it by, and the word that it bears when it
    comes back."""
    whose = (destination.account_id, destination.id)
    return replace(
        digest,
        unsubscribe_url=links.address(Purpose.UNSUBSCRIBE, *whose),
        preferences_url=links.address(Purpose.PREFERENCES, *whose),
        bounce=links.bounce(*whose),
    )


def unheard(
    owed: Sequence[OwedPaper],
    stored: Mapping[int, StoredPaper],
    *,
    mutes: Sequence[Mute],
    dismissed: Collection[int],
) -> dict[int, str]:
    """Which of the owed papers their reader does not want to hear of, each with the reason: muted or dismissed."""
    found = {paper.paper_id: "dismissed" for paper in owed if paper.paper_id in dismissed}
    for number in {paper.paper_id for paper in owed} & set(stored) if mutes else ():
        if muted(mutes, analyse(papers.document(stored[number]))) is not None:
            found[number] = "muted"
    return found


def fates_of(owed: Sequence[OwedPaper], digest: Digest | None, left_out: Mapping[int, str]) -> dict[int, Fate]:
    """What becomes of each owed paper, by id: shown in the digest, told behind "and N more", or left out and why."""
    shown = {paper.id for paper in digest.papers} if digest else set()
    fates = {paper.paper_id: Fate.BEHIND if digest and paper.profiles else Fate.UNASKED for paper in owed}
    return fates | dict.fromkeys(shown, Fate.SHOWN) | {number: Fate(reason) for number, reason in left_out.items()}


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


def _place(
    paper: DigestPaper, liked: Mapping[int, Liking], scores: Mapping[int, Score], relevance: Mapping[int, float]
) -> Place:
    trend = scores[paper.id].points if paper.id in scores else 0.0
    tier = liked[paper.id].tier
    return Place(paper.id, paper.announced_at, len(paper.reasons), tier, trend, relevance.get(paper.id, 0.0))


def _relevance(
    owed: Sequence[OwedPaper],
    stored: Mapping[int, StoredPaper],
    named: Mapping[int, Profile],
    statistics: Statistics | None,
    explanations: "Explanations",
) -> dict[int, float]:
    """How well each paper answers the profiles that led to it, all of them together, by id."""
    if statistics is None:
        return {}
    found: dict[int, float] = defaultdict(float)
    led: dict[int, list[OwedPaper]] = defaultdict(list)
    for paper in _last_words(owed):
        for number in paper.profiles:
            if number in named and paper.paper_id in stored:
                led[number].append(paper)
    for number, theirs in led.items():
        text = named[number].text
        points = {each.paper_id: explanations.points(text, each, stored[each.paper_id], statistics) for each in theirs}
        for paper_id, share in shares(points).items():
            found[paper_id] += share
    return found


def _likings(
    found: Sequence[DigestPaper],
    owed: Sequence[OwedPaper],
    named: Mapping[int, Profile],
    opinions: Sequence[Opinion],
    learned: Taste | None,
) -> dict[int, Liking]:
    """Where each paper goes by what its reader saved and dismissed; where all go alike, none goes anywhere."""
    led = {paper.paper_id: {n: named[n].name for n in paper.profiles if n in named} for paper in owed}
    if learned is not None:
        likings = {paper.id: learned.liking(paper.id, led[paper.id]) for paper in found}
    else:
        known = taste(opinions)
        likings = {paper.id: liking(known, paper.authors, led[paper.id]) for paper in found}
    return likings if telling(likings.values()) else dict.fromkeys(likings, INDIFFERENT)


def _explained(paper: DigestPaper, liking: Liking, lifting: Score | None) -> DigestPaper:
    """The paper, with the reason why it stands where it stands, as its second at the latest: the reader's marks, or a
    trend that lifted it to the top, where nothing else says so."""
    if liking.tier:
        moved = Reason("shown first" if liking.tier > 0 else "shown last", said=liking.reason)
    elif lifting is not None and all(reason.profile != "trending" for reason in paper.reasons):
        moved = Reason("shown first", said=explain(lifting))
    else:
        return paper
    return replace(paper, reasons=(*paper.reasons[:1], moved, *paper.reasons[1:]))


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


def _reasons(
    owed: OwedPaper,
    stored: StoredPaper,
    named: Mapping[int, Profile],
    scores: Mapping[int, Score],
    explanations: "Explanations",
) -> list[Reason]:
    """Every profile that led to a paper and is still there, and that it is trending, where that is asked for."""
    theirs = [named[number] for number in owed.profiles if number in named]
    reasons = [Reason(profile.name, explanations.of(profile.text, owed, stored)) for profile in theirs]
    if TRENDING in owed.profiles and stored.id in scores:
        reasons.append(Reason("trending", said=explain(scores[stored.id])))
    return reasons


class Explanations:
    """Which words of papers met which queries, and how well those answer, remembered: in one hour many readers are told
    of the same papers, and often by the same words."""

    def __init__(self, likes: Mapping[str, bytes] | None = None) -> None:
        """likes: the directions of papers that profiles name (`directions.likes`)."""
        self._likes = likes or {}
        self._queries: dict[str, Query | None] = {}
        self._analysed: dict[tuple[int, str, datetime], Analysed] = {}
        self._spans: dict[tuple[str, int, str, datetime], tuple[Span, ...]] = {}
        self._points: dict[tuple[str, int, str, datetime], float] = {}

    def of(self, text: str, owed: OwedPaper, stored: StoredPaper) -> tuple[Span, ...]:
        """The words of a paper that meet a query, as it was announced; none where the query cannot be read any more."""
        which = (text, owed.paper_id, owed.type, owed.announced_at)
        if which not in self._spans:
            query = self._query(text)
            self._spans[which] = spans(query, self._paper(owed, stored)) if query is not None else ()
        return self._spans[which]

    def points(self, text: str, owed: OwedPaper, stored: StoredPaper, statistics: Statistics) -> float:
        """How well a paper answers a query, as it was announced (`rank.score`); 0 where the query cannot be read."""
        which = (text, owed.paper_id, owed.type, owed.announced_at)
        if which not in self._points:
            query = self._query(text)
            self._points[which] = score(query, self._paper(owed, stored), statistics) if query is not None else 0.0
        return self._points[which]

    def words(self, texts: Iterable[str]) -> set[str]:
        """The stored words whose frequencies `points` needs for some queries."""
        return {word for query in map(self._query, texts) if query is not None for word in query_words(query)}

    def _query(self, text: str) -> Query | None:
        if text not in self._queries:
            self._queries[text] = _read(text, self._likes)
        return self._queries[text]

    def _paper(self, owed: OwedPaper, stored: StoredPaper) -> Analysed:
        which = (owed.paper_id, owed.type, owed.announced_at)
        if which not in self._analysed:
            document = papers.document(stored, type=owed.type, announced_at=owed.announced_at)
            self._analysed[which] = analyse(document)
        return self._analysed[which]


def _read(text: str, likes: Mapping[str, bytes]) -> Query | None:
    try:
        return aimed(parse(text), likes)
    except QueryError:
        return None
