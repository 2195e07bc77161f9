"""Where papers come from: the operator's sources, and polling them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import print_json, print_table, progress, say

if TYPE_CHECKING:
    from datetime import datetime

    from paperlark.pipeline.ingest import Taken
    from paperlark.settings import Settings
    from paperlark.store.sources import Configured

commands = typer.Typer()
sources = typer.Typer(rich_markup_mode=None, context_settings=edge.CONTEXT)
commands.add_typer(sources, name="sources")

Name = Annotated[str, typer.Argument(metavar="NAME", help="As `paperlark sources` shows it.", show_default=False)]


# ── sources ────────────────────────────────────────────────────────────────────────────────────────────────────────


@sources.callback(
    invoke_without_command=True,
    help=told(
        "List the sources; add, pause or remove one.",
        "paperlark sources",
        "paperlark sources add rss blog --url https://blog.example.org/feed.xml",
        more="With --json one object a line.",
    ),
)
def list_sources(context: typer.Context, as_json: Json = False) -> None:
    """List them, unless a command follows."""
    if context.invoked_subcommand is not None:
        edge.refuse_early_json(context, as_json)
        return
    edge.run(_list(edge.begin(), as_json))


async def _list(settings: "Settings", as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.store import sources as stored

    async with opened(settings) as app, app.store.reading() as tx:
        found = await stored.listed(tx)
    if as_json:
        for source in found:
            print_json(_source_record(source))
    elif found:
        rows = [
            (source.name, source.kind, _state(source), _minute(source.good_at), _minute(source.next_poll_at),
             f"{source.seen:,}", f"{source.new:,}", f"{source.rejected:,}")
            for source in found
        ]  # fmt: skip
        print_table(("source", "kind", "state", "last well", "next poll", "seen", "new", "rejects"), rows)
    else:
        say("there are no sources yet; `paperlark run` begins with the default ones")


@sources.command(
    "add",
    help=told(
        "Add a source, change its options, or wake one that was paused.",
        "paperlark sources add hf_daily hf_daily --option look_back=5",
        "paperlark sources add rss blog --url https://blog.example.org/feed.xml",
        more="Its first poll fills the archive and tells nobody.",
    ),
)
def add_source(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="hf_daily, rss, capture, jsonl, or package.module:Class")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called here.", show_default=False)],
    option: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="One of the kind's options.")] = None,
    url: Annotated[str | None, typer.Option(help="Short for --option url=…")] = None,
    as_json: Json = False,
) -> None:
    """Configure a source; it is due at once."""
    from paperlark import adapters
    from paperlark.app import check_source

    settings = edge.begin()
    options = _options(option or [], url)
    adapters.source_class(kind)
    if options:
        check_source(settings, name, kind, options)
    edge.run(_add(settings, name, kind, options, as_json))


async def _add(settings: "Settings", name: str, kind: str, options: dict[str, Any], as_json: bool) -> None:
    from paperlark.app import check_source, opened
    from paperlark.store import sources as stored

    async with opened(settings) as app, app.store.transaction() as tx:
        if not options:  # what is only woken keeps what it was given
            known = [source for source in await stored.listed(tx) if (source.name, source.kind) == (name, kind)]
            options = dict(known[0].options) if known else {}
            check_source(settings, name, kind, options)
        source = await stored.add(tx, name, kind, options, await tx.now())
    if as_json:
        print_json(_source_record(source))
    else:
        say(f"{name} will be polled by `paperlark run`, or now by `paperlark poll {name}`")


@sources.command("pause", help=told("Stop polling a source until it is added again.", "paperlark sources pause blog"))
def pause_source(
    name: Name,
    because: Annotated[
        str, typer.Option(metavar="TEXT", help="The reason that lists show.")
    ] = "paused by the operator",
    as_json: Json = False,
) -> None:
    """Pause a source."""
    edge.run(_pause(edge.begin(), name, because, as_json))


async def _pause(settings: "Settings", name: str, because: str, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.store import sources as stored

    async with opened(settings) as app, app.store.transaction() as tx:
        await stored.pause(tx, name, because)
        source = await stored.get(tx, name)
    if as_json:
        print_json(_source_record(source))
    else:
        say(f"{name} is paused; `paperlark sources add {source.kind} {name}` wakes it")


@sources.command("remove", help=told("Forget a source; its papers stay.", "paperlark sources remove blog"))
def remove_source(name: Name, as_json: Json = False) -> None:
    """Remove a source."""
    edge.run(_remove(edge.begin(), name, as_json))


async def _remove(settings: "Settings", name: str, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.store import sources as stored

    async with opened(settings) as app, app.store.transaction() as tx:
        await stored.remove(tx, name, await tx.now())
    if as_json:
        print_json({"removed": name})
    else:
        say(f"{name} is removed; its papers stay in the archive")


def _options(written: list[str], url: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for option in written:
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{key or option!r} is written like key=value", param_hint="--option")
        options[key] = int(value) if value.isdecimal() else value
    return options | ({"url": url} if url is not None else {})


def _state(source: "Configured") -> str:
    if source.paused_reason is not None:
        return f"paused: {source.paused_reason}"
    if source.last_error is not None:
        return f"failing: {source.last_error}"
    if source.next_poll_at is None:
        return "imported from, never polled"
    return "well" if source.good_at is not None else "not yet polled"


def _minute(moment: "datetime | None") -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def _source_record(source: "Configured") -> dict[str, Any]:
    """A source for programs; of its options the names only, as a value may be a secret."""
    moments = {"baseline_at": source.baseline_at, "polled_at": source.polled_at, "good_at": source.good_at,
               "next_poll_at": source.next_poll_at}  # fmt: skip
    return {
        "name": source.name,
        "kind": source.kind,
        "state": _state(source),
        "options": sorted(source.options),
        "paused_reason": source.paused_reason,
        "failures": source.failures,
        "last_error": source.last_error,
        "seen": source.seen,
        "new": source.new,
        "rejected": source.rejected,
    } | {name: moment.isoformat() if moment else None for name, moment in moments.items()}


# ── poll ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(
    help=told(
        "Poll one source now, or all that are due.",
        "paperlark poll hf_daily",
        more="What is new is percolated; `paperlark deliver` sends what is due. With --json one object a line.",
    )
)
def poll(
    source: Annotated[str | None, typer.Argument(metavar="[SOURCE]", help="Which one; due or not.")] = None,
    as_json: Json = False,
) -> None:
    """Poll, then percolate."""
    taken = edge.run(_poll(edge.begin(), source))
    for name, what in taken.items():
        _print_taken(name, what, as_json)
    if not taken and not as_json:
        say("no source is due; `paperlark sources` says when the next is")
    if any(what.error for what in taken.values()):
        raise typer.Exit(edge.NOT_DONE)


async def _poll(settings: "Settings", source: str | None) -> "dict[str, Taken]":
    from paperlark.app import opened

    async with opened(settings) as app:
        with progress("polling"):
            taken = await app.poll(source)
        with progress("percolating") as advance:
            await app.percolate(lambda done: advance(done, note=f"{done:,} announcements"))
    return taken


def _print_taken(name: str, taken: "Taken", as_json: bool) -> None:
    if taken.error:
        edge.complain(f"{name}: {taken.error}")
    if as_json:
        print_json(
            {
                "source": name,
                "records": taken.records,
                "papers": len(taken.papers),
                "new": taken.new,
                "rejects": [{"where": each.where, "reason": each.reason} for each in taken.rejects],
                "error": taken.error,
            }
        )
    elif not taken.error:
        say(
            f"{name}: {taken.records:,} records, {len(taken.papers):,} papers, {taken.new:,} new, "
            f"{len(taken.rejects):,} rejects"
        )
