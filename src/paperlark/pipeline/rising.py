"""What is trending, where a digest is made: the order of its papers, and papers that nobody owed.

A destination that is subscribed to what is trending is told of papers that are well above nothing and that it does not
know. They are owed from the moment that its delivery is sealed, in that transaction: a crash before it has told nobody,
and the next attempt looks again; a crash after it repeats what was sealed. So no paper is trending twice for one
destination, and none that was told as trending is told again because of a profile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from paperlark.model.readers import TRENDING, Cadence
from paperlark.ranking import trending
from paperlark.ranking.trending import Score
from paperlark.store import sealing, signals
from paperlark.store.database import Transaction
from paperlark.store.outbox import Delivery, OwedPaper
from paperlark.store.recipients import Place

HALF_LIVES = {Cadence.DAILY: timedelta(days=1), Cadence.WEEKLY: timedelta(days=7)}
"""Who is told once a week hears of the week, not of its last day."""

LOOK_BACK = 3  # half-lives: of a vote that came before them less than an eighth is left
BAR = 0.5
"""The least points worth telling of: the usual paper of a day, a good half-life after its votes came."""


@dataclass(frozen=True, slots=True)
class Risen:
    """What a delivery tells of, and the scores of all of that."""

    owed: list[OwedPaper]
    scores: dict[int, Score]


async def found(
    tx: Transaction,
    deliveries: Sequence[tuple[Delivery, Place]],
    owed: Mapping[int, Sequence[OwedPaper]],
    now: datetime,
) -> dict[int, Risen]:
    """What deliveries tell of, by id: what each owes and, where its destination wants it, what is trending, as far as
    the cap leaves room. With the scores of all of them."""
    histories = await signals.histories(tx, {paper.paper_id for papers in owed.values() for paper in papers}, now=now)
    scores: dict[timedelta, dict[int, Score]] = {}
    moving: dict[timedelta, Mapping[int, Score]] = {}
    risen = {}
    for delivery, place in deliveries:
        half_life = HALF_LIVES.get(delivery.cadence, trending.HALF_LIFE)
        if half_life not in scores:
            scores[half_life] = {
                number: trending.score(history, now, half_life=half_life) for number, history in histories.items()
            }
        mine = owed[delivery.id]
        its_scores = {
            paper.paper_id: scores[half_life][paper.paper_id] for paper in mine if paper.paper_id in scores[half_life]
        }
        if delivery.cadence not in place.trending:
            risen[delivery.id] = Risen(list(mine), its_scores)
            continue
        if half_life not in moving:
            ids = await signals.moving(tx, since=now - LOOK_BACK * half_life, now=now)
            all_moving = await signals.histories(tx, set(ids), now=now)
            ranked = trending.ranked(all_moving.values(), now, half_life=half_life)
            moving[half_life] = {each.paper_id: each for each in ranked if each.points >= BAR}
        risen[delivery.id] = await _with_trending(tx, delivery, place, mine, its_scores, moving[half_life])
    return risen


async def _with_trending(
    tx: Transaction,
    delivery: Delivery,
    place: Place,
    owed: Sequence[OwedPaper],
    scores: dict[int, Score],
    moving: Mapping[int, Score],
) -> Risen:
    told = [_also_trending(paper, scores) for paper in owed]
    room = max(0, place.destination.cap - len({paper.paper_id for paper in told if paper.profiles}))
    known = await sealing.known_at(tx, delivery, list(moving)) if room else set()
    rising = [each for number, each in moving.items() if number not in known][:room]
    told += [OwedPaper(each.paper_id, "first", "new", each.announced_at, (TRENDING,)) for each in rising]
    return Risen(told, scores | {each.paper_id: each for each in rising})


def _also_trending(paper: OwedPaper, scores: dict[int, Score]) -> OwedPaper:
    """A paper that is owed anyway, with that reason too where it is one."""
    score = scores.get(paper.paper_id)
    return paper if score is None or score.points < BAR else replace(paper, profiles=(*paper.profiles, TRENDING))
