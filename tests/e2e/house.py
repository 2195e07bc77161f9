"""A lively paperlark for a browser to look at: weeks of papers, and a reader who follows, saves, mutes and is told.

Everything in it comes from the sample digest that the project ships; the clock stands still, so that what is shown is
the same every time. It is served from a thread of its own over a real socket.
"""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import select

import paperlark
from paperlark.links import Links, Purpose
from paperlark.model.papers import Alias, Announcement
from paperlark.model.problems import DeliveryError, ReaderError
from paperlark.model.readers import Cadence, MarkKind, MuteKind
from paperlark.readers import feeds, follow, mailbox, mark, mute, session, subscribe
from paperlark.readers.mailbox import SignUp
from paperlark.readers.subscribe import Wish
from paperlark.sources import hf_daily
from paperlark.store import accounts, recording
from paperlark.store.database import Store, open_store
from paperlark.store.tables import CONFIRMATION, DELIVERY, DESTINATION
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from paperlark.web import make_web
from paperlark.web.access import SCOPES
from tests.builders import deliver, percolate, rows

SAMPLE = Path(paperlark.__file__).parent / "sample" / "daily_papers.json"
NOW = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
KEY = "a key that opens nothing but this house"
DAYS = 16

Addresses = dict[str, list[str]]
"""Addresses to look at, by the route that answers them as the router writes it."""


class Mailbox:
    """Mail as the web sees it."""

    def check_address(self, address: str) -> str:
        """Raises ReaderError."""
        if "@" not in address:
            raise ReaderError("an address is written like name@example.org")
        return address.casefold()


@dataclass(frozen=True)
class House:
    """Where it is, the cookie of the reader who lives there, and what there is to look at, without and with it."""

    home: str
    cookie: str
    everybody: Addresses
    reader: Addresses
    routes: frozenset[str]


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """A furnished house, served until the block ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    ready: list[House] = []
    standing = threading.Event()
    over: list[Callable[[], object]] = []

    async def serve() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        over.append(lambda: loop.call_soon_threadsafe(stop.set))
        home = f"http://127.0.0.1:{listening.getsockname()[1]}"
        clock = FakeClock(NOW - timedelta(days=DAYS))
        store = await open_store(f"sqlite+aiosqlite:///{folder / 'house.sqlite3'}", clock=clock)
        links = Links(KEY, home)
        app = make_web(store, {"email": Mailbox(), "fake": Mailbox()}, links=links)
        runner = web.AppRunner(app, access_log=None)
        try:
            cookie, everybody, reader = await furnish(store, clock, links)
            await runner.setup()
            await web.SockSite(runner, listening).start()
            ready.append(House(home, cookie, everybody, reader, frozenset(page_routes(app))))
            standing.set()
            await stop.wait()
        finally:
            await runner.cleanup()
            await store.close()
            standing.set()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert standing.wait(60) and ready, "the house was not furnished"
    try:
        yield ready[0]
    finally:
        over[0]()
        thread.join(20)


def page_routes(app: web.Application) -> Iterator[str]:
    """Every route of the application that answers people with a page."""
    for route in app.router.routes():
        address = route.resource.canonical if route.resource is not None else ""
        files = ("/api/", "/static", "/healthz", "/readyz", "/export/", "/feeds/", "/favicon.ico", "/account/export")
        if route.method == "GET" and not address.startswith(files):
            yield address


async def furnish(store: Store, clock: FakeClock, links: Links) -> tuple[str, Addresses, Addresses]:
    """Weeks go by. Returns the reader's cookie, and what there is to look at."""
    token = await session.begin_here(store, list(SCOPES))
    async with store.reading() as tx:
        bearer = await accounts.bearer(tx, token, await tx.now())
    assert bearer is not None
    ada = bearer.account_id
    agents = await follow.follow(store, ada, 'agent*, "tool use" -vision', name="Agents")
    await follow.follow(store, ada, "reasoning OR reinforcement", name="Reasoning")
    told, _ = await subscribe.subscribe(
        store, ada, str(agents.id), channel="fake", address="ada@example.org", wish=Wish(cadence=Cadence.INSTANT)
    )
    channel = FakeChannel()
    papers = await _weeks(store, clock, channel)
    await mark.mark(store, ada, str(papers[2]), MarkKind.SAVED)
    await mark.mark(store, ada, str(papers[5]), MarkKind.SAVED)
    await mute.mute(store, ada, MuteKind.WORD, "survey")
    await mute.mute(store, ada, MuteKind.AUTHOR, "Nobody, Nemo")
    feed = await feeds.make(store, ada, str(agents.id))
    assert feed
    token_c, token_m = await _mailbox(store, links)
    (first, *_) = await rows(store, select(DELIVERY).where(DELIVERY.c.account_id == ada).order_by(DELIVERY.c.id))
    everybody: Addresses = {
        "/": ["/", "/?day=2026-03-05", "/?day=2020-01-01", "/?q=agent*+reinforcement", "/?cat=cs.CL&since=2026-03-01",
              "/?q=%28agents", "/?q=dodo", "/?day=nonsense"],
        "/week/{name}": ["/week/2026-W10", "/week/2019-W01"],
        "/month/{name}": ["/month/2026-03"],
        "/trending": ["/trending?days=1", "/trending?only=dodo"],
        "/papers/{id}": [f"/papers/{papers[0]}", f"/papers/{papers[1]}", "/papers/nothing"],
        "/status": ["/status"],
        "/mail": ["/mail"],
        "/c/{token}": [f"/c/{token_c}"],
        "/u/{token}": [f"/u/{links.token(Purpose.UNSUBSCRIBE, *token_m)}"],
        "/m/{token}": [f"/m/{links.token(Purpose.PREFERENCES, *token_m)}"],
        "/sign-in": ["/sign-in"],
        "/api": ["/api"],
    }  # fmt: skip
    reader: Addresses = {
        "/": ["/"],
        "/for-you": ["/for-you", "/for-you?state=saved"],
        "/saved": ["/saved"],
        "/mutes": ["/mutes"],
        "/profiles": ["/profiles"],
        "/profiles/new": ["/profiles/new?text=agent*"],
        "/profiles/{id}": [f"/profiles/{agents.id}"],
        "/profiles/{id}/suggestions": [f"/profiles/{agents.id}/suggestions"],
        "/profiles/{id}/explain": [f"/profiles/{agents.id}/explain?paper={papers[0]}"],
        "/subscriptions": ["/subscriptions"],
        "/subscriptions/new": [f"/subscriptions/new?profile={agents.id}"],
        "/subscriptions/{id}": [f"/subscriptions/{told.id}"],
        "/deliveries": ["/deliveries"],
        "/deliveries/{id}": [f"/deliveries/{first['id']}"],
        "/account": ["/account"],
    }
    return token, everybody, reader


async def _weeks(store: Store, clock: FakeClock, channel: FakeChannel) -> list[int]:
    """Every weekday some of the sample's papers are announced, percolated and told; the newest day has most of them.
    The papers' ids, as they were announced, but for the first: it has everything that a paper can have."""
    announced = deque(hf_daily.parse(SAMPLE.read_bytes(), day=None, where="sample").announcements)
    spare = announced[0]
    ids: list[int] = []
    for number in range(DAYS):
        day = NOW - timedelta(days=DAYS - 1 - number)
        clock.advance(day - clock())
        if day.weekday() > 4:
            continue
        count = len(announced) if number == DAYS - 1 else 1 + number % 2
        for each in [announced.popleft() for _ in range(count)]:
            ids += await _tell(store, replace(each, announced_at=day), "hf_daily", day, owes=True)
        await percolate(store)
        if number == DAYS // 2:
            channel.fail("ada@example.org", DeliveryError("the address is gone", permanent=True))
        clock.advance(minutes=6)
        await deliver(store, channel)
    told = replace(
        spare.paper,
        title=r"A lark's song of $\beta$-larks in $\mathcal{O}(n\log n)$ steps",
        abstract=_FORMULAS,
        organisation="Institute of Larks",
        categories=("cs.CL", "cs.LG"),
        aliases=(Alias("arxiv", "2603.99999"),),
        url=None,
    )
    began = NOW - timedelta(days=3)
    whole = Announcement(told, began, signals={"upvotes": 12, "comments": 3})
    (first,) = await _tell(store, whole, "hf_daily", began)
    for hours, upvotes in ((20, 31), (44, 64), (60, 71)):
        again = replace(whole, signals={"upvotes": upvotes, "comments": 5})
        await _tell(store, again, "hf_daily", began + timedelta(hours=hours))
    revised = Announcement(told, NOW - timedelta(days=1), occasion="replaced:v2", type="replace")
    await _tell(store, revised, "arxiv:cs.CL", NOW - timedelta(days=1))
    return [first, *ids]


_FORMULAS = (
    r"Larks sing in $\mathcal{O}(n\log n)$ steps, with a gain of $\frac{1}{\sqrt{2}}$ over wrens and $95\%$ of their "
    r"voice. For every bird $x_i \in \mathbb{R}^{d}$ we find $\|x_i\|_2^2 \le 1$, at no more than \$5 a song. "
)


async def _tell(
    store: Store, announcement: Announcement, source: str, at: datetime, *, owes: bool = False
) -> tuple[int, ...]:
    prepared = recording.prepare(source, [announcement])
    async with store.transaction() as tx:
        return tuple((await recording.record(tx, source, 50, prepared, owes=owes, now=at)).papers)


async def _mailbox(store: Store, links: Links) -> tuple[str, tuple[int, int]]:
    """Somebody who gets mail, and somebody who was asked. The one who was asked's link, the other's destination."""
    for address in ("bo@example.org", "cy@example.org"):
        await mailbox.sign_up(store, address, SignUp("larks", Cadence.DAILY))
    asked: list[dict[str, Any]] = await rows(store, select(CONFIRMATION).order_by(CONFIRMATION.c.id))
    whose = [(each["account_id"], each["id"]) for each in asked]
    confirmed = await mailbox.confirm(store, whose[0])
    assert confirmed is not None
    places = await rows(store, select(DESTINATION).where(DESTINATION.c.account_id == whose[0][0]))
    return links.token(Purpose.CONFIRM, *whose[1]), (whose[0][0], places[0]["id"])
