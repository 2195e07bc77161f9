"""Where papers come from: the operator's sources, and polling them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import print_json, print_table, progress, say

if TYPE_CHECKING:
    from datetime import datetime

    from paperlark.pipeline.ingest import Taken
    from paperlark.settings import Settings
    from paperlark.sources._opml import Listed
    from paperlark.store.sources import Configured

commands = typer.Typer()
sources = typer.Typer(rich_markup_mode=None, context_settings=edge.CONTEXT)
commands.add_typer(sources, name="sources")

Name = Annotated[str, typer.Argument(metavar="NAME", help="As `paperlark sources` shows it.", show_default=False)]


# ── sources ────────────────────────────────────────────────────────────────────────────────────────────────────────


@sources.callback(
    invoke_without_command=True,
    help=told(
        "List the sources; add, pause, remove, import or export.",
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
    from paperlark.readers import status

    async with opened(settings) as app:
        found = await status.sources(app.store)
    if as_json:
        for each in found:
            print_json({**status.record(each), "options": sorted(each.source.options)})
    elif found:
        rows = [
            (source.name, state, because, _minute(source.good_at), _minute(source.next_poll_at), _counts(source),
             f"{source.new:,}")
            for source, state, because in found
        ]  # fmt: skip
        print_table(("source", "health", "because", "last well", "next poll", "last poll", "papers so far"), rows)
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
    from paperlark.from_settings import check_source

    settings = edge.begin()
    options = _options(option or [], url)
    adapters.source_class(kind)
    if options:
        check_source(settings, name, kind, options)
    edge.run(_add(settings, name, kind, options, as_json))


async def _add(settings: "Settings", name: str, kind: str, options: dict[str, Any], as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.from_settings import check_source
    from paperlark.store import sources as stored

    async with opened(settings) as app, app.store.transaction() as tx:
        if not options:  # what is only woken keeps what it was given
            known = [source for source in await stored.listed(tx) if (source.name, source.kind) == (name, kind)]
            options = dict(known[0].options) if known else {}
            check_source(settings, name, kind, options)
        now = await tx.now()
        source = await stored.add(tx, name, kind, options, now)
    if as_json:
        print_json(_source_record(source, now))
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
        source, now = await stored.get(tx, name), await tx.now()
    if as_json:
        print_json(_source_record(source, now))
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


@sources.command(
    "import",
    help=told(
        "Add the feeds of a list (OPML), as feed readers export it.",
        "paperlark sources import feeds.opml",
        more="A feed that is a source already stays as it is. With --json one object a feed.",
    ),
)
def import_sources(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The list.", exists=True, dir_okay=False)],
    as_json: Json = False,
) -> None:
    """Add a source for each feed of a list."""
    from paperlark.sources import _opml

    settings = edge.begin()
    with file.open("rb") as stream:
        listed = _opml.parse(stream.read(_opml.BYTES + 1), where=file.name)
    fates = edge.run(_import(settings, listed))
    for fate in fates:
        if as_json:
            print_json(fate)
        elif fate["fate"] == "refused":
            edge.complain(f"{fate['title']}: {fate['url']} is no http or https address")
    counts = {what: sum(fate["fate"] == what for fate in fates) for what in ("added", "known", "refused")}
    if not as_json:
        say(f"{counts['added']:,} added, {counts['known']:,} known already, {counts['refused']:,} refused")
    if counts["refused"]:
        raise typer.Exit(edge.NOT_DONE)


async def _import(settings: "Settings", listed: "list[Listed]") -> list[dict[str, Any]]:
    from paperlark.app import opened
    from paperlark.sources import _opml
    from paperlark.store import sources as stored

    fates = []
    async with opened(settings) as app, app.store.transaction() as tx:
        now, there = await tx.now(), await stored.listed(tx)
        names = {source.name for source in there}
        known = {source.options.get("url"): source.name for source in there if source.kind == "rss"}
        for feed in listed:
            fate = "known" if feed.url in known else "added" if feed.askable else "refused"
            if fate == "added":
                known[feed.url] = _opml.source_name(feed.title, names)
                names.add(known[feed.url])
                await stored.add(tx, known[feed.url], "rss", {"url": feed.url}, now)
            fates.append({"fate": fate, "title": feed.title, "url": feed.url, "source": known.get(feed.url)})
    return fates


@sources.command(
    "export",
    help=told(
        "Write the feeds among the sources as a list (OPML) for feed readers.",
        "paperlark sources export > feeds.opml",
        more="With --json one object a feed.",
    ),
)
def export_sources(as_json: Json = False) -> None:
    """Print the list."""
    edge.run(_export(edge.begin(), as_json))


async def _export(settings: "Settings", as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.sources import _opml
    from paperlark.store import sources as stored

    async with opened(settings) as app, app.store.reading() as tx:
        now, there = await tx.now(), await stored.listed(tx)
    feeds = [_opml.Listed(source.name, str(source.options["url"])) for source in there if source.kind == "rss"]
    if as_json:
        for feed in feeds:
            print_json({"source": feed.title, "url": feed.url})
    else:
        say(_opml.write(feeds, title="paperlark", created=now).decode().rstrip())


def _options(written: list[str], url: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for option in written:
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{key or option!r} is written like key=value", param_hint="--option")
        options[key] = int(value) if value.isdecimal() else value
    return options | ({"url": url} if url is not None else {})


def _counts(source: "Configured") -> str:
    """What the last poll heard."""
    heard = source.evidence
    if source.polled_at is None:
        return ""
    rejects = f", {heard.rejected:,} unreadable" if heard.rejected else ""
    return f"{heard.seen:,} seen, {heard.new:,} new{rejects}"


def _minute(moment: "datetime | None") -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def _source_record(source: "Configured", now: "datetime") -> dict[str, Any]:
    """A source for programs; of its options the names only, as a value may be a secret."""
    from paperlark.readers import status

    return {**status.record(status.of(source, now)), "options": sorted(source.options)}


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
