"""Faults of ours, told to Sentry: what broke and where, and nothing of anybody's.

What goes there is what the log holds of errors, after the same redaction (`log`): no variables of the frames, no
request, no person, no host, no crumbs of what went before. The extra `sentry` brings the library.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from paperlark import log

if TYPE_CHECKING:
    from sentry_sdk.transport import Transport

DROPPED = ("user", "request", "server_name", "breadcrumbs", "extra", "modules", "threads")
"""What Sentry's library would tell besides."""
KNOWN = ("event", "exception", "exc_info", "level", "logger", "timestamp")


def set_up(dsn: str, *, secrets: Iterable[str] = (), transport: "type[Transport] | None" = None) -> bool:
    """From now on what is logged as an error goes to the project that `dsn` names, from a thread of the library's.

    secrets: values that are hidden wherever they stand. transport: in place of the library's own. False where the extra
    `sentry` is not installed.
    """
    try:
        import sentry_sdk
        from sentry_sdk.integrations.dedupe import DedupeIntegration
        from sentry_sdk.integrations.excepthook import ExcepthookIntegration
        from sentry_sdk.integrations.logging import LoggingIntegration
    except ImportError:
        return False
    redacted, release = log.redaction(secrets), f"paperlark@{version('paperlark')}"

    def bare(told: Any, hint: Any) -> Any:
        kept = {name: value for name, value in told.items() if name not in DROPPED}
        record = hint.get("log_record")
        if record is not None and isinstance(record.msg, dict):  # one of our own lines
            kept |= {"logentry": {"message": str(record.msg.get("event"))}, "tags": _tags(record.msg)}
        return {**_redacted(kept, redacted), "release": release}  # which looks like an address

    sentry_sdk.init(
        dsn=dsn,
        release=release,
        transport=transport,
        before_send=bare,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            DedupeIntegration(),
            ExcepthookIntegration(),
            LoggingIntegration(level=None, event_level=logging.ERROR),
        ],
        shutdown_timeout=2,
    )
    return True


def _tags(said: Mapping[str, Any]) -> dict[str, str]:
    """What a line of ours says besides its words, and Sentry does not know already."""
    return {name: str(value) for name, value in said.items() if name not in KNOWN}


def _redacted(told: Any, redacted: Callable[[str], str]) -> Any:
    """A structure of JSON's kind with every text in it redacted, and fields with a telling name hidden."""
    if isinstance(told, dict):
        return {name: _redacted(log.hidden(str(name), value), redacted) for name, value in told.items()}
    if isinstance(told, list | tuple):
        return [_redacted(value, redacted) for value in told]
    return redacted(told) if isinstance(told, str) else told
