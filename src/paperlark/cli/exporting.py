"""Taking things along: everything of the local account as one document, or the papers of any list as references."""

import sys
from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.telling import account

if TYPE_CHECKING:
    from paperlark.app import Paperlark
    from paperlark.readers.lists import Papers
    from paperlark.settings import Settings

commands = typer.Typer()


class Format(StrEnum):
    """What an export is written in."""

    JSON = "json"
    BIBTEX = "bibtex"
    RIS = "ris"
    CSL = "csl"


@commands.command(
    help=told(
        "Print all that is kept of you, or papers as references.",
        "paperlark export > paperlark.json",
        "paperlark export --format bibtex > saved.bib",
        "paperlark export --format ris --query 'agent* memory'",
        more="Everything is one JSON document: profiles with their versions, subscriptions, destinations, marks, "
        "mutes, matches, and what was told. References are of what you saved, unless you name papers, a query, a day "
        "or a profile.",
    )
)
def export(
    papers: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PAPER…]", help="Id, arXiv id, DOI or address.", show_default=False),
    ] = None,
    format: Annotated[Format, typer.Option("--format", help="Of everything json, else of references.")] = Format.JSON,
    query: Annotated[str | None, typer.Option(metavar="QUERY", help="What meets it, best first.")] = None,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="What was announced then (UTC).")
    ] = None,
    profile: Annotated[str | None, typer.Option(metavar="PROFILE", help="What it met, the last first.")] = None,
    as_json: Json = False,
) -> None:
    """Print it, piece by piece."""
    chosen = [bool(papers), query is not None, day is not None, profile is not None]
    if format is Format.JSON:
        if any(chosen):
            raise typer.BadParameter("references need --format bibtex, ris or csl", param_hint="--format")
        edge.run(_everything(edge.begin()))
        return
    if as_json or sum(chosen) > 1:
        wrong = (
            "--json is of everything; give --format csl" if as_json else "give one: papers, a query, a day, a profile"
        )
        raise typer.BadParameter(wrong, param_hint="export")
    edge.run(_references(edge.begin(), format, papers or (), query, day, profile))


async def _everything(settings: "Settings") -> None:
    from paperlark.app import opened
    from paperlark.readers.account import export as pieces

    async with opened(settings) as app:
        async for piece in pieces(app.store, await account(app)):
            sys.stdout.write(piece)


async def _references(
    settings: "Settings",
    format: Format,
    papers: Sequence[str],
    query: str | None,
    day: datetime | None,
    profile: str | None,
) -> None:
    from paperlark.app import opened
    from paperlark.formats import CITED

    async with opened(settings) as app, aclosing(await _chosen(app, papers, query, day, profile)) as chosen:
        found = [paper async for paper in chosen]
    sys.stdout.write(CITED[format].write(found))


async def _chosen(
    app: "Paperlark", papers: Sequence[str], query: str | None, day: datetime | None, profile: str | None
) -> "Papers":
    from paperlark.readers import lists

    if papers:
        return lists.named(app.store, papers)
    if query is not None:
        return lists.found(app.store, query)
    if day is not None:
        return lists.of_day(app.store, day.date())
    me = await account(app)
    return lists.met(app.store, me, profile) if profile is not None else lists.saved(app.store, me)
