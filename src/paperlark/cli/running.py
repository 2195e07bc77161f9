"""What goes on by itself: run all of it or a part, or deliver what is due and leave."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import print_json, progress, say

if TYPE_CHECKING:
    import socket

    from paperlark.app import Paperlark
    from paperlark.pipeline.deliver import Outcome
    from paperlark.settings import Settings

LATEST_EXIT = 18  # seconds after a signal: whatever still hangs then (a name server, a terminal) hangs alone

commands = typer.Typer()


# ── run, web, worker ───────────────────────────────────────────────────────────────────────────────────────────────

ENDS = "SIGTERM and Ctrl-C let it finish what is in flight, within 20 seconds; a second Ctrl-C does not."
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="The page's port; 0 takes a free one.")]


@commands.command(
    help=told(
        "Poll sources, tell readers, serve the page.", "paperlark run", "PAPERLARK_PORT=9000 paperlark run", more=ENDS
    )
)
def run(port: Port = None, as_json: Json = False) -> None:
    """All of it in one process."""
    _serve(edge.begin(serving=True), port, as_json)


@commands.command(
    help=told(
        "Serve the page and the API only.",
        "paperlark web --port 9000",
        more=f"Beside `paperlark worker`, on PostgreSQL, as many as are needed. {ENDS}",
    )
)
def web(port: Port = None, as_json: Json = False) -> None:
    """One of many processes: no loops, no bots; all of it where there is only one."""
    from paperlark.settings import sharing

    settings = edge.begin(serving=True)
    if settings.one_process:
        _serve(settings, port, as_json)
    else:
        _serve(sharing(settings, "web"), port, as_json, loops=False)


@commands.command(
    help=told(
        "Poll sources, tell readers, answer in chats.",
        "paperlark worker",
        more=f"Beside `paperlark web`, on PostgreSQL, as many as are needed: they share the work by leases. {ENDS}",
    )
)
def worker(as_json: Json = False) -> None:
    """One of many processes: it listens nowhere."""
    from paperlark.settings import sharing

    edge.run(_run(sharing(edge.begin(serving=True), "worker"), None, True, as_json))


def _serve(settings: "Settings", port: int | None, as_json: bool, *, loops: bool = True) -> None:
    from paperlark.app import listen

    with listen(settings.host, settings.port if port is None else port) as listening:
        edge.run(_run(settings, listening, loops, as_json))


async def _run(settings: "Settings", listening: "socket.socket | None", loops: bool, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.settings import supervisor
    from paperlark.supervision import Notice, watched

    def tell(address: str) -> None:
        begun()
        if as_json:
            print_json({"page": address or None})
        else:
            at = f"is at {address}" if address else "works, without a page"
            say(f"paperlark {at} (Ctrl-C stops it)")
        sys.stdout.flush()

    stop, told_of = asyncio.Event(), supervisor()
    notice, seconds = (Notice(told_of.socket), told_of.watchdog_seconds) if told_of else (None, None)
    with stopped_by_signals(stop):
        async with (
            opened(settings) as app,
            app.watching(),
            watched(notice, seconds, app.store.state) as begun,
        ):
            await app.serve(stop, listening, loops=loops, ready=tell)


@contextmanager
def stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Within, the first SIGTERM or SIGINT sets `stop`, and the process is gone `LATEST_EXIT` seconds later at most;
    a second one ends it as if nobody listened."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)

    def stopping() -> None:
        stop.set()
        _leave_at_the_latest(LATEST_EXIT)
        for each in signals:
            loop.remove_signal_handler(each)

    for each in signals:
        loop.add_signal_handler(each, stopping)
    try:
        yield
    finally:
        for each in signals:
            loop.remove_signal_handler(each)


def _leave_at_the_latest(seconds: float) -> None:
    """Exit then, whatever hangs: nothing is lost, leases run out and others take over."""
    last = threading.Timer(seconds, os._exit, (0,))
    last.daemon = True
    last.start()


# ── deliver ────────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(
    help=told(
        "Send what is due now, and leave.",
        "paperlark deliver",
        more="With --json the console's digests go to standard error. The exit status is 1 where one ended dead.",
    )
)
def deliver(as_json: Json = False) -> None:
    """Percolate what is open, then send what is due."""
    outcome, next_due = edge.run(_deliver(edge.begin(), as_json))
    if as_json:
        counts = {"sent": outcome.sent, "dead": outcome.dead, "dropped": outcome.dropped}
        print_json(counts | {"postponed": outcome.postponed, "next_due": next_due.isoformat() if next_due else None})
    else:
        say(_in_words(outcome, next_due))
    if outcome.dead:
        raise typer.Exit(edge.NOT_DONE)


async def _deliver(settings: "Settings", as_json: bool) -> "tuple[Outcome, datetime | None]":
    from paperlark.app import opened
    from paperlark.channels.console import Console, Options

    # For programs a digest on the terminal is no result: it goes where progress goes.
    console = Console(Options(stream=sys.stderr if as_json else sys.stdout))
    async with opened(settings, extra_channels=[console]) as app:
        with progress("percolating") as advance:
            await app.percolate(lambda done: advance(done, note=f"{done:,} announcements"))
        return await app.deliver(), await _next_due(app)


async def _next_due(app: "Paperlark") -> datetime | None:
    """When the next delivery of a channel that is configured here is due."""
    from paperlark.store import outbox

    async with app.store.reading() as tx:
        found = [await outbox.next_due(tx, kind) for kind in app.channels]
    return min(filter(None, found), default=None)


def _in_words(outcome: "Outcome", next_due: datetime | None) -> str:
    done = {
        "sent": outcome.sent,
        "postponed": outcome.postponed,
        "dropped": outcome.dropped,
        "dead": outcome.dead,
    }
    said = ", ".join(f"{number:,} {what}" for what, number in done.items() if number) or "nothing is due"
    return said + (f"; the next is due {next_due:%Y-%m-%d %H:%M} UTC" if next_due else "")
