"""What is trending, where a digest is made: the order of its papers, and papers that nobody owed.

A destination that is subscribed to what is trending is told of papers that are well above nothing and that it does not
know. They are owed from the moment that its delivery is sealed, in that transaction: a crash before it has told nobody,
and the next attempt looks again; a crash after it repeats what was sealed. So no paper is trending twice for one
destination, and none that was told as trending is told again because of a profile.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from paperlark.model.readers import TRENDING, Cadence, Destination
from paperlark.ranking import trending
from paperlark.ranking.trending import Score
from paperlark.store import outbox, profiles, signals
from paperlark.store.database import Transaction
from paperlark.store.outbox import Delivery, OwedPaper

HALF_LIVES = {Cadence.DAILY: timedelta(days=1), Cadence.WEEKLY: timedelta(days=7)}
"""Who is told once a week hears of the week, not of its last day."""

LOOK_BACK = 3  # half-lives: of a vote that came before them less than an eighth is left
BAR = 0.5
"""The least points worth telling of: the usual paper of a day, a good half-life after its votes came."""


async def found(
    tx: Transaction, delivery: Delivery, destination: Destination, owed: Sequence[OwedPaper], now: datetime
) -> tuple[list[OwedPaper], dict[int, Score]]:
    """What a delivery tells of: what it owes and, where its destination wants it, what is trending, as far as the cap
    leaves room. With the scores of all of them."""
    half_life = HALF_LIVES.get(delivery.cadence, trending.HALF_LIFE)
    histories = await signals.histories(tx, [paper.paper_id for paper in owed], now=now)
    scores = {number: trending.score(history, now, half_life=half_life) for number, history in histories.items()}
    if not await profiles.hears_trending(tx, delivery.account_id, delivery.destination_id, delivery.cadence):
        return list(owed), scores
    told = [_also_trending(paper, scores) for paper in owed]
    moving = await signals.moving(tx, since=now - LOOK_BACK * half_life, now=now)
    known = await outbox.known_at(tx, delivery, moving)
    others = await signals.histories(tx, set(moving) - known, now=now)
    room = max(0, destination.cap - len({paper.paper_id for paper in told if paper.profiles}))
    rising = [each for each in trending.ranked(others.values(), now, half_life=half_life) if each.points >= BAR][:room]
    told += [OwedPaper(each.paper_id, "first", "new", each.announced_at, (TRENDING,)) for each in rising]
    return told, scores | {each.paper_id: each for each in rising}


def _also_trending(paper: OwedPaper, scores: dict[int, Score]) -> OwedPaper:
    """A paper that is owed anyway, with that reason too where it is one."""
    score = scores.get(paper.paper_id)
    return paper if score is None or score.points < BAR else replace(paper, profiles=(*paper.profiles, TRENDING))
