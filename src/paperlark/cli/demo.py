"""The demo: a sample digest, three readers, and the page, on a database that is gone afterwards.

It is the whole way of a paper with nothing left out but the network: the real store, the real percolator, the real
outbox, and the console as channel. It reads no settings, so that it touches nothing of whoever runs it.
"""

import asyncio
import sys
import tempfile
import time
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import print_json, terminal
from paperlark.cli.running import stopped_by_signals
from paperlark.cli.telling import account
from paperlark.model.problems import PaperlarkError

if TYPE_CHECKING:
    import socket

    from rich.console import Console

    from paperlark.app import Paperlark
    from paperlark.settings import Settings

SAMPLE = Path(__file__).parent.parent / "sample"
HOST = "127.0.0.1"
ANSWER_SECONDS = 10
STEP = "bold cyan"
QUIET = "dim"

commands = typer.Typer()


@dataclass(frozen=True, slots=True)
class Summary:
    """What the demo came to. page: where it is, or was."""

    papers: int
    profiles: int
    alerts: int
    page: str


@commands.command(
    help=told(
        "Watch it work on a sample digest.",
        "paperlark demo",
        "paperlark demo --once --json",
        more="Three readers, their alerts, and the page, in a temporary folder. Ctrl-C ends it.",
    )
)
def demo(
    once: Annotated[bool, typer.Option("--once", help="End as soon as the page has answered.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The page's port.", show_default="a free one")] = 0,
    as_json: Json = False,
) -> None:
    """The sample digest, from file to alert."""
    from paperlark import log, settings
    from paperlark.app import listen

    log.set_up(level="error")
    with tempfile.TemporaryDirectory(prefix="paperlark-demo-") as folder, listen(HOST, port) as listening:
        chosen = settings.load({"PAPERLARK_DATABASE_URL": str(Path(folder) / "demo.sqlite3")})
        edge.run(_demo(chosen, listening, once, as_json))


async def _demo(settings: "Settings", listening: "socket.socket", once: bool, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.channels.console import Console as Channel
    from paperlark.channels.console import Options

    # For programs the alerts are no result: they and the steps go where progress goes.
    console = Channel(Options(stream=sys.stderr if as_json else sys.stdout))
    out = terminal(stderr=as_json)
    stop = asyncio.Event()
    with stopped_by_signals(stop):
        async with opened(settings, extra_channels=[console]) as app:
            profiles = await _follow(app, out)
            papers = await _take_digest(app, out)
            alerts = await _deliver(app, out)
            page, serving = await _serve(app, stop, listening, out)
            _conclude(out, Summary(papers, profiles, alerts, page), once=once, as_json=as_json)
            if once:
                stop.set()
            await serving


async def _follow(app: "Paperlark", out: "Console") -> int:
    """Each sample profile is subscribed, instantly, to a place on the terminal that carries its name."""
    from paperlark.model.readers import Cadence
    from paperlark.readers import follow
    from paperlark.readers.subscribe import Wish, subscribe

    samples = tomllib.loads((SAMPLE / "profiles.toml").read_text(encoding="utf-8"))["profiles"]
    me, instantly = await account(app, make=True), Wish(cadence=Cadence.INSTANT)
    _step(out, "1", f"{len(samples)} readers say what they care for.")
    for sample in samples:
        profile = await follow.follow(app.store, me, sample["query"], name=sample["name"])
        await subscribe(app.store, me, profile.name, channel="console", address=profile.name, wish=instantly)
        _note(out, profile.name, *profile.text.splitlines())
    return len(samples)


async def _take_digest(app: "Paperlark", out: "Console") -> int:
    """The sample digest is recorded, and every announcement in it percolated."""
    imported = await app.import_files([SAMPLE / "daily_papers.json"], kind="hf_daily", announce=True)
    _step(out, "2", f"A day's digest comes in: {imported.papers} papers are recorded.")
    started = time.perf_counter()
    percolated = await app.percolate()
    took = 1000 * (time.perf_counter() - started)
    _step(out, "3", f"Each of {percolated} announcements is held against all profiles, in {took:.0f} ms.")
    return imported.papers


async def _deliver(app: "Paperlark", out: "Console") -> int:
    """What is owed is sent to the terminal. Returns how many papers readers were told of."""
    from paperlark.store import outbox

    _step(out, "4", "Each reader is told of their own papers, and why they came:")
    out.print()
    await app.deliver()
    async with app.store.reading() as tx:
        return await outbox.told(tx)


async def _serve(
    app: "Paperlark", stop: asyncio.Event, listening: "socket.socket", out: "Console"
) -> tuple[str, asyncio.Task[None]]:
    """Serve the page until `stop`. Returns its address, once it has answered, and the task that serves it."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(app.serve(stop, listening, loops=False, ready=ready.set_result))
    either: set[asyncio.Future[Any]] = {serving, ready}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        await serving  # it could not: this raises why
    page = ready.result()
    await _ask(page)
    _step(out, "5", "The page answers.")
    return page, serving


async def _ask(page: str) -> None:
    """Prove that the page answers. Raises PaperlarkError."""
    place = urlsplit(page)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
            writer.write(f"GET / HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n\r\n".encode())
            status = (await reader.readline()).decode("latin-1").strip()
            writer.close()
    except (OSError, TimeoutError) as error:
        raise PaperlarkError(f"the page at {page} does not answer: {error or 'no word in time'}") from error
    if " 200 " not in status:
        raise PaperlarkError(f"the page at {page} answers {status!r}")


def _conclude(out: "Console", summary: Summary, *, once: bool, as_json: bool) -> None:
    if as_json:
        print_json(asdict(summary))
    else:
        out.print()
        counts = f"{summary.papers} papers, {summary.profiles} profiles, {summary.alerts} alerts"
        out.print(f"{counts}; page: {summary.page}", style="bold", soft_wrap=True, markup=False)
        if not once:
            out.print("Ctrl-C ends it; nothing of it stays behind.", style=QUIET)
    sys.stdout.flush()


def _step(out: "Console", number: str, said: str) -> None:
    out.print()
    out.print(f"{number}  {said}", style=STEP, markup=False, soft_wrap=True)


def _note(out: "Console", name: str, *lines: str) -> None:
    out.print(f"   {name}", markup=False, soft_wrap=True)
    for line in lines:
        out.print(f"      {line}", style=QUIET, markup=False, soft_wrap=True)
