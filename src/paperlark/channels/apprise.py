"""Apprise: the rest of the world, by one of its many services. https://github.com/caronc/apprise

An optional extra: `pip install "paperlark[apprise]"`. Addresses are Apprise's own (`ntfy://topic`, `slack://…`); the
operator names the services that may be used, because Apprise opens its connections by itself: whoever may use a service
that is given a host (`json`, `mailto`, …) can make this machine speak to any host that it reaches.

Apprise is synchronous, so each message is sent in a thread of ours, within a time-out. It says whether a service took
the message, not why it did not; what it logs holds addresses, so its log is off.
"""

import asyncio
import logging
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from paperlark.channels import marked, text
from paperlark.channels.marked import Run
from paperlark.model.messages import Digest, DigestPaper, Limits, Payload, Receipt
from paperlark.model.problems import DeliveryError, PaperlarkError, ReaderError

if TYPE_CHECKING:
    from apprise.plugins.base import NotifyBase

TIMEOUT = 20.0  # seconds for a message, in all its pieces
SOCKET_TIMEOUT = 8.0  # seconds for connecting, and for each answer
AT_ONCE = 4  # messages under way together, each in a thread of its own
LETTERS = 1900  # code points of a message, where its papers allow: few services take less, and Apprise cuts for those
EXCERPT = 280  # code points of a single paper's abstract
ADDRESS = 1000  # characters
MISSING = 'apprise is not installed here; `pip install "paperlark[apprise]"` installs it'


@dataclass(frozen=True, slots=True)
class Options:
    """services: by the schemes of their addresses, parted by commas: "ntfy,slack"."""

    services: str


class Apprise:
    """Any service that Apprise knows and the operator allows. Addresses are Apprise's own."""

    kind: ClassVar[str] = "apprise"
    limits: ClassVar[Limits] = Limits(per_address=1, text_units=LETTERS, parts=20, at_once=AT_ONCE)

    def __init__(self, options: Options) -> None:
        if find_spec("apprise") is None:
            raise PaperlarkError(MISSING)
        self._services = frozenset(filter(None, (word.strip().lower() for word in options.services.split(","))))
        self._threads: ThreadPoolExecutor | None = None

    # --- The pure half

    def check_address(self, address: str) -> str:
        """An address of a service that is allowed here, as Apprise reads it; its scheme in lower case."""
        scheme, mark, rest = address.strip().partition("://")
        good = f"{scheme.lower()}://{rest}"
        plain = len(good) <= ADDRESS and good.isprintable() and " " not in good
        if not mark or scheme.lower() not in self._services or not plain or _target(good) is None:
            allowed = ", ".join(sorted(self._services))
            raise ReaderError(
                f"not an Apprise address: give SERVICE://…, of a service that is allowed here ({allowed})"
            )
        return good

    def is_group(self, address: str) -> bool:
        """Nobody knows who reads there."""
        return False

    def render(self, digest: Digest) -> list[Payload]:
        """The digest as messages: {"title", "text", "markdown"}; which of the two is sent depends on the service."""
        one = len(digest.papers) == 1 and not digest.more
        blocks = [_block(paper, digest, number) for number, paper in enumerate(digest.papers, start=0 if one else 1)]
        # A paper that is larger than a message goes alone.
        sizes = [(min(len(markdown) + 2, LETTERS - HEAD),) for _, markdown in blocks]
        parts = text.pack(sizes, (LETTERS - HEAD,))[: self.limits.parts] or [range(0)]
        more = digest.more + len(blocks) - parts[-1].stop
        payloads = []
        for number, part in enumerate(parts, start=1):
            told = [_opening(digest, number, len(parts)), *blocks[part.start : part.stop]]
            told += _closing(digest, more) if number == len(parts) else []
            payloads.append(_payload(digest, told))
        return [self.again(payload) for payload in payloads] if digest.repeat else payloads

    def again(self, payload: Payload) -> Payload:
        """The message with a line above it that says so; once."""
        said = payload.content
        if said["text"].startswith(AGAIN):
            return payload
        return Payload({**said, "text": AGAIN + said["text"], "markdown": AGAIN + said["markdown"]})

    # --- The half that talks

    async def open(self) -> None:
        """Make the threads."""
        logging.getLogger("apprise").disabled = True
        self._threads = ThreadPoolExecutor(AT_ONCE, "apprise")

    async def close(self) -> None:
        """Let go of the threads; what they are sending ends with its own time-outs."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    async def send(self, address: str, payload: Payload, key: str) -> Receipt:
        """Send one message. `key` has no use here. A service that did not take it may do so later."""
        try:
            known = self.check_address(address)
        except ReaderError as error:
            raise DeliveryError(f"apprise: {error}", permanent=True) from None
        if self._threads is None:
            raise RuntimeError("Apprise is not open")
        sending = self._threads.submit(_tell, known, payload.content)
        try:
            async with asyncio.timeout(TIMEOUT):
                taken = await asyncio.wrap_future(sending)
        except TimeoutError:
            # A thread is busy for as long as its service is, whatever we wait for: then others may not have begun.
            if sending.cancel():
                raise DeliveryError(f"apprise: no thread was free within {TIMEOUT:g} s") from None
            raise DeliveryError(f"apprise: no answer within {TIMEOUT:g} s", ambiguous=True) from None
        if not taken:
            raise DeliveryError("apprise: the service did not take it")
        return Receipt()


def _target(address: str) -> "NotifyBase | None":
    """What Apprise makes of an address, without a word of it in any log."""
    import apprise

    logging.getLogger("apprise").disabled = True
    service = apprise.Apprise.instantiate(address, asset=apprise.AppriseAsset(app_id="paperlark", app_desc="paperlark"))
    if service is not None:
        service.overflow_mode = apprise.OverflowMode.SPLIT
        service.socket_connect_timeout = service.socket_read_timeout = SOCKET_TIMEOUT
    return service


def _tell(address: str, said: Any) -> bool:
    """In a thread: hand the message to the service, in the form that it takes."""
    from apprise import NotifyFormat

    service = _target(address)
    if service is None:
        return False
    takes = service.resolve_format(NotifyFormat.MARKDOWN)
    form, body = (takes, "markdown") if takes is NotifyFormat.MARKDOWN else (NotifyFormat.TEXT, "text")
    return bool(service.notify(body=said[body], title=said["title"], body_format=form))


# --- The message, as text and as Markdown -----------------------------------------------------------------------

HEAD = 500  # code points kept free in every message for its first and last lines
AGAIN = f"({text.REPEATED})\n\n"

Block = tuple[str, str]
"""The same words as text and as Markdown."""

_MARKUP = re.compile(r"([\\`*_\[\]<>~|])")
_AT_NAME = re.compile(r"@(?=\w)")


def plain(words: str) -> str:
    """Text that mentions nobody: a word joiner stands after an "@"."""
    return _AT_NAME.sub("@\u2060", words)


def escaped(words: str) -> str:
    """Text as Markdown."""
    return _MARKUP.sub(r"\\\1", plain(words))


def anchor(address: str | None, words: str) -> str:
    """Markdown that leads somewhere, or just the words where there is nowhere to go."""
    target = (address or "").replace("(", "%28").replace(")", "%29")
    return f"[{words}]({target})" if target else words


def _runs(pieces: Iterable[Run], mark: str = "**") -> str:
    return "".join(f"{mark}{escaped(run.text)}{mark}" if run.marked else escaped(run.text) for run in pieces)


def _block(paper: DigestPaper, digest: Digest, number: int) -> Block:
    shown = text.show(paper, digest.day, abstract=0 if number else EXCERPT)
    counted = f"{number}. " if number else ""
    title, why, excerpt = (marked.plain(runs) for runs in (shown.title, shown.why, shown.excerpt))
    code = f" · code: {shown.code}" if shown.code else ""
    as_text = [counted + title, shown.byline, shown.facts + code, why, excerpt, shown.link or ""]
    linked_code = f" · {anchor(shown.code, 'code')}" if shown.code else ""
    as_markdown = [
        f"**{escaped(counted)}{anchor(shown.link, escaped(title))}**",
        escaped(shown.byline),
        escaped(shown.facts) + linked_code,
        _runs(shown.why),
        _runs(shown.excerpt),
    ]
    return "\n".join(plain(line) for line in as_text if line), "  \n".join(line for line in as_markdown if line)


def _opening(digest: Digest, number: int, parts: int) -> Block:
    counted = f" · {number} of {parts}" if parts > 1 else ""
    line = text.dateline(digest) + counted
    note = "" if digest.papers else text.empty_note(digest)
    return "\n\n".join(filter(None, (line, plain(note)))), "\n\n".join(filter(None, (escaped(line), escaped(note))))


def _closing(digest: Digest, more: int) -> list[Block]:
    page = text.own_page(digest.page_url)
    rest = text.remainder(more) if more else ""
    health = text.health(digest)
    blocks = [(" · ".join(filter(None, (rest, page))), anchor(page, rest or "read on the web") if rest or page else "")]
    blocks += [(plain(health), f"*{escaped(health)}*")] if health else []
    return [block for block in blocks if block[0]]


def _payload(digest: Digest, told: list[Block]) -> Payload:
    as_text, as_markdown = zip(*told, strict=True)
    return Payload(
        {
            "title": plain(text.heading(digest)),
            "text": "\n\n".join(as_text),
            "markdown": "\n\n".join(as_markdown),
        }
    )
