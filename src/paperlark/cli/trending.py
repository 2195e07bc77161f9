"""What is trending now."""

from typing import TYPE_CHECKING, Annotated

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import on_terminal, paper_record, print_json, print_paper, say

if TYPE_CHECKING:
    from datetime import datetime

    from paperlark.readers.trending import Trend
    from paperlark.settings import Settings

commands = typer.Typer()


@commands.command(
    help=told(
        "List what is trending, and why.",
        "paperlark trending",
        "paperlark trending 'cat:cs.CL' --days 3 --limit 10",
        more="By what sources count (upvotes, comments, stars) and by how many tell of a paper, the newest votes most; "
        "each paper beside the others of its day. With --json one object a line.",
    )
)
def trending(
    query: Annotated[
        str | None, typer.Argument(metavar="[QUERY]", help="Only what meets this, in the profile language.")
    ] = None,
    days: Annotated[int, typer.Option(help="How many days to look back.")] = 7,
    limit: Annotated[int, typer.Option(help="Show no more than these.")] = 20,
    until: edge.Until = None,
    as_json: Json = False,
) -> None:
    """Print the most trending first."""
    from paperlark.matching.query import parse
    from paperlark.readers.trending import check

    settings = edge.begin()
    check(days=days, limit=limit)
    if query is not None:
        parse(query)
    edge.run(_trending(settings, query, days, limit, until, as_json))


async def _trending(
    settings: "Settings", query: str | None, days: int, limit: int, until: "datetime | None", as_json: bool
) -> None:
    from paperlark.app import opened
    from paperlark.readers import trending as readers

    async with opened(settings) as app:
        now = edge.as_of(until, await app.store.now())
        found = await readers.trending(app.store, now=now, days=days, limit=limit, query=query)
    for trend in found.trends:
        if as_json:
            print_json(paper_record(trend.paper) | {"points": round(trend.points, 4), "reason": trend.reason})
        else:
            _print_trend(trend)
    if not found.trends and on_terminal() and not as_json:
        say(f"nothing was counted in the last {days} days" if query is None else "nothing that is trending meets this")


def _print_trend(trend: "Trend") -> None:
    """A paper, and why: on a terminal under it, in a pipe as the line's last cell."""
    from paperlark.channels.letters import legible

    if on_terminal():
        print_paper(trend.paper)
        say(f"  {trend.reason}", "")
    else:
        named = str(trend.paper.aliases[0]) if trend.paper.aliases else str(trend.paper.id)
        print(trend.paper.announced_at.date(), named, legible(trend.paper.title), trend.reason, sep="\t")
