"""The archive: import saved files, search, names, explain, backtest."""

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
    print_table,
    progress,
    say,
)
from paperlark.cli.telling import account

if TYPE_CHECKING:
    from paperlark.app import Imported
    from paperlark.readers.narrowing import Narrowing
    from paperlark.readers.preview import Narrower, Preview
    from paperlark.readers.search import Found
    from paperlark.readers.tally import Share
    from paperlark.settings import Settings
    from paperlark.store.database import Store

REJECTS_SHOWN = 10
BARS_SHOWN = 60
BY_MEANING = 20  # papers of a search by meaning: nobody can say where it ends

commands = typer.Typer()

DAYS = ["%Y-%m-%d"]
Day = datetime | None

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
    from paperlark.app import Imported, opened
    from paperlark.saved_files import all_unreadable

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
        "paperlark papers diffusion --author 'Yang Song' --since 2026-01-01",
        "paperlark papers 'agents that browse the web' --meaning",
        "paperlark papers --json | head",
        more="Without a query newest first. With --json one object a line. With --meaning the words need not be there: "
        "papers that say the same in others are found too, the best 20 unless --limit says more.",
    )
)
def papers(
    query: Annotated[str | None, typer.Argument(metavar="[QUERY]", help="In the profile language.")] = None,
    org: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this organisation.")] = None,
    author: Annotated[str | None, typer.Option(metavar="NAME", help="Only by this author.")] = None,
    cat: Annotated[str | None, typer.Option(metavar="CATEGORY", help="Only in this category, or under it.")] = None,
    source: Annotated[str | None, typer.Option(metavar="SOURCE", help="Only what this source told of.")] = None,
    since: Annotated[Day, typer.Option(formats=DAYS, metavar="DATE", help="Only announced from this day on.")] = None,
    until: Annotated[Day, typer.Option(formats=DAYS, metavar="DATE", help="Only announced until this day.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Show no more than these.", show_default="all")] = None,
    meaning: Annotated[bool, typer.Option("--meaning", help="What is about it, in these words or in others.")] = False,
    as_json: Json = False,
) -> None:
    """Print papers as they are found."""
    from paperlark.readers.narrowing import Narrowing
    from paperlark.readers.search import understood

    settings = edge.begin()
    narrowing = Narrowing(org, author, cat, source, since and since.date(), until and until.date())
    understood(query, narrowing)
    if meaning and query:
        edge.run(_papers_by_meaning(settings, query, narrowing, limit or BY_MEANING, as_json))
    else:
        edge.run(_papers(settings, query, narrowing, limit, as_json))


async def _papers(
    settings: "Settings", query: str | None, narrowing: "Narrowing", limit: int | None, as_json: bool
) -> None:
    from paperlark.app import opened
    from paperlark.readers.search import search

    shown = 0
    async with (
        opened(settings) as app,
        aclosing(search(app.store, query, narrowing=narrowing, limit=limit)) as all_found,
    ):
        async for found in all_found:
            shown += 1
            if as_json:
                print_json(_found_record(found))
            else:
                print_paper(found.paper, found.matched)
    if on_terminal() and not as_json:
        say("1 paper" if shown == 1 else f"{shown:,} papers" if shown else "no paper meets this")


async def _papers_by_meaning(
    settings: "Settings", query: str, narrowing: "Narrowing", limit: int, as_json: bool
) -> None:
    from paperlark.app import opened
    from paperlark.readers.meaning import note, stretch

    async with opened(settings) as app:
        await _find_directions(app.store)
        found = (await stretch(app.store, query, narrowing=narrowing, limit=limit)).found
    for each in found:
        if as_json:
            print_json(_found_record(each))
        else:
            print_paper(each.paper, each.matched)
    if note():
        edge.complain(note())
    if on_terminal() and not as_json:
        say(f"{len(found):,} papers, best first" if found else "no paper is about this")


async def _find_directions(store: "Store") -> None:
    """Those that are missing: the first time all of them, with a word on how far it is."""
    from paperlark.store import directions

    with progress("reading what papers are about") as advance:
        done = 0
        while True:
            filled = await directions.fill(store, limit=directions.BITE)
            done += filled.papers
            if filled.complete:
                return
            advance(done, note=f"{done:,} papers")


# ── similar ────────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(
    help=told(
        "List the papers most like one.",
        "paperlark similar 2505.14302",
        "paperlark similar 2505.14302 --limit 5 --json",
        more="PAPER is an id, an arXiv id, a DOI or an address.",
    )
)
def similar(
    paper: Annotated[str, typer.Argument(metavar="PAPER", help="Which one.", show_default=False)],
    limit: Annotated[int, typer.Option(min=1, max=100, help="Show no more than these.")] = 10,
    as_json: Json = False,
) -> None:
    """Print similar papers, each with what it has in common."""
    edge.run(_similar(edge.begin(), paper, limit, as_json))


async def _similar(settings: "Settings", paper: str, limit: int, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers.similar import similar as papers_like

    async with opened(settings) as app:
        await _find_directions(app.store)
        found = await papers_like(app.store, paper, limit=limit)
    for each in found.papers:
        if as_json:
            common = {"score": each.score, "closeness": each.closeness, "words": list(each.words)}
            print_json(paper_record(each.paper, ()) | common)
        else:
            print_paper(each.paper, ())
            if on_terminal():
                say(f"  {each.sentence}", "")
    if found.note:
        edge.complain(found.note)
    if on_terminal() and not as_json and not found.papers:
        say("no paper is like this one")


def _found_record(found: "Found") -> dict[str, Any]:
    record = paper_record(found.paper, found.matched)
    return record | {"score": round(found.score, 4), "snippet": found.snippet.text}


# ── names ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(
    help=told(
        "List names in the archive that are spelt like this one.",
        "paperlark names 'Yang Song'",
        "paperlark names deepmind --kind organisation --json",
        more="Of authors also those that share initials: Song, Y. is like Yang Song. The number is of papers.",
    )
)
def names(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A name, or some of it.", show_default=False)],
    kind: Annotated[str, typer.Option(metavar="KIND", help="Whose: author or organisation.")] = "author",
    limit: Annotated[int, typer.Option(min=1, max=500, help="Show no more than these.")] = 20,
    as_json: Json = False,
) -> None:
    """Print similar names, the likest first."""
    edge.run(_names(edge.begin(), text, kind, limit, as_json))


async def _names(settings: "Settings", text: str, kind: str, limit: int, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers.names import similar

    async with opened(settings) as app:
        found = await similar(app.store, text, kind=kind, limit=limit)
    if as_json:
        for each in found:
            print_json({"name": each.name, "papers": each.papers, "likeness": each.likeness})
        return
    print_table(("name", "papers"), [(each.name, f"{each.papers:,}") for each in found])
    if on_terminal() and not found:
        say("no name in the archive is like this one")


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
        "paperlark backtest 'diffusion, flow matching' --days 60",
        more="Papers a day, examples, each term's share, and what narrower readings would leave.",
    )
)
def backtest(
    query: Query,
    days: Annotated[int, typer.Option(help="How many days to look back.")] = 30,
    until: edge.Until = None,
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
    edge.run(_backtest(settings, query, days, until, as_json))


async def _backtest(settings: "Settings", query: str, days: int, until: Day, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers.days import newest as newest_day
    from paperlark.readers.preview import preview

    async with opened(settings) as app:
        me, now = await account(app), edge.as_of(until, await app.store.now())
        with progress("looking back"):
            found = await preview(app.store, query, days=days, now=now, account_id=me)
        newest = await newest_day(app.store)
    if as_json:
        print_json(_preview_record(query, found, newest))
    else:
        _print_preview(found, newest)


def _preview_record(query: str, found: "Preview", newest: date | None) -> dict[str, Any]:
    return {
        "query": query,
        "days": found.days,
        "total": found.total,
        "a_day": round(found.volume.a_day, 2),
        "per_day": [{"day": day.isoformat(), "papers": papers} for day, papers in found.per_day],
        "sparkline": found.drawn(BARS_SHOWN)[0],
        "examples": [paper_record(example.paper, example.matched) for example in found.examples],
        "terms": [_share_record(each) for each in found.terms],
        "noisiest": _share_record(found.noisiest) if found.noisiest else None,
        "narrower": [
            {"how": each.kind, "query": each.text, "total": each.volume.total, "a_day": round(each.volume.a_day, 2),
             "saved_missed": each.missed}
            for each in found.narrower
        ],
        "saved": found.saved,
        "saved_missed": found.missed,
        "floods": found.volume.floods,
        "newest_day": newest.isoformat() if newest else None,
        "sentence": found.sentence,
        "warning": found.warning or None,
    }  # fmt: skip


def _share_record(share: "Share") -> dict[str, Any]:
    return {"term": share.text, "papers": share.papers, "alone": share.alone}


def _print_preview(found: "Preview", newest: date | None) -> None:
    say(found.sentence)
    if not found.total:
        say(f"the newest paper in the archive is of {newest}" if newest else "the archive is empty")
        return
    line, each = found.drawn(BARS_SHOWN)
    first, last = found.per_day[0][0], found.per_day[-1][0]
    say("", f"{first}  {line}  {last}" + (f"  (a bar is {each} days)" if each > 1 else ""), "")
    if found.warning:
        say(found.warning, "")
    if found.missed:
        say(f"it misses {found.missed} of the {found.saved} papers that you saved", "")
    for example in found.examples:
        print_paper(example.paper, example.matched)
    if len(found.terms) > 1:
        say("")
        rows = [(each.text, f"in {each.papers}", f"{each.alone} not without it") for each in found.terms]
        print_table(("term", "papers", "alone"), rows)
    if found.narrower:
        say("")
        print_table(("narrower", "would leave", "saved"), [_narrower_row(each) for each in found.narrower])


def _narrower_row(each: "Narrower") -> tuple[str, str, str]:
    return each.text, str(each.volume), f"misses {each.missed} saved" if each.missed else ""
