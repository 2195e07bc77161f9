"""What is trending: a score from signals over time, comparable between days and sources. Pure.

**The score in a paragraph.** A vote counts half as much with every day that has gone by since it came (`HALF_LIFE`), so
what rises late overtakes what rose early and rests. What is left of a paper's votes is measured in the usual count of
its own day: the median of what the same source counted for the other papers that it announced on that day. A day on
which everything gets many votes and one on which everything gets few so weigh the same. The measure is taken on a
logarithmic scale, `log2(1 + x)`: the usual paper has 1 while its votes are fresh, and each further point needs about
twice the votes. Where few other papers were counted on its day the measure is drawn towards the usual one, as nobody
can say what much is among three. The best count of each kind over the sources is taken (two sources may tell of the
same votes). Comments and stars weigh half of upvotes; and so do the sources beyond the first that told of the paper,
each of them one vote. A paper of which nobody counted anything and one source told has 0.

**Where the ideas are from.** Votes lose weight as they age: Hacker News divides by a power of the age (`news.arc`,
"gravity"), Reddit adds a bonus for being newer (A. Salihefendic, "How Reddit ranking algorithms work", 2010). Both age
the *paper*; we age each *vote*, by a half-life (E. Miller, "Rank hotness with Newton's law of cooling"): exponential
forgetting needs no window with an edge. The logarithm is Reddit's: the first ten votes weigh as much as the
next hundred. The median as a scale, and the paper itself left out of it, are from robust statistics (F. Hampel et al.,
"Robust Statistics", 1986): one celebrated paper does not make the others of its day small. Drawing small samples to
what is usual is the Bayesian average. The parameters are choices, not fits: no history of real votes was at hand that
could carry more.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum, log2

from paperlark.model.signals import History, Series

HALF_LIFE = timedelta(days=1)
WEIGHTS = {"upvotes": 1.0, "comments": 0.5, "stars": 0.5}
"""How much a kind of signal weighs; other kinds (a rank is a place, not a count) weigh nothing."""
SIGHTING = 0.5
FEW = 3  # papers that stand for what is usual, beside those that were counted on the same day
DIGITS = 9  # of a score: what differs by less is a tie, on every machine
PLACES_SAID = 3
RISE_SAID = timedelta(days=1)

NOUNS = {"upvotes": "upvote", "comments": "comment", "stars": "star"}
ORDINALS = {2: "2nd", 3: "3rd"}


@dataclass(frozen=True, slots=True)
class Standing:
    """A count among those of its day: its place from the top, how many share that place, of how many."""

    kind: str
    number: int
    place: int
    shared: int
    of: int


@dataclass(frozen=True, slots=True)
class Score:
    """How much a paper is trending at a moment (points: at least 0), and what a reader is told of it.

    best: the count that weighs most, None where nothing was counted; risen: how much of it came within `RISE_SAID`.
    """

    paper_id: int
    points: float
    announced_at: datetime
    age: timedelta
    sources: int
    best: Standing | None
    risen: int

    @property
    def rank(self) -> tuple[float, float, int]:
        """Sorts the most trending first; ties go to the newer announcement, then to the higher id."""
        return -self.points, -self.announced_at.timestamp(), -self.paper_id


def score(history: History, now: datetime, *, half_life: timedelta = HALF_LIFE) -> Score:
    """How much a paper is trending at `now`. What was read or seen after `now` must not be in the history.

    half_life: how long it takes a vote to count half as much: longer for who looks seldom.
    """
    best: dict[str, tuple[float, Series]] = {}
    for series in history.series:
        strength = _strength(series, now, half_life)
        if strength > best.get(series.kind, (0.0, series))[0]:
            best[series.kind] = (strength, series)
    weighed = {kind: WEIGHTS.get(kind, 0.0) * strength for kind, (strength, _) in best.items()}
    told = best[max(weighed, key=lambda kind: (weighed[kind], kind))][1] if any(weighed.values()) else None
    points = fsum([*weighed.values(), SIGHTING * _seen_again(history, now, half_life)])
    return Score(
        paper_id=history.paper_id,
        points=round(points, DIGITS),
        announced_at=history.announced_at,
        age=max(now - history.announced_at, timedelta(0)),
        sources=len(history.seen),
        best=_standing(told) if told else None,
        risen=sum(gain for at, gain in gains(told) if at > now - RISE_SAID) if told else 0,
    )


def ranked(histories: Iterable[History], now: datetime, *, half_life: timedelta = HALF_LIFE) -> list[Score]:
    """The scores of the papers that are trending at all (more than 0 points), in the order of `Score.rank`."""
    found = (score(history, now, half_life=half_life) for history in histories)
    return sorted((each for each in found if each.points > 0), key=lambda each: each.rank)


def explain(found: Score) -> str:
    """Why, for a reader: "42 upvotes, the most of its day; in 3 sources; 2 days old"."""
    parts = []
    if found.best is not None:
        parts.append(_counted(found.best) + _place(found.best))
        if found.age > RISE_SAID and 0 < found.risen < found.best.number:
            parts.append(f"{found.risen:,} of them since yesterday")
    if found.sources > 1:
        parts.append(f"in {found.sources} sources")
    days = found.age // timedelta(days=1)
    parts.append("less than a day old" if not days else "1 day old" if days == 1 else f"{days} days old")
    return "; ".join(parts)


# ── one series ─────────────────────────────────────────────────────────────────────────────────────────────────────


def gains(series: Series) -> list[tuple[datetime, int]]:
    """What came, and when: each rise of the count, at the middle of the time between the reading before and its own
    (it came somewhere between). What was taken back later never came: of a fall the lower count holds."""
    kept: list[int] = []
    for reading in reversed(series.readings):
        kept.append(min(reading.count, kept[-1]) if kept else reading.count)
    found, before = [], 0
    since = series.announced_at
    for reading, count in zip(series.readings, reversed(kept), strict=True):
        since = min(since, reading.at)
        if count > before:
            found.append((since + (reading.at - since) / 2, count - before))
            before = count
        since = reading.at
    return found


def _strength(series: Series, now: datetime, half_life: timedelta) -> float:
    """What is left of a count, in the usual counts of its day, on a logarithmic scale; 0 where nothing was counted."""
    came = gains(series)
    if not came:
        return 0.0
    left = fsum(gain * _left(now - at, half_life) for at, gain in came)
    usual = log2(1 + _left(now - came[-1][0], half_life))
    others = _others(series)
    if not others:
        return usual
    trust = len(others) / (len(others) + FEW)
    return trust * log2(1 + left / _median(others)) + (1 - trust) * usual


def _left(age: timedelta, half_life: timedelta) -> float:
    """How much of a vote still counts: half after each half-life."""
    return float(2.0 ** -(max(age, timedelta(0)) / half_life))


def _others(series: Series) -> Sequence[int]:
    """The counts of the other papers of its day."""
    own = bisect_left(series.day, series.readings[-1].count)
    return series.day[:own] + series.day[own + 1 :]


def _median(ascending: Sequence[int]) -> float:
    middle = len(ascending) // 2
    return float(ascending[middle]) if len(ascending) % 2 else (ascending[middle - 1] + ascending[middle]) / 2


def _seen_again(history: History, now: datetime, half_life: timedelta) -> float:
    """What is left of the sources that told of it after the first one."""
    _, *later = sorted(history.seen.values()) or [now]
    return log2(1 + fsum(_left(now - at, half_life) for at in later))


# ── in words ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _standing(series: Series) -> Standing:
    count = series.readings[-1].count
    above = len(series.day) - bisect_right(series.day, count)
    shared = len(series.day) - above - bisect_left(series.day, count)
    return Standing(series.kind, count, above + 1, shared, len(series.day))


def _counted(best: Standing) -> str:
    return f"{best.number:,} {NOUNS[best.kind]}{'' if best.number == 1 else 's'}"


def _place(best: Standing) -> str:
    """Its place of its day, where that is worth a word."""
    if best.of <= PLACES_SAID or best.place > PLACES_SAID:
        return ""
    if best.shared > 1:
        return ", as many as any of its day" if best.place == 1 else ""
    return ", the most of its day" if best.place == 1 else f", the {ORDINALS[best.place]} most of its day"
