"""A month of sources under a virtual clock: holidays, a stale day, a partial day, a two-day outage, the end of summer
time. Every paper is found once, health is right on every day, and no host is asked more than its rules allow.

The sites answer over real sockets and know what time it is; the polling is the service's own.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Generic, TypeVar

import pytest
from aiohttp import web
from sqlalchemy import func, select

from paperlark import log
from paperlark.adapters import make_source
from paperlark.health import judge
from paperlark.http import Http
from paperlark.model.messages import Pace
from paperlark.model.readers import Cadence
from paperlark.pipeline import ingest
from paperlark.pipeline.percolate import Percolator
from paperlark.pipeline.watch import watch
from paperlark.sources._arxiv_calendar import is_due, latest, rolls_at
from paperlark.store import sources
from paperlark.store.database import Store, open_store
from paperlark.store.tables import ALIAS, ANNOUNCEMENT, OWED
from paperlark.testing.arxiv_site import ArxivSite, Submission
from paperlark.testing.biorxiv_site import BiorxivSite, post
from paperlark.testing.clock import FakeClock
from paperlark.testing.names import Names
from paperlark.testing.sites import HuggingFace, Reply, Site
from tests.builders import LEASE, reader
from tests.databases import Fresh

FIRST, LAST = date(2026, 10, 26), date(2026, 11, 29)  # summer time ends in the East on 1 November
DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
STEP = timedelta(hours=2)
EVENING = 22  # o'clock UTC, when each day's health is looked at

STALE_ARXIV = date(2026, 11, 5)  # its feed serves the day before under this date, and nothing else of it answers
PARTIAL_ARXIV = date(2026, 11, 10)  # its feed and its API lack two papers that its listing names
OUTAGE = (date(2026, 11, 17), date(2026, 11, 18))  # nobody answers
EMPTY_HF = date(2026, 11, 12)  # a weekday without a list
HOLIDAY = date(2026, 11, 27)  # no announcement on Thanksgiving evening, so no feed on this day
ILL = {("arxiv", STALE_ARXIV): "stale", ("arxiv", PARTIAL_ARXIV): "partial", ("hf", EMPTY_HF): "stale"}

MOST_A_DAY = {"rss.arxiv.test": 30, "export.arxiv.test": 30, "arxiv.test": 10, "oaipmh.arxiv.test": 10,
              "huggingface.test": 400, "biorxiv.test": 150, "journal.test": 26}  # fmt: skip


Played = TypeVar("Played", bound=Site)


@dataclass
class VirtualPace(Pace):
    """Waits by moving the clock, and remembers when each lane was used."""

    clock: FakeClock
    turns: dict[str, list[datetime]] = field(default_factory=dict)

    @asynccontextmanager
    async def turn(self, what: str, *, seconds_apart: float, at_most: float) -> AsyncIterator[None]:
        taken = self.turns.setdefault(what, [])
        if taken and (wait := taken[-1] + timedelta(seconds=seconds_apart) - self.clock()) > timedelta(0):
            self.clock.advance(wait)
        taken.append(self.clock())
        yield


class World:
    """The far side: what each site has to tell, by the clock."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.arxiv = Frail(ArxivSite(clock), clock)
        self.hf = Frail(HuggingFace({}, FIRST), clock)
        self.biorxiv = Frail(BiorxivSite(), clock)
        self.journal = Frail(Site(), clock)
        self.papers: set[str] = set()  # every arXiv id and DOI that there is to find

    def prepare(self) -> None:
        """Announce the whole month on arXiv; the other sites are told day by day."""
        for number, day in enumerate(d for d in DAYS if is_due(d)):
            ids = [f"2611.{number:03}{n:02}" for n in range(6)]
            self.papers |= {f"arxiv:{name}" for name in ids}
            self.arxiv.site.announce(day, *(Submission(name, f"Study {name} of larks at large") for name in ids))
            if number:
                again = Submission(f"2611.{number - 1:03}00", "Study of larks at large, again", "replace", 2)
                self.arxiv.site.announce(day, again)
        self.arxiv.site.feed_lacks = self.arxiv.site.api_lacks = {self.of(PARTIAL_ARXIV, 4), self.of(PARTIAL_ARXIV, 5)}

    def of(self, day: date, nth: int) -> str:
        """The id of a day's nth new paper."""
        return self.arxiv.site.days[day][nth].id

    def turn(self) -> None:
        """The sites as they are now."""
        now = self.clock()
        today = now.date()
        self.hf.site.today = today
        self.arxiv.site.feed_of = latest(STALE_ARXIV - timedelta(days=1)) if _eastern(now) == STALE_ARXIV else None
        if _eastern(now) > PARTIAL_ARXIV:
            self.arxiv.site.feed_lacks = self.arxiv.site.api_lacks = set()
        if today.weekday() < 5 and today != EMPTY_HF and now.hour >= 2:
            self._hf_day(today, whole=now.hour >= 8)
        if today.weekday() < 5 and now.hour >= 6:
            self._biorxiv_day(today)
        issue = max(day for day in DAYS if day.weekday() == 0 and day <= today)
        self._journal(issue)
        for site in (self.arxiv, self.hf, self.biorxiv, self.journal):
            site.down = today in OUTAGE
        self.arxiv.only = "/rss/" if _eastern(now) == STALE_ARXIV else "/"

    def _hf_day(self, day: date, *, whole: bool) -> None:
        """Papers that arXiv announced on its newest day, and two of its own; a part of them at first."""
        source = latest(day)
        records = [self._record(day, self.of(source, n), n) for n in range(3)]
        records += [self._record(day, f"26{day:%m}.9{day:%d}{n:02}", n) for n in range(2)]
        self.papers |= {f"arxiv:{record['paper']['id']}" for record in records}
        for past in range(3):
            for record in self.hf.site.days.get(day - timedelta(days=past), ()):
                record["paper"]["upvotes"] += 1
        if len(self.hf.site.days.get(day, ())) < (len(records) if whole else 2):
            self.hf.site.days[day] = records if whole else records[:2]

    @staticmethod
    def _record(day: date, name: str, number: int) -> dict[str, Any]:
        title = f"Study {name} of larks at large"
        return {"paper": {"id": name, "title": title, "summary": "An abstract.", "upvotes": number,
                          "submittedOnDailyAt": f"{day}T00:00:00.000Z"}, "title": title, "numComments": 0}  # fmt: skip

    def _biorxiv_day(self, day: date) -> None:
        names = [f"10.1101/{day:%Y.%m.%d}.00000{n}" for n in range(3)]
        if f"doi:{names[0]}" not in self.papers:
            self.papers |= {f"doi:{name}" for name in names}
            self.biorxiv.site.posts += [post(name, day, abstract=f"Of larks: {name}.") for name in names]

    def _journal(self, issue: date) -> None:
        names = [f"10.5555/larks.{issue:%m%d}{n}" for n in range(4)]
        self.papers |= {f"doi:{name}" for name in names}
        entries = "".join(
            f"<item><title>Larks in issue {name}</title><link>https://journal.test/{name}</link>"
            f"<guid>https://doi.org/{name}</guid><description>doi:{name}</description></item>"
            for name in names
        )
        body = f'<?xml version="1.0"?><rss version="2.0"><channel><title>Larks</title>{entries}</channel></rss>'
        self.journal.site.answers("/feed", Reply(body.encode(), headers={"ETag": f'"{issue}"'}))


class Frail(Generic[Played]):
    """A site that may be down, or all of it but the paths under `only`; it notes who was asked, and when."""

    def __init__(self, site: Played, clock: FakeClock) -> None:
        self.site, self.down, self.only = site, False, "/"
        self.asked: list[tuple[datetime, str]] = []
        answer = site.reply_to

        def reply_to(request: web.Request) -> Reply:
            self.asked.append((clock(), (request.host or "").partition(":")[0]))
            return Reply(b"", 503) if self.down or not request.path.startswith(self.only) else answer(request)

        site.reply_to = reply_to  # type: ignore[method-assign]

    def named(self, host: str) -> str:
        return self.site.url.replace("127.0.0.1", host)


def _eastern(now: datetime) -> date:
    return next(day for day in (now.date(), now.date() - timedelta(days=1)) if rolls_at(day) <= now)


def configured(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    arxiv = world.arxiv
    yield "arxiv", "arxiv", {
        "categories": "cs.CL", "feed_url": arxiv.named("rss.arxiv.test"),
        "api_url": arxiv.named("export.arxiv.test") + "/api/query",
        "oai_url": arxiv.named("oaipmh.arxiv.test") + "/oai", "list_url": arxiv.named("arxiv.test") + "/list",
    }  # fmt: skip
    yield "hf", "hf_daily", {"url": world.hf.named("huggingface.test") + HuggingFace.PATH}
    yield "biorxiv", "biorxiv", {"url": world.biorxiv.named("biorxiv.test")}
    yield "journal", "rss", {"url": world.journal.named("journal.test") + "/feed"}


def right(source: str, day: date) -> set[str]:
    """How a source is on the evening of a day."""
    if day in OUTAGE:
        return {"broken"}
    if (source, day) in ILL:
        return {ILL[source, day]}
    if source == "arxiv":
        return {"fresh"} if is_due(day) else {"quiet"}
    if source == "hf":
        return {"fresh"} if day.weekday() < 5 else {"quiet"}
    if source == "biorxiv":
        return {"fresh", "quiet"} if day.weekday() < 5 else {"quiet", "fresh"}
    return {"fresh"}


async def month(url: str, clock: FakeClock) -> tuple[World, VirtualPace, list[tuple[date, str, str, str]], Store]:
    """Live through it, two hours at a time."""
    world, pace = World(clock), VirtualPace(clock)
    world.prepare()
    seen: list[tuple[date, str, str, str]] = []
    store = await open_store(url, clock=clock)
    async with AsyncExitStack() as open_:
        for frail in (world.arxiv, world.hf, world.biorxiv, world.journal):
            await open_.enter_async_context(frail.site)
        http = await open_.enter_async_context(
            Http("https://paperlark.example.org", pace, lanes={"arxiv.test": 3.0}, allow_private=True,
                 resolver=Names(dict.fromkeys(MOST_A_DAY, "127.0.0.1")))
        )  # fmt: skip
        await reader(store, "larks OR abstract OR study", cadence=Cadence.INSTANT)
        async with store.transaction() as tx:
            for name, kind, options in configured(world):
                await sources.add(tx, name, kind, options, clock())
        percolator = Percolator(store, lease=LEASE)
        while clock().date() <= LAST:
            hour = clock()
            world.turn()
            for claimed in await ingest.due_sources(store, lease=LEASE, limit=10):
                source = make_source(claimed.kind, claimed.name, claimed.options, http)
                await ingest.poll(store, claimed, source, lease=LEASE, jitter=Random(0))
            await percolator.run()
            await percolator.run_signals()
            await watch(store, None)
            if hour.hour == EVENING:
                async with store.reading() as tx:
                    for found in await sources.listed(tx):
                        health = judge(found.standing, clock())
                        assert health is not None
                        seen.append((hour.date(), found.name, str(health.state), health.because))
            clock.advance(max(hour.replace(minute=0, second=0) + STEP - clock(), timedelta(0)))
        await percolator.close()
    return world, pace, seen, store


@pytest.mark.timeout(400)
async def test_a_month_of_sources_loses_nothing_repeats_nothing_and_knows_how_each_is(
    sqlite: Fresh, capsys: pytest.CaptureFixture[str]
) -> None:
    log.set_up(level="error")  # a month of polls has much to say
    clock = FakeClock(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC))
    world, pace, seen, store = await month(sqlite(), clock)
    try:
        await _check(world, pace, seen, store, capsys)
    finally:
        await store.close()


async def _check(
    world: World,
    pace: VirtualPace,
    seen: list[tuple[date, str, str, str]],
    store: Store,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with store.reading() as tx:
        names = {
            f"{row.scheme}:{row.value}"
            for row in await tx.execute(select(ALIAS).where(ALIAS.c.scheme.in_(("arxiv", "doi"))))
        }
        told = (await tx.execute(
            select(func.count()).select_from(ANNOUNCEMENT).where(ANNOUNCEMENT.c.occasion == "first")
            .group_by(ANNOUNCEMENT.c.source, ANNOUNCEMENT.c.paper_id)
        )).scalars().all()  # fmt: skip
        owed = (await tx.execute(
            select(OWED.c.paper_id, OWED.c.cadence, OWED.c.owed_at, ANNOUNCEMENT.c.announced_at)
            .join(ANNOUNCEMENT, ANNOUNCEMENT.c.id == OWED.c.announcement_id)
        )).all()  # fmt: skip
    requests: Counter[tuple[str, date]] = Counter()
    for frail in (world.arxiv, world.hf, world.biorxiv, world.journal):
        requests.update((host, at.date()) for at, host in frail.asked)
    with capsys.disabled():
        print(_table(seen, requests))
    wrong = [entry for entry in seen if entry[2] not in right(entry[1], entry[0])]
    assert wrong == []
    assert world.papers - names == set(), "nothing is lost"
    assert set(told) == {1}, "each source announced each paper once"
    assert len({row.paper_id for row in owed}) == len(owed), "and each is owed once"
    late = {row.paper_id for row in owed if row.owed_at - row.announced_at > timedelta(hours=48)}
    assert late and late == {row.paper_id for row in owed if row.cadence == "daily"}, "no flood after the outage"
    assert {(host, day) for (host, day), number in requests.items() if number > MOST_A_DAY[host]} == set()
    apart = [b - a for a, b in zip(pace.turns["arxiv.test"], pace.turns["arxiv.test"][1:], strict=False)]
    assert min(apart) >= timedelta(seconds=3), "one lane over all of arXiv's hosts"


def _table(seen: list[tuple[date, str, str, str]], requests: Counter[tuple[str, date]]) -> str:
    names = sorted({name for _, name, _, _ in seen})
    hosts = sorted({host for host, _ in requests})
    columns = [(name, 10) for name in names] + [(host, len(host) + 2) for host in hosts]
    lines = ["", " " * 15 + "".join(f"{head:>{width}}" for head, width in columns)]
    for day in DAYS:
        states = {name: state for at, name, state, _ in seen if at == day}
        cells = [states.get(name, "-") for name in names] + [str(requests[host, day]) for host in hosts]
        row = "".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, columns, strict=True))
        lines.append(f"{day} {day:%a} {row}")
    return "\n".join(lines)
