"""The archive: import saved files, search, explain, backtest."""

from contextlib import aclosing
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import (
    on_terminal,
    paper_record,
    print_json,
    print_paper,
    progress,
    say,
    sparkline,
)

if TYPE_CHECKING:
    from paperlark.app import Imported
    from paperlark.readers.preview import Preview
    from paperlark.settings import Settings

REJECTS_SHOWN = 10
BARS_SHOWN = 60

commands = typer.Typer()

Query = Annotated[str, typer.Argument(metavar="QUERY", help="In the profile language.", show_default=False)]


# ── import ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(
    "import",
    help=told(
        "Take papers from saved files into the archive.",
        "paperlark import saved/*.json --announce",
        "paperlark import listing.txt --as capture --captured-on 2025-11-05",
        more="A file that cannot be read is named, and the others are taken; the exit status is then 1.",
    ),
)
def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Saved digests or feeds.", show_default=False)],
    kind: Annotated[
        str | None, typer.Option("--as", metavar="KIND", help="What the files are; by default each is guessed.")
    ] = None,
    captured_on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="When they were saved; by default each file's date."),
    ] = None,
    announce: Annotated[
        bool, typer.Option("--announce", help="Tell readers of what is new; else it is archived.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Record files, then percolate. Nothing is touched where no file can be read."""
    settings = edge.begin()
    if kind is not None:
        from paperlark import adapters

        adapters.source_module(kind)
    day = captured_on.date() if captured_on else None
    imported = edge.run(_import(settings, files, kind, day, announce))
    _print_imported(imported, as_json)
    if imported.failed:
        raise typer.Exit(edge.NOT_DONE)


async def _import(
    settings: "Settings", files: list[Path], kind: str | None, captured_on: date | None, announce: bool
) -> "Imported":
    from paperlark.app import Imported, all_unreadable, opened

    failed = await all_unreadable(settings, files, kind=kind, captured_on=captured_on)
    if failed:
        return Imported(files=len(files), failed=failed)
    async with opened(settings) as app:
        with progress("importing") as advance:
            imported = await app.import_files(
                files,
                kind=kind,
                captured_on=captured_on,
                announce=announce,
                progress=lambda done, records: advance(done, len(files), f"{records:,} records"),
            )
        with progress("percolating") as advance:
            await app.percolate(lambda done: advance(done, note=f"{done:,} announcements"))
    return imported


def _print_imported(imported: "Imported", as_json: bool) -> None:
    for reject in imported.failed:
        edge.complain(f"{reject.where}: {reject.reason}")
    rejects = [*imported.failed, *imported.rejects]
    if as_json:
        counts = {"records": imported.records, "papers": imported.papers, "new": imported.new}
        print_json(counts | {"rejects": [{"where": each.where, "reason": each.reason} for each in rejects]})
        return
    for reject in imported.rejects[:REJECTS_SHOWN]:
        edge.complain(f"not taken: {reject.where}: {reject.reason}")
    if len(imported.rejects) > REJECTS_SHOWN:
        edge.complain(f"not taken: {len(imported.rejects) - REJECTS_SHOWN:,} more; --json lists them all")
    if imported.files > len(imported.failed):
        say(
            f"{imported.records:,} records, {imported.papers:,} papers, {imported.new:,} new, "
            f"{len(imported.rejects):,} rejects"
        )


# ── search ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(
    help=told(
        "Search the archive: what meets a query, best first.",
        "paperlark papers '\"test-time scaling\" OR title:agent*' --limit 10",
        "paperlark papers --json | head",
        more="Without a query all papers, newest first. With --json one object a line.",
    )
)
def papers(
    query: Annotated[str | None, typer.Argument(metavar="[QUERY]", help="In the profile language.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Show no more than these.", show_default="all")] = None,
    as_json: Json = False,
) -> None:
    """Print papers as they are found."""
    settings = edge.begin()
    if query is not None:
        from paperlark.matching.query import parse

        parse(query)
    edge.run(_papers(settings, query, limit, as_json))


async def _papers(settings: "Settings", query: str | None, limit: int | None, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers.search import search

    shown = 0
    async with opened(settings) as app, aclosing(search(app.store, query, limit=limit)) as all_found:
        async for found in all_found:
            shown += 1
            if as_json:
                print_json(paper_record(found.paper, found.matched) | {"score": round(found.score, 4)})
            else:
                print_paper(found.paper, found.matched)
    if on_terminal() and not as_json:
        say("1 paper" if shown == 1 else f"{shown:,} papers" if shown else "no paper meets this")


# ── explain ────────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(
    help=told(
        "Say why a paper meets a query, or why not.",
        "paperlark explain 'title:agent* memory' 2505.14302",
        more="PAPER is an id, an arXiv id, a DOI or an address.",
    )
)
def explain(
    query: Query,
    paper: Annotated[str, typer.Argument(metavar="PAPER", help="Which one.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Hold a query against one paper."""
    from paperlark.matching.query import parse

    settings = edge.begin()
    parse(query)
    edge.run(_explain(settings, query, paper, as_json))


async def _explain(settings: "Settings", query: str, paper: str, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import why

    async with opened(settings) as app:
        answer = await why.explain(app.store, query, paper)
    if as_json:
        record = paper_record(answer.paper, answer.matched)
        print_json({"met": answer.met, "sentence": answer.sentence, "matched": record["matched"], "paper": record})
        return
    print_paper(answer.paper, answer.matched)
    say(answer.sentence)


# ── backtest ───────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(
    help=told(
        "Tell what a query would have brought.",
        "paperlark backtest 'diffusion, flow matching' --days 30",
        more="Papers a day, five examples, and the term that brings most.",
    )
)
def backtest(
    query: Query,
    days: Annotated[int, typer.Option(help="How many days to look back.")] = 14,
    as_json: Json = False,
) -> None:
    """Run a query over the last days of the archive."""
    from paperlark.matching.query import parse
    from paperlark.model.problems import ReaderError
    from paperlark.readers.preview import DAYS_LIMIT

    settings = edge.begin()
    parse(query)
    if not 1 <= days <= DAYS_LIMIT:
        raise ReaderError(f"a backtest looks back between 1 and {DAYS_LIMIT} days, not {days}")
    edge.run(_backtest(settings, query, days, as_json))


async def _backtest(settings: "Settings", query: str, days: int, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers.preview import preview
    from paperlark.readers.search import latest_day

    async with opened(settings) as app:
        with progress("looking back"):
            found = await preview(app.store, query, days=days, now=await app.store.now())
        newest = await latest_day(app.store)
    if as_json:
        print_json(_preview_record(query, found, newest))
    else:
        _print_preview(found, newest)


def _preview_record(query: str, found: "Preview", newest: date | None) -> dict[str, Any]:
    return {
        "query": query,
        "days": found.days,
        "total": found.total,
        "per_day": [{"day": day.isoformat(), "papers": papers} for day, papers in found.per_day],
        "examples": [paper_record(paper) for paper in found.examples],
        "noisiest": {"term": found.noisiest[0], "papers": found.noisiest[1]} if found.noisiest else None,
        "newest_day": newest.isoformat() if newest else None,
        "sentence": found.sentence,
    }


def _print_preview(found: "Preview", newest: date | None) -> None:
    say(found.sentence)
    if not found.total:
        say(f"the newest paper in the archive is of {newest}" if newest else "the archive is empty")
        return
    line, each = sparkline([papers for _, papers in found.per_day], BARS_SHOWN)
    first, last = found.per_day[0][0], found.per_day[-1][0]
    say("", f"{first}  {line}  {last}" + (f"  (a bar is {each} days)" if each > 1 else ""), "")
    for paper in found.examples:
        print_paper(paper)
