"""Trending: it decays, rises with each signal, weighs busy and quiet days alike, and lets a late riser overtake."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperlark.model.signals import History, Reading, Series
from paperlark.ranking.trending import HALF_LIFE, Score, explain, gains, ranked, score
from tests.ranking.simulator import HOUR, MIDNIGHT, Simulated, day_of, histories

NOW = MIDNIGHT + timedelta(days=2)
KINDS = ("upvotes", "comments", "stars")

counts = st.integers(0, 500)
hours = st.integers(0, 47)


def series(*readings: tuple[float, int], day: Sequence[int] = (), kind: str = "upvotes", source: str = "hf") -> Series:
    """Counts at so many hours after midnight; `day` holds the others of its day."""
    found = tuple(Reading(MIDNIGHT + hour * HOUR, count) for hour, count in readings)
    own = [found[-1].count] if found and found[-1].count else []
    return Series(source, kind, MIDNIGHT, found, tuple(sorted([*day, *own])))


def paper(*counted: Series, number: int = 1, at: datetime = MIDNIGHT, **seen: datetime) -> History:
    return History(number, at, seen or {"hf": at}, counted)


def points(history: History, now: datetime = NOW) -> float:
    return score(history, now).points


@st.composite
def counted(draw: st.DrawFn, kind: str = "upvotes") -> Series:
    """Any series: counts that rise, rest and fall, with any others of its day."""
    at = sorted(draw(st.sets(hours, min_size=1, max_size=6)))
    others = draw(st.lists(st.integers(1, 300), max_size=8))
    return series(*((hour, draw(counts)) for hour in at), day=others, kind=kind)


@st.composite
def papers(draw: st.DrawFn, number: int = 1) -> History:
    kinds = draw(st.lists(st.sampled_from(KINDS), unique=True, max_size=3))
    seen = {f"source{n}": MIDNIGHT + draw(hours) * HOUR for n in range(draw(st.integers(1, 4)))}
    return History(number, min(seen.values()), seen, tuple(draw(counted(kind)) for kind in kinds))


def more(found: Series, start: int, extra: int) -> Series:
    """The same with `extra` more from one reading on; the others of its day have what they had."""
    others = list(found.day)
    if found.readings[-1].count:
        others.remove(found.readings[-1].count)
    readings = tuple(
        Reading(each.at, each.count + extra * (number >= start)) for number, each in enumerate(found.readings)
    )
    return replace(found, readings=readings, day=tuple(sorted([*others, readings[-1].count])))


# ── decay ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(papers(), st.integers(1, 300))
def test_when_nothing_comes_the_score_falls(history: History, later: int) -> None:
    now, after = points(history), points(history, NOW + later * HOUR)
    assert after < now or now == 0 == after
    assert points(history, NOW + 90 * HALF_LIFE) == 0


def test_a_vote_counts_half_as_much_after_a_half_life() -> None:
    fresh = paper(series((0, 4), day=[4] * 50))
    aged = paper(series((0, 8), day=[4] * 50))
    assert points(fresh, MIDNIGHT) == pytest.approx(1, abs=0.001)
    assert points(aged, MIDNIGHT + HALF_LIFE) == pytest.approx(1, abs=0.06)


def test_votes_are_dated_between_the_readings_and_what_was_taken_back_never_came() -> None:
    assert gains(series((0, 2), (4, 10), (6, 7), (10, 9))) == [
        (MIDNIGHT, 2),
        (MIDNIGHT + 2 * HOUR, 5),
        (MIDNIGHT + 8 * HOUR, 2),
    ]
    assert gains(series((3, 5), (4, 0))) == []
    assert gains(series((6, 5))) == [(MIDNIGHT + 3 * HOUR, 5)]


# ── monotone ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(papers(), st.data())
def test_more_of_a_signal_from_any_moment_on_never_lowers_the_score(history: History, data: st.DataObject) -> None:
    if not history.series:
        return
    which = data.draw(st.integers(0, len(history.series) - 1))
    start = data.draw(st.integers(0, len(history.series[which].readings) - 1))
    risen = [*history.series]
    risen[which] = more(risen[which], start, data.draw(st.integers(1, 400)))
    assert points(replace(history, series=tuple(risen))) >= points(history)


@given(papers(), hours)
def test_one_more_source_raises_the_score(history: History, hour: int) -> None:
    at = max(history.announced_at, MIDNIGHT + hour * HOUR)
    assert points(replace(history, seen={**history.seen, "another": at})) > points(history)


def test_the_same_votes_told_by_two_sources_count_once() -> None:
    once = series((0, 3), (9, 40), day=[5, 6, 7])
    assert points(paper(once, replace(once, source="capture"))) == points(paper(once))


def test_a_place_in_a_list_is_no_count() -> None:
    assert points(paper(series((0, 1), kind="rank"))) == 0


# ── busy and quiet days ──────────────────────────────────────────────────────────────────────────────────────────────


def order(found: Sequence[Score]) -> list[int]:
    return [each.paper_id for each in found]


@given(st.integers(0, 10_000), st.integers(2, 1000), st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_multiplying_all_counts_of_a_day_changes_no_order(seed: int, times: int, day: int) -> None:
    random = Random(seed)
    simulated = [each for n in range(3) for each in day_of(random, n, random.randint(1, 12), generosity=5)]
    now = MIDNIGHT + timedelta(days=3)
    assert order(ranked(histories(simulated, now, times={day: times}), now)) == order(
        ranked(histories(simulated, now), now)
    )


def test_the_best_of_a_quiet_day_stands_beside_the_best_of_a_busy_one() -> None:
    random = Random(3)
    busy, quiet = day_of(random, 0, 60, generosity=80), day_of(random, 0, 60, generosity=3)
    quiet = [replace(each, id=each.id + 500, day=1) for each in quiet]
    now = MIDNIGHT + timedelta(days=2)
    first = order(ranked(histories([*busy, *quiet], now), now))[:20]
    assert 5 < sum(number >= 500 for number in first) < 20
    by_votes = sorted([*busy, *quiet], key=lambda each: -each.votes)[:20]
    assert all(each.id < 500 for each in by_votes), "plain votes would show the busy day alone"


def test_much_among_few_is_less_sure_than_much_among_many() -> None:
    among_two = points(paper(series((40, 60), day=[5])))
    among_many = points(paper(series((40, 60), day=[5] * 30)))
    alone = points(paper(series((40, 60))))
    assert alone < among_two < among_many


# ── late risers ──────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.integers(2, 300), st.lists(st.integers(1, 50), max_size=6))
def test_of_two_with_the_same_votes_the_late_riser_stands_first(votes: int, day: list[int]) -> None:
    early = paper(series((1, votes), (40, votes), day=day), number=2)
    late = paper(series((1, 1), (40, votes), day=day), number=1)
    assert order(ranked([early, late], NOW)) == [1, 2]


def test_a_late_riser_overtakes_in_a_simulated_week() -> None:
    crowd = [Simulated(10 + n, day=0, votes=12) for n in range(20)]
    early = Simulated(1, day=0, votes=90, pace=4 * HOUR)
    late = Simulated(2, day=0, votes=90, pace=12 * HOUR, sleeps=timedelta(days=3))
    places = []
    for day in range(1, 6):
        now = MIDNIGHT + timedelta(days=day)
        found = order(ranked(histories([early, late, *crowd], now), now))
        places.append((1 in found[:1], 2 in found[:1]))
    assert places[0] == (True, False) and places[-1] == (False, True)


def test_the_newest_day_comes_up_and_goes_down_again_in_a_simulated_month() -> None:
    random = Random(11)
    month = [each for day in range(28) for each in day_of(random, day, 40, generosity=random.choice((2, 8, 40)))]
    ages = []
    for day in range(10, 28, 3):
        now = MIDNIGHT + timedelta(days=day, hours=20)
        near = [each for each in month if each.day >= day - 9]
        ages += [each.age for each in ranked(histories(near, now), now)[:10]]
    assert sum(age < timedelta(days=2) for age in ages) > 0.6 * len(ages)
    assert max(ages) < timedelta(days=6)


# ── ties and words ───────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(papers(), max_size=6), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_papers_come(found: list[History], random: Random) -> None:
    numbered = [replace(each, paper_id=number) for number, each in enumerate(found)]
    shuffled = random.sample(numbered, len(numbered))
    assert ranked(numbered, NOW) == ranked(shuffled, NOW)


def test_ties_go_to_the_newer_announcement_then_to_the_higher_id() -> None:
    same = series((47, 5))
    newer = MIDNIGHT + HOUR
    tied = [paper(same, number=1), paper(same, number=3), paper(same, number=2, at=newer)]
    assert order(ranked(tied, NOW)) == [2, 3, 1]


def test_what_nobody_counted_and_one_source_told_is_not_trending() -> None:
    assert ranked([paper(), paper(series((0, 0), day=[4, 5]), number=2)], NOW) == []


FEW = [3, 5, 9, 12]


@pytest.mark.parametrize(
    ("history", "sentence"),
    [
        (
            paper(series((1, 42), day=FEW), hf=MIDNIGHT, arxiv=MIDNIGHT, rss=MIDNIGHT),
            "42 upvotes, the most of its day; in 3 sources; 2 days old",
        ),
        (paper(series((1, 11), day=FEW)), "11 upvotes, the 2nd most of its day; 2 days old"),
        (paper(series((1, 12), day=FEW)), "12 upvotes, as many as any of its day; 2 days old"),
        (paper(series((1, 1), day=FEW)), "1 upvote; 2 days old"),
        (paper(series((1, 7), day=[2])), "7 upvotes; 2 days old"),
        (paper(series((1, 1200), day=[2], kind="stars")), "1,200 stars; 2 days old"),
        (
            paper(series((30, 10), (45, 42), day=FEW)),
            "42 upvotes, the most of its day; 32 of them since yesterday; 2 days old",
        ),
        (paper(series((30, 4)), at=NOW - HOUR), "4 upvotes; less than a day old"),
        (paper(at=NOW - HALF_LIFE, hf=MIDNIGHT, arxiv=MIDNIGHT), "in 2 sources; 1 day old"),
        (
            paper(series((1, 4), day=FEW), series((1, 90), day=[1] * 9, kind="comments")),
            "90 comments, the most of its day; 2 days old",
        ),
    ],
)  # fmt: skip
def test_the_reason_is_a_sentence(history: History, sentence: str) -> None:
    assert explain(score(history, NOW)) == sentence
