"""Every line that is logged while the tests run, as an operator would read it, is searched for what must not be in it.

The suite logs what the service would: through `log.set_up`, its redaction included. What is looked for
is written down anew here, and simpler than there: a slip in the one must not hide in the other.
"""

import logging
import re
from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

import structlog
from structlog.testing import LogCapture
from structlog.typing import EventDict, Processor, WrappedLogger

from paperlark import log
from paperlark.links import Purpose
from paperlark.testing import bot_api, discord_site

TELLING = {
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[a-z]+"),
    "a bot's token": re.compile(r"\d{6,}:[\w-]{30,}"),
    "a token of ours": re.compile(r"(?:pl_live_|pl_session_|pl_feed_|whsec_)\w{8,}"),
    "a feed's address": re.compile(r"/feeds/[\w-]{20,}"),
    "a signed link": re.compile(rf"/(?:{'|'.join(Purpose)})/[\w-]{{20,}}(?:\.|%2E)[\w.-]+", re.IGNORECASE),
    "a chat": re.compile(r"-100\d{10}|(?i:chat|user|channel|guild)(?:_?id)?\W{1,3}-?\d{4,}"),
    "a secret of the tests": re.compile(
        "|".join(map(re.escape, (bot_api.TOKEN, discord_site.TOKEN, "hush-hush-4711", "s3cret", "hunter2")))
    ),
}


def telling(line: str) -> str | None:
    """What a line tells that it must not; None where it tells nothing."""
    return next((what for what, pattern in TELLING.items() if pattern.search(line)), None)


def faults_in(text: str) -> list[str]:
    """Those lines of a log that tell what they must not, each after what that is."""
    return [f"the log tells {what}: {line.strip()}" for line in text.splitlines() if (what := telling(line))]


class Captured(LogCapture):
    """What tests take with `capture_logs`: it goes into the log besides, as it would have without them."""

    processors: ClassVar[Sequence[Processor]] = ()

    def __call__(self, logger: WrappedLogger, method_name: str, event_dict: EventDict) -> NoReturn:
        """Log a line, and keep it for the test."""
        said = dict(event_dict)
        log = structlog.wrap_logger(
            logging.getLogger("captured"), processors=self.processors, wrapper_class=structlog.stdlib.BoundLogger
        )
        getattr(log, method_name)(said.pop("event"), **said)
        super().__call__(logger, method_name, event_dict)


class LogLines:
    """Where the log goes while the tests run."""

    def __init__(self) -> None:
        self.written = 0
        self.faults: list[str] = []

    def write(self, text: str) -> int:
        """Take some lines."""
        self.written += text.count("\n")
        what = telling(text)
        if what is not None:
            self.faults.append(f"the log tells {what}: {text.strip()}")
        return len(text)

    def flush(self) -> None:
        """Everything is taken already."""

    def isatty(self) -> bool:
        """A file, as far as anybody can tell."""
        return False

    def listen(self) -> None:
        """Set the log up, unless nobody has changed that since."""
        if not structlog.is_configured() or not any(
            isinstance(each, logging.StreamHandler) and each.stream is self for each in logging.getLogger().handlers
        ):
            stream: Any = self
            log.set_up("console", "info", stream=stream)
            Captured.processors = tuple(structlog.get_config()["processors"])
            structlog.testing.LogCapture = Captured  # type: ignore[misc]

    def taken(self) -> list[str]:
        """The faults since this was asked last."""
        faults, self.faults = self.faults, []
        return faults
