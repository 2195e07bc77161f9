"""Where a command begins and ends.

It begins with the settings and the log. It ends with an exit status and, where it could not be done, with one line on
standard error that opens with `paperlark:`; a traceback is always a fault of ours.

    0  done            1  not done, or not wholly        2  used wrongly        130  interrupted (128 + SIGINT)
"""

import asyncio
import os
import sys
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.main import get_command

from paperlark.model.problems import PaperlarkError

if TYPE_CHECKING:
    from paperlark.settings import Settings

NOT_DONE, INTERRUPTED = 1, 130
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Until = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], metavar="DATE", help="As it was on the evening of that day (UTC).", show_default="now"
    ),
]

T = TypeVar("T")


def told(purpose: str, *examples: str, more: str = "") -> str:
    """A command's help: what it is for in one line, more if there is more, and how it is called."""
    called = "\n".join(f"  {example}" for example in examples)
    return "\n\n".join(filter(None, (purpose, more, f"\b\nExample:\n{called}")))


def begin(*, serving: bool = False) -> "Settings":
    """The settings, with the log set up by them. A single command logs errors only, unless a level was asked for.

    Raises PaperlarkError where a setting cannot be.
    """
    from paperlark import log, settings

    found = settings.load()
    level = found.log_level if serving or "log_level" in found.model_fields_set else "error"
    log.set_up(found.log_format, level, secrets=found.secrets())
    if serving:
        _tell_others(found)
    return found


def _tell_others(settings: "Settings") -> None:
    """Where traces and faults go, beside the log, where an operator wants that."""
    import structlog

    from paperlark import reporting, tracing

    missing = []
    if settings.otel_endpoint is not None and not tracing.set_up(settings.otel_endpoint):
        missing.append("otel")
    if settings.sentry_dsn is not None and not reporting.set_up(
        settings.sentry_dsn.get_secret_value(), secrets=settings.secrets()
    ):
        missing.append("sentry")
    for extra in missing:
        structlog.get_logger().warning(f"not installed: pip install 'paperlark[{extra}]'", extra=extra)


def as_of(until: datetime | None, now: datetime) -> datetime:
    """The last second of a day (UTC) where one was named, else now."""
    return until.replace(hour=23, minute=59, second=59, tzinfo=UTC) if until is not None else now


def run(steps: Coroutine[Any, Any, T]) -> T:
    """Run a command's steps to their end on an event loop of their own."""
    return asyncio.run(steps)


def refuse_early_json(context: typer.Context, as_json: bool) -> None:
    """`--json` belongs to the command that prints. Raises BadParameter where it stands before that command's name."""
    if as_json:
        raise typer.BadParameter(f"it goes behind {context.invoked_subcommand}", param_hint="--json")


def complain(message: str) -> None:
    """One line on standard error."""
    print(f"paperlark: {' '.join(message.split())}", file=sys.stderr, flush=True)


def leave(commands: typer.Typer) -> None:
    """Run the command that the arguments name, and exit with its status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that knows few letters still gets the others
    sys.exit(status(commands))


def status(commands: typer.Typer, arguments: Sequence[str] | None = None) -> int:
    """Run a command (by default the process's own arguments) and return its exit status."""
    try:
        left = get_command(commands).main(arguments, prog_name="paperlark", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        complain(_usage(error))
        return error.exit_code
    except PaperlarkError as error:
        complain(str(error))
        return NOT_DONE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read has enough (`| head`). What is still buffered must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOT_DONE
    return left if isinstance(left, int) else 0


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    asked = f"{context.command_path} --help" if context is not None else "paperlark --help"
    return f"{error.format_message().rstrip('. ')}; see `{asked}`"
