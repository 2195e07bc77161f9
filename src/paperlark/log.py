"""Logging: set up once, for our own lines and for every library's, and no secret or address in any of them.

Lines go to standard error, so that what a command prints stays clean. Two guards, because either alone leaks: fields
with a telling name lose their value before a line is made, and the finished line, tracebacks included, is searched for
what looks like a secret or an address, and for the very secrets that the settings hold.
"""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

QUIET = ("httpx", "httpcore", "apscheduler", "aiosqlite", "telegram", "aiohttp.access")
"""Libraries that write a line for each request or job, some with the bot's token in it: from WARNING on."""

HIDDEN = "[hidden]"
SHORTEST_SECRET = 6  # a shorter one would blank out common words

_SECRET_FIELD = re.compile(r"token|secret|passw|authorization|cookie|api_?key|credential|dsn", re.IGNORECASE)
_ADDRESS_FIELD = re.compile(
    r"(?:^|_)(?:address|chat|recipient|destination|mailbox|e?mail|user|sender|phone|guild|thread|topic)(?:es|s)?(?:_ids?)?$",
    re.IGNORECASE,
)
"""Whoever is told, or says something: by their number too."""
_SECRET_ARGUMENT = r"(?:access_?token|token|api_?key|key|secret|password|passwd|pwd|signature|sig|auth|code|ticket)"

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Telegram bot tokens; ours, webhooks' and Hugging Face's.
    (re.compile(r"\d{1,20}:[A-Za-z0-9_-]{30,}"), HIDDEN),
    (re.compile(r"\b(?:pl_[a-z]{2,10}_|whsec_|hf_)[A-Za-z0-9+/=_-]{16,}"), HIDDEN),
    # Signed links: what they are for stays. And what they are signed with, wherever it stands.
    (re.compile(r"(/[a-z]/)[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?<![\w.-])[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}(?![\w-])"), HIDDEN),
    (re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?)(?:[a-z]{1,20}\s+)?[^\s\"',}]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{16,}"), rf"\1 {HIDDEN}"),
    # An address's user and password, and the arguments that carry secrets; `?start=` is a deep link's.
    (re.compile(r"://[^/\s\"'?#]{1,512}@"), f"://{HIDDEN}@"),
    (re.compile(rf"(?i)([?&;]{_SECRET_ARGUMENT}=)[^&\s\"'#;]+"), rf"\1{HIDDEN}"),
    (re.compile(r"([?&]start=)(?!\d+\b)[^&\s\"'#]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@(?!\[)[\w-][\w.-]*"), "[address]"),
    # Chats: as Bot API and our own addresses write them, and supergroups wherever they stand.
    (
        re.compile(
            r"(?i)\b((?:chat|user|from|channel|guild|forum|thread|message_thread)(?:_id)?[\"']?\s?[:=]\s?[\"']?)-?\d{4,20}"
        ),
        r"\1[address]",
    ),
    (re.compile(r"(?<![\w-])-100\d{10}(?!\d)"), "[address]"),
)


def redacted(text: str) -> str:
    """`text` without tokens, passwords, e-mail addresses and chats, as far as they can be told by their looks."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def set_up(
    style: Literal["console", "json"] = "console",
    level: str = "info",
    *,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Log to `stream` (standard error), one line a fact, as text or as JSON; called again, it replaces the last set-up.

    level: the least that is logged. secrets: values that are hidden wherever they stand.
    """
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _hide_telling_fields,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    lines = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_renderers(style, colours=stream.isatty()),
            _last_step(redaction(secrets)),
        ],
    )
    output = logging.StreamHandler(stream)
    output.setFormatter(lines)
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _renderers(style: Literal["console", "json"], *, colours: bool) -> list[Processor]:
    if style == "json":
        return [structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer(ensure_ascii=False)]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain, pad_event_to=0)]


def redaction(secrets: Iterable[str]) -> Callable[[str], str]:
    """What `redacted` does, and hides these values besides, wherever they stand."""
    known = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
    # As they stand in JSON too, and the longest first: one secret may begin another.
    spellings = known | {json.dumps(secret, ensure_ascii=False)[1:-1] for secret in known}
    ordered = sorted(spellings, key=len, reverse=True)
    if not ordered:
        return redacted
    any_of_them = re.compile("|".join(map(re.escape, ordered)))
    return lambda text: redacted(any_of_them.sub(HIDDEN, text))


def hidden(name: str, value: Any) -> Any:
    """The value of a field of this name, or what stands for it where the name says that it is nobody's business."""
    if isinstance(value, Mapping):
        return {key: hidden(str(key), inner) for key, inner in value.items()}
    # Numbers stay: `tokens=12` counts words. But a chat is a number.
    if value and isinstance(value, str | bytes) and _SECRET_FIELD.search(name):
        return HIDDEN
    if value and isinstance(value, str | bytes | int) and not isinstance(value, bool) and _ADDRESS_FIELD.search(name):
        return "[address]"
    return value


def _hide_telling_fields(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    return {name: hidden(name, value) for name, value in fields.items()}


def _last_step(hide: Callable[[str], str]) -> Processor:
    """The last step of every line: whatever made it, it is searched once more."""
    return lambda _logger, _method, line: hide(str(line))
