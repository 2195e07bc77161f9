"""What a reader keeps and keeps away: read, save, dismiss, unmark, saved; mute, unmute, mutes; pause, resume.

For the one local account."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import paper_record, print_json, print_paper, print_table, say
from paperlark.cli.telling import account
from paperlark.model.readers import Destination, MarkKind, Mute, MuteKind

if TYPE_CHECKING:
    from paperlark.readers.mark import Marked
    from paperlark.settings import Settings

commands = typer.Typer()

Papers = Annotated[
    list[str], typer.Argument(metavar="PAPER…", help="Id, arXiv id, DOI or address.", show_default=False)
]
SHELF = 100  # saved papers read at a time


# ── marks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(help=told("Mark papers as read.", "paperlark read 2510.02283"))
def read(papers: Papers, as_json: Json = False) -> None:
    """Mark as read."""
    edge.run(_mark(edge.begin(), papers, MarkKind.READ, as_json))


@commands.command(
    help=told("Save papers.", "paperlark save 2510.02283 10.1101/2025.01.02.123456", more="A saved paper is kept.")
)
def save(papers: Papers, as_json: Json = False) -> None:
    """Mark as saved."""
    edge.run(_mark(edge.begin(), papers, MarkKind.SAVED, as_json))


@commands.command(
    help=told(
        "Dismiss papers: you are not told of them again.",
        "paperlark dismiss 2510.02283",
        more="A paper is saved or dismissed, not both: the later word counts.",
    )
)
def dismiss(papers: Papers, as_json: Json = False) -> None:
    """Mark as dismissed."""
    edge.run(_mark(edge.begin(), papers, MarkKind.DISMISSED, as_json))


@commands.command(help=told("Take marks off papers.", "paperlark unmark 2510.02283 --only dismissed"))
def unmark(
    papers: Papers,
    only: Annotated[MarkKind | None, typer.Option(help="Only this mark.", show_default="all of them")] = None,
    as_json: Json = False,
) -> None:
    """Take marks off."""
    edge.run(_unmark(edge.begin(), papers, only, as_json))


@commands.command(
    help=told("List the papers that you saved, newest first.", "paperlark saved", more="With --json one a line.")
)
def saved(
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.", show_default="all")] = None,
    as_json: Json = False,
) -> None:
    """List what is saved."""
    edge.run(_saved(edge.begin(), limit, as_json))


async def _mark(settings: "Settings", papers: Iterable[str], kind: MarkKind, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import mark

    async with opened(settings) as app:
        me = await account(app, make=True)
        for paper in papers:
            _show_marked(await mark.mark(app.store, me, paper, kind), as_json)


async def _unmark(settings: "Settings", papers: Iterable[str], only: MarkKind | None, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import mark

    async with opened(settings) as app:
        me = await account(app)
        for paper in papers:
            _show_marked(await mark.unmark(app.store, me, paper, only), as_json)


async def _saved(settings: "Settings", limit: int | None, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import mark

    async with opened(settings) as app:
        me, left, after = await account(app), limit, None
        while left is None or left > 0:
            shelf = await mark.saved(app.store, me, limit=min(SHELF, left or SHELF), after=after)
            for kept in shelf.kept:
                if as_json:
                    print_json(paper_record(kept.paper) | {"saved_at": kept.at.isoformat()})
                else:
                    print_paper(kept.paper)
            left, after = None if left is None else left - len(shelf.kept), shelf.after
            if after is None:
                break
    if not as_json and after is None and not shelf.kept:
        say("nothing is saved yet; `paperlark save PAPER` keeps one")


def _show_marked(marked: "Marked", as_json: bool) -> None:
    from paperlark.channels import letters

    kinds = sorted(marked.marks)
    if as_json:
        marks = {str(kind): marked.marks[kind].isoformat() for kind in kinds}
        print_json({"id": str(marked.paper.id), "title": marked.paper.title, "marks": marks})
    else:
        say(f"{' and '.join(kinds) or 'no mark'}: {letters.legible(marked.paper.title)}")


# ── mutes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

Word = Annotated[str | None, typer.Argument(metavar="[WORD]", help="A word or a phrase.", show_default=False)]
Author = Annotated[str | None, typer.Option(metavar="NAME", help="An author, in any spelling.", show_default=False)]
Source = Annotated[str | None, typer.Option(metavar="NAME", help="A source, with its instances.", show_default=False)]


@commands.command(
    help=told(
        "Hear no more of a word, an author or a source.",
        "paperlark mute 'mixture of experts'",
        "paperlark mute --author 'Song, Yang'",
        more='It holds for all your profiles. A word is matched as in a query: agent*, =RAG, "as it stands". A paper '
        "of a muted source is told where another source tells of it too.",
    )
)
def mute(word: Word = None, author: Author = None, source: Source = None, as_json: Json = False) -> None:
    """Mute one."""
    edge.run(_mute(edge.begin(), *_one_of(word, author, source), as_json))


@commands.command(help=told("Hear of it again.", "paperlark unmute --source hf_daily"))
def unmute(word: Word = None, author: Author = None, source: Source = None, as_json: Json = False) -> None:
    """Unmute one."""
    edge.run(_unmute(edge.begin(), *_one_of(word, author, source), as_json))


@commands.command(help=told("List what you have muted.", "paperlark mutes"))
def mutes(as_json: Json = False) -> None:
    """List what is muted."""
    edge.run(_mutes(edge.begin(), as_json))


async def _mute(settings: "Settings", kind: MuteKind, text: str, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import mute as verbs

    async with opened(settings) as app:
        muted = await verbs.mute(app.store, await account(app, make=True), kind, text)
    if as_json:
        print_json(_mute_record(muted))
    else:
        say(f"muted: {muted}")


async def _unmute(settings: "Settings", kind: MuteKind, text: str, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import mute as verbs

    async with opened(settings) as app:
        await verbs.unmute(app.store, await account(app), kind, text)
    if as_json:
        print_json({"unmuted": text, "kind": str(kind)})
    else:
        say(f"no longer muted: {kind} {text}")


async def _mutes(settings: "Settings", as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import mute as verbs

    async with opened(settings) as app:
        found = await verbs.muted(app.store, await account(app))
    if as_json:
        for muted in found:
            print_json(_mute_record(muted))
    elif found:
        print_table(("muted", "", "since"), [(each.kind, each.value, f"{each.at:%Y-%m-%d}") for each in found])
    else:
        say("nothing is muted; `paperlark mute WORD` mutes a word")


def _one_of(word: str | None, author: str | None, source: str | None) -> tuple[MuteKind, str]:
    given = {MuteKind.WORD: word, MuteKind.AUTHOR: author, MuteKind.SOURCE: source}
    found = [(kind, text) for kind, text in given.items() if text is not None]
    if len(found) != 1:
        raise typer.BadParameter("give one: a word, --author or --source", param_hint="WORD")
    return found[0]


def _mute_record(muted: Mute) -> dict[str, Any]:
    return {"kind": str(muted.kind), "value": muted.value, "at": muted.at.isoformat()}


# ── pauses ─────────────────────────────────────────────────────────────────────────────────────────────────────────

Where = Annotated[
    tuple[str, str] | None,
    typer.Option("--to", metavar="CHANNEL ADDRESS", help="Only there.", show_default="everywhere"),
]


@commands.command(
    help=told(
        "Send nothing for a while; what is owed waits for seven days.",
        "paperlark pause --until 2026-08-24 --because holidays",
        "paperlark pause --to telegram 123456789",
    )
)
def pause(
    where: Where = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="By the address's clock.", show_default="resumed"),
    ] = None,
    because: Annotated[str | None, typer.Option(metavar="TEXT", help="What for.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Pause addresses."""
    edge.run(_pause(edge.begin(), where, until, because, as_json))


@commands.command(help=told("Send again, what waited first.", "paperlark resume"))
def resume(where: Where = None, as_json: Json = False) -> None:
    """Resume addresses."""
    edge.run(_resume(edge.begin(), where, as_json))


async def _pause(
    settings: "Settings", where: tuple[str, str] | None, until: datetime | None, because: str | None, as_json: bool
) -> None:
    from paperlark.app import opened
    from paperlark.readers import subscribe as verbs

    async with opened(settings) as app:
        me = await account(app)
        place = _place(await verbs.destinations(app.store, me), where)
        paused = await verbs.pause(app.store, me, place, reason=because or verbs.AT_YOUR_WISH, until=until)
    _show_places("paused", paused, as_json)


async def _resume(settings: "Settings", where: tuple[str, str] | None, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import subscribe as verbs

    async with opened(settings) as app:
        me = await account(app)
        resumed = await verbs.resume(app.store, me, _place(await verbs.destinations(app.store, me), where))
    _show_places("resumed", resumed, as_json)


def _place(mine: Iterable[Destination], where: tuple[str, str] | None) -> int | None:
    """The destination's id; None for all of them. Raises ReaderError where nothing is told there."""
    from paperlark.model.problems import ReaderError

    if where is None:
        return None
    for place in mine:
        if (place.channel, place.address) == where:
            return place.id
    raise ReaderError(f"you are not told at {' '.join(where)}; `paperlark profiles list` shows where you are")


def _show_places(what: str, places: list[Destination], as_json: bool) -> None:
    if as_json:
        print_json({what: [_place_record(place) for place in places]})
    elif places:
        say(*(f"{what}: {place.channel} {place.address}{_end(place)}" for place in places))
    else:
        say("nothing there to be " + what)


def _end(place: Destination) -> str:
    if place.paused_until is None:
        return ""
    from paperlark.schedule import zone

    local = place.paused_until.astimezone(zone(place.rhythm.zone))
    return f" until {local:%Y-%m-%d %H:%M} {place.rhythm.zone}"


def _place_record(place: Destination) -> dict[str, Any]:
    return {
        "id": str(place.id),
        "channel": place.channel,
        "address": place.address,
        "paused_reason": place.paused_reason,
        "paused_until": place.paused_until.isoformat() if place.paused_until else None,
    }
