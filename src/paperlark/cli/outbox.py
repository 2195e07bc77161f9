"""The outbox: what was sent, what waits, what died and why; send it again, or drop it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import print_json, print_table, say
from paperlark.cli.telling import account

if TYPE_CHECKING:
    from paperlark.app import Paperlark
    from paperlark.readers.deliveries import Content
    from paperlark.settings import Settings
    from paperlark.store.deliveries import Message

PAGE = 100  # deliveries read at a time

commands = typer.Typer()
outbox = typer.Typer(rich_markup_mode=None, context_settings=edge.CONTEXT)
commands.add_typer(outbox, name="outbox")

Delivery = Annotated[int, typer.Argument(metavar="ID", help="As `paperlark outbox` lists it.", show_default=False)]
Deliveries = Annotated[
    list[int], typer.Argument(metavar="ID…", help="As `paperlark outbox` lists them.", show_default=False)
]
All = Annotated[bool, typer.Option("--all", help="Of all accounts: for the operator.")]
States = Annotated[
    list[str] | None,
    typer.Option(
        "--state", metavar="STATE", help="pending, claimed, sent, dead or dropped; may be repeated.", show_default="all"
    ),
]
OfChannel = Annotated[str | None, typer.Option("--channel", metavar="KIND", help="Only there.", show_default="all")]
Limit = Annotated[int, typer.Option(min=1, help="At most so many.")]


@outbox.callback(
    invoke_without_command=True,
    help=told(
        "List your deliveries, newest first; show, retry or drop one.",
        "paperlark outbox",
        "paperlark outbox list --state dead --all",
        "paperlark outbox retry 1234567890",
        more="A delivery is one message, or several that belong together. With --json one object a line.",
    ),
)
def all_deliveries(context: typer.Context, as_json: Json = False) -> None:
    """List them, unless a command follows."""
    if context.invoked_subcommand is None:
        list_deliveries(as_json=as_json)
    else:
        edge.refuse_early_json(context, as_json)


@outbox.command(
    "list", help=told("List deliveries, newest first.", "paperlark outbox list --state dead --channel email")
)
def list_deliveries(
    states: States = None, channel: OfChannel = None, limit: Limit = 50, everybody: All = False, as_json: Json = False
) -> None:
    """List them, newest first."""
    edge.run(_list(edge.begin(), states or (), channel, limit, everybody, as_json))


@outbox.command(
    "show", help=told("Show a delivery and the papers that it tells of.", "paperlark outbox show 1234567890")
)
def show(delivery: Delivery, everybody: All = False, as_json: Json = False) -> None:
    """Show one."""
    edge.run(_show(edge.begin(), delivery, everybody, as_json))


@outbox.command(
    "retry",
    help=told(
        "Send deliveries now that wait or are dead.",
        "paperlark outbox retry 1234567890",
        more="The service sends them at once; without one `paperlark deliver` does.",
    ),
)
def retry(ids: Deliveries, everybody: All = False, as_json: Json = False) -> None:
    """Make them due now."""
    edge.run(_retry(edge.begin(), ids, everybody, as_json))


@outbox.command(
    "drop",
    help=told(
        "Never send deliveries that wait or are dead.",
        "paperlark outbox drop 1234567890 --because 'too late by now'",
        more="What they were to tell of is told no more.",
    ),
)
def drop(
    ids: Deliveries,
    because: Annotated[str, typer.Option(metavar="TEXT", help="What for.")] = "at your wish",
    everybody: All = False,
    as_json: Json = False,
) -> None:
    """End them."""
    edge.run(_drop(edge.begin(), ids, because, everybody, as_json))


async def _list(
    settings: "Settings", states: Sequence[str], channel: str | None, limit: int, everybody: bool, as_json: bool
) -> None:
    from paperlark.app import opened
    from paperlark.readers import deliveries

    found: list[Message] = []
    async with opened(settings) as app:
        whose, before = await _whose(app, everybody), None
        while len(found) < limit:
            listing = await deliveries.listed(
                app.store, whose, states=states, channel=channel, limit=min(PAGE, limit - len(found)), before=before
            )
            found += listing.found
            before = listing.before
            if before is None:
                break
    if as_json:
        for message in found:
            print_json(record(message))
    elif found:
        print_table(("delivery", "state", "where", "slot", "papers", "when", "why"), map(_row, found))
    else:
        say("no such delivery" if states or channel else "nothing was sent yet, and nothing waits")


async def _show(settings: "Settings", delivery: int, everybody: bool, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import deliveries

    async with opened(settings) as app:
        message, contents = await deliveries.one(app.store, await _whose(app, everybody), delivery)
    if as_json:
        print_json(record(message) | {"contents": [_content_record(content) for content in contents]})
    else:
        say(*_lines(message, contents))


async def _retry(settings: "Settings", ids: Sequence[int], everybody: bool, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import deliveries

    async with opened(settings) as app:
        whose = await _whose(app, everybody)
        for delivery in ids:
            message = await deliveries.retry(app.store, whose, delivery)
            print_json(record(message)) if as_json else say(f"due now: {_named(message)}")


async def _drop(settings: "Settings", ids: Sequence[int], because: str, everybody: bool, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import deliveries

    async with opened(settings) as app:
        whose = await _whose(app, everybody)
        for delivery in ids:
            message = await deliveries.drop(app.store, whose, delivery, reason=because)
            print_json(record(message)) if as_json else say(f"dropped: {_named(message)}")


async def _whose(app: "Paperlark", everybody: bool) -> int | None:
    return None if everybody else await account(app)


# ── in words ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def record(message: "Message") -> dict[str, Any]:
    """A delivery for programs."""
    return {
        "id": str(message.id),
        "account_id": str(message.account_id),
        "state": message.state,
        "channel": message.channel,
        "address": message.address,
        "cadence": str(message.cadence),
        "slot": message.slot,
        "due_at": message.due_at.isoformat(),
        "ended_at": message.ended_at.isoformat() if message.ended_at else None,
        "attempts": message.attempts,
        "parts": message.parts,
        "parts_sent": message.parts_sent,
        "papers": message.papers,
        "reason": message.reason,
        "paused_reason": message.paused_reason,
    }


def _content_record(content: "Content") -> dict[str, Any]:
    fate = str(content.fate) if content.fate else None
    return {"id": str(content.paper_id), "title": content.title, "fate": fate}


def _row(message: "Message") -> tuple[str, ...]:
    return (
        str(message.id),
        message.state,
        _where(message),
        message.slot,
        str(message.papers or ""),
        f"{message.ended_at or message.due_at:%Y-%m-%d %H:%M} UTC",
        _why(message),
    )


def _where(message: "Message") -> str:
    return f"{message.channel} {message.address}".strip()


def _named(message: "Message") -> str:
    return f"{message.id}, {_where(message)}, {message.slot}"


def _why(message: "Message") -> str:
    if message.paused_reason is not None and message.ended_at is None:
        return f"paused: {message.paused_reason}"
    return message.reason or ""


def _lines(message: "Message", contents: Sequence["Content"]) -> list[str]:
    from paperlark.channels import letters, text

    when = "ended" if message.ended_at else "due"
    parts = (
        f"{message.parts_sent} of {text.count(message.parts, 'message')} arrived" if message.parts else "not made yet"
    )
    lines = [
        f"{message.id}: {message.state}",
        f"  where     {_where(message)}",
        f"  slot      {message.slot}, {message.cadence}",
        f"  {when:<9} {message.ended_at or message.due_at:%Y-%m-%d %H:%M} UTC",
        f"  messages  {parts}, {text.count(message.attempts, 'attempt')}",
    ]
    lines += [f"  why       {_why(message)}"] if _why(message) else []
    for content in contents:
        fate = f"{content.fate}: " if content.fate else ""
        lines.append(f"  - {fate}{letters.legible(content.title)}")
    return lines
