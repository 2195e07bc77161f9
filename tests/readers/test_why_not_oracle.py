"""No cause is reported where another is true: small worlds made up by Hypothesis, and a slow oracle that lived through
the same."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from random import Random
from typing import Literal

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from paperlark.model.problems import DeliveryError
from paperlark.model.readers import Cadence, Destination, EmptyPolicy, MarkKind, MuteKind, Rhythm
from paperlark.readers.way import Cause
from paperlark.readers.why_not import why_not
from paperlark.store import accounts, marks, mutes, profiles
from paperlark.store.database import Transaction, open_store
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from tests.amounts import examples
from tests.builders import MONDAY, deliver, percolate, record, told
from tests.databases import Fresh
from tests.readers.oracle import QUERIES, Oracle, Subscribed, Version

WORDS = {1: "larks valley", 2: "larks", 3: "owls hawks", 4: "larks hawks"}
PLACES = {"ann": Cadence.INSTANT, "bob": Cadence.DAILY}
ADDRESSES = tuple(PLACES)
FAILURES = {
    "slow": DeliveryError("fake: 429", retry_after=timedelta(minutes=7)),
    "refused": DeliveryError("fake: too long", refused=True),
    "gone": DeliveryError("fake: 403", permanent=True),
}

Step = (
    tuple[Literal["tell"], int, str, str, int | None, bool, bool]
    | tuple[Literal["percolate"]]
    | tuple[Literal["follow"], str, str]
    | tuple[Literal["subscribe"], str, str, tuple[str, ...]]
    | tuple[Literal["unsubscribe"], str, str]
    | tuple[Literal["mute"], str]
    | tuple[Literal["dismiss"], int]
    | tuple[Literal["pause"], str]
    | tuple[Literal["wake"], str]
    | tuple[Literal["deliver"]]
    | tuple[Literal["fail"], str, str]
    | tuple[Literal["wait"], int]
)


def made_up(seed: int) -> tuple[tuple[str, str], list[Step]]:
    """Two queries and what happens, out of one number: a list that Hypothesis draws step by step repeats itself so much
    that hardly anybody is ever told."""
    chance = Random(seed)
    pick = chance.choice
    usual = ["larks", "larks", "larks", *QUERIES]
    wishes: list[tuple[str, ...]] = [("new", "cross"), ("new",), ("new", "replace")]
    deeds: list[Callable[[], Step]] = [
        lambda: ("percolate",),
        lambda: ("follow", pick("pq"), pick(usual)),
        lambda: ("subscribe", pick("pq"), pick(ADDRESSES), pick(wishes)),
        lambda: ("unsubscribe", pick("pq"), pick(ADDRESSES)),
        lambda: ("mute", pick(["valley", "hawks"])),
        lambda: ("dismiss", pick([*WORDS])),
        lambda: ("pause", pick(ADDRESSES)),
        lambda: ("wake", pick(ADDRESSES)),
        lambda: ("wake", pick(ADDRESSES)),
        lambda: ("fail", pick(ADDRESSES), pick([*FAILURES])),
    ]
    likely: list[Callable[[], Step]] = [
        lambda: (
            "tell",
            pick([*WORDS]),
            pick(["new", "new", "new", "cross", "replace"]),
            pick(["arxiv", "biorxiv"]),
            pick([None, 3, 12]),
            chance.random() < 0.85,
            chance.random() < 0.9,
        ),
        lambda: ("deliver",),
        lambda: ("wait", pick([6, 60, 24 * 60])),
        lambda: pick(deeds)(),
    ]
    steps = [chance.choices(likely, weights=[4, 3, 2, 3])[0]() for _ in range(chance.randint(6, 30))]
    return (pick(usual), pick(usual)), steps


class Lived:
    """A world and the oracle beside it."""

    def __init__(self, url: str) -> None:
        self.url, self.clock, self.channel = url, FakeClock(MONDAY), FakeChannel()
        self.oracle = Oracle(WORDS, MONDAY)

    async def begin(self, queries: tuple[str, str]) -> None:
        self.store = await open_store(self.url, clock=self.clock)
        self.place, self.profile, self.paper = {}, {}, dict[int, int]()
        async with self.store.transaction() as tx:
            self.me = await accounts.account_of(tx, "test", "me", name="me", now=self.clock())
            for address in PLACES:
                self.place[address] = await self.put(tx, address)
            for name, text in zip(("p", "q"), queries, strict=True):
                self.profile[name] = await profiles.add(tx, self.me, name, text, self.clock())
                self.oracle.versions[name] = [Version(text, self.clock())]
        await self.step(("subscribe", "p", "ann", ("new", "cross")))
        await self.step(("subscribe", "q", "bob", ("new", "cross")))

    async def put(self, tx: Transaction, address: str) -> Destination:
        """A destination that shows two papers; one that was paused is woken."""
        return await profiles.put_destination(
            tx, self.me, "fake", address, rhythm=Rhythm(), cap=2, empty=EmptyPolicy.SILENT, now=self.clock()
        )

    async def step(self, step: Step) -> None:
        self.oracle.now = self.clock.advance(minutes=1)
        oracle, now = self.oracle, self.clock()
        match step:
            case ("tell", int(paper), str(type), str(source), upvotes, bool(owes), bool(looked_at)):
                announcement = told(
                    WORDS[paper],
                    "",
                    arxiv=f"2603.0000{paper}",
                    at=now,
                    type=type,
                    occasion="replaced:v2" if type == "replace" else "first",
                    signals={} if upvotes is None else {"upvotes": upvotes},
                )
                recorded = await record(self.store, announcement, source=source, owes=owes)
                self.paper[paper] = recorded.papers[0]
                oracle.tell(paper, type, source, upvotes, owes)
                if looked_at:
                    await percolate(self.store)
                    oracle.percolate()
            case ("percolate",):
                await percolate(self.store)
                oracle.percolate()
            case ("deliver",):
                await deliver(self.store, self.channel)
                oracle.deliver()
            case ("fail", str(address), str(failure)):
                self.channel.fail(address, FAILURES[failure])
                oracle.failures.setdefault(address, []).append(failure)
            case ("wait", int(minutes)):
                oracle.now = self.clock.advance(minutes=minutes)
            case _:
                await self.wish(step)

    async def wish(self, step: Step) -> None:
        """What the reader does."""
        oracle, now = self.oracle, self.clock()
        async with self.store.transaction() as tx:
            match step:
                case ("follow", str(name), str(text)):
                    if oracle.versions[name][-1].text != text:
                        await profiles.edit(tx, self.me, self.profile[name].id, name=name, query=text, now=now)
                        oracle.versions[name].append(Version(text, now))
                case ("subscribe", str(name), str(address), tuple(wanted)):
                    await profiles.subscribe(
                        tx,
                        self.me,
                        self.profile[name].id,
                        self.place[address].id,
                        cadence=PLACES[address],
                        occasions=wanted,
                        now=now,
                    )
                    there = [s for s in oracle.subscribed if (s.profile, s.place) == (name, address)]
                    if there:
                        there[0].wishes = wanted
                    else:
                        oracle.subscribed.append(Subscribed(name, address, wanted, now))
                case ("unsubscribe", str(name), str(address)):
                    for each in await profiles.subscriptions(tx, self.me):
                        if (each.profile_id, each.destination_id) == (self.profile[name].id, self.place[address].id):
                            await profiles.unsubscribe(tx, self.me, each.id)
                    oracle.subscribed = [s for s in oracle.subscribed if (s.profile, s.place) != (name, address)]
                case ("mute", str(word)):
                    await mutes.add(tx, self.me, MuteKind.WORD, word, now)
                    oracle.muted.add(word)
                case ("dismiss", int(paper)):
                    if paper in self.paper:
                        await marks.put(tx, self.me, self.paper[paper], MarkKind.DISMISSED, now)
                        oracle.dismissed.add(paper)
                case ("pause", str(address)):
                    await profiles.pause_destination(tx, self.me, self.place[address].id, "away", now)
                    oracle.paused.add(address)
                case ("wake", str(address)):
                    await self.put(tx, address)
                    oracle.paused.discard(address)

    async def hold_to_the_oracle(self) -> None:
        for paper, paper_id in self.paper.items():
            answer = await why_not(self.store, self.me, str(paper_id))
            for verdict in answer.verdicts:
                assert verdict.profile is not None
                address = verdict.destination.address if verdict.destination else None
                expected = self.oracle.cause(verdict.profile.name, address, paper)
                reported = verdict.because.cause
                shown = address is not None and paper_id in self.channel.papers_at(address)
                if reported is Cause.BEHIND:
                    assert not shown
                    reported = Cause.TOLD
                assert reported is expected, (verdict.profile.name, address, paper, verdict)
                said = {each.cause for each in (verdict.because, *verdict.also)}
                assert (Cause.TOLD in said) is shown, (verdict, self.channel.sent)
                assert len(said) == 1 + len(verdict.also), "each cause once"


async def live_through(url: str, queries: tuple[str, str], what: Iterable[Step]) -> None:
    lived = Lived(url)
    await lived.begin(queries)
    try:
        for step in what:
            await lived.step(step)
        await lived.hold_to_the_oracle()
    finally:
        await lived.store.close()


HEALTH = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
seeds = st.integers(0, 2**32 - 1)


@given(seeds)
@settings(max_examples=examples(12), deadline=None, suppress_health_check=HEALTH)
def test_the_cause_is_the_one_that_the_rules_give(sqlite: Fresh, seed: int) -> None:
    queries, what = made_up(seed)
    note(f"{queries}: {what}")
    asyncio.run(live_through(sqlite(), queries, what))


@given(seeds)
@settings(max_examples=examples(2), deadline=None, suppress_health_check=HEALTH)
def test_and_so_on_postgres(postgres: Fresh, seed: int) -> None:
    queries, what = made_up(seed)
    note(f"{queries}: {what}")
    asyncio.run(live_through(postgres(), queries, what))
