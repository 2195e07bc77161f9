"""What comes back by mail: bounce. For the mail server's pipe, or for a maildir that it fills."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import print_json, say
from paperlark.model.problems import PaperlarkError

if TYPE_CHECKING:
    from paperlark.app import Paperlark
    from paperlark.settings import Settings

TRY_LATER = 75  # EX_TEMPFAIL of sysexits.h: the mail server keeps the message and comes again
NOT_A_BOUNCE = "no bounce"

commands = typer.Typer()


@commands.command(
    help=told(
        "Take note of mail that came back.",
        "paperlark bounce < message",
        "paperlark bounce --maildir Maildir",
        more="A message comes from standard input, or from the `new` folder of a maildir, and goes on to `cur`. Its "
        "address must be PAPERLARK_SMTP_BOUNCES with a signed word. For good: nothing more is sent there; for now: "
        "counted. Anything else is left alone. Where the store cannot be used the exit status is 75: try again later.",
    )
)
def bounce(
    recipient: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Whom the message came to.", show_default="what its headers say"),
    ] = None,
    maildir: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Read this maildir's new messages.")] = None,
    as_json: Json = False,
) -> None:
    """Read, note, say what became of each."""
    settings = edge.begin()
    try:
        became = edge.run(_bounce(settings, recipient, maildir))
    except PaperlarkError as error:
        edge.complain(str(error))
        raise typer.Exit(TRY_LATER) from error
    if as_json:
        print_json({"became": became})
    else:
        say(*became)


async def _bounce(settings: "Settings", recipient: str | None, maildir: Path | None) -> list[str]:
    from paperlark.app import opened
    from paperlark.channels.bounces import BYTES

    if maildir is None:
        raw = sys.stdin.buffer.read(BYTES)
        async with opened(settings) as app:
            return [await _note(app, raw, recipient)]
    if not (maildir / "new").is_dir():
        raise PaperlarkError(f"{maildir} is no maildir: it has no folder `new`")
    became = []
    async with opened(settings) as app:
        for file in sorted((maildir / "new").iterdir()):
            with file.open("rb") as stream:
                became.append(await _note(app, stream.read(BYTES), recipient))
            (maildir / "cur").mkdir(exist_ok=True)
            file.rename(maildir / "cur" / f"{file.name}:2,S")
    return became


async def _note(app: "Paperlark", raw: bytes, recipient: str | None) -> str:
    from paperlark.channels import bounces
    from paperlark.readers import mailbox

    found = bounces.read(raw, recipient)
    if found is None or app.links is None:
        return NOT_A_BOUNCE
    whose = [each for word in found.words if (each := app.links.read_bounce(word)) is not None]
    if not whose:
        return NOT_A_BOUNCE
    return await mailbox.bounced(app.store, whose[0], hard=found.hard, reason=found.reason)
