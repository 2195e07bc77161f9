"""Telegram: digests by a bot, in HTML mode. https://core.telegram.org/bots/api#sendmessage

Only sending lives here, on python-telegram-bot's `Bot`. Sizes are UTF-16 units after the mark-up is parsed, the unit of
Telegram's own entity offsets: 4,096 are documented, 4,000 are used, since sources contradict one another on whether
code points or UTF-16 units are counted. About 100 entities of a message are shown, the rest is ignored.

There is no idempotency key in the Bot API: a send whose answer was lost may have arrived (`ambiguous`).
"""

import asyncio
import html
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import ClassVar
from urllib.parse import urlsplit

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import BaseRequest

from paperlark.channels import buttons, letters, text
from paperlark.channels._telegram_request import AiohttpRequest, never_sent
from paperlark.channels.buttons import Button
from paperlark.channels.marked import Run
from paperlark.channels.text import Shown, Size
from paperlark.model.messages import Digest, DigestPaper, Limits, Payload, Receipt
from paperlark.model.problems import DeliveryError, ReaderError

log = logging.getLogger(__name__)

OFFICIAL = "https://api.telegram.org"
TIMEOUT = 20.0  # seconds for each of connect, write, read and a free connection
WHOLE_SEND = 3  # times that for all of them
CONNECTIONS = 32
FLOOD_WAIT = timedelta(seconds=30)  # for a 429 that names no wait

UNITS = 4000  # UTF-16 units of text
ENTITIES = 95
BYTES = 30_000  # of mark-up: far above any digest of ours, below what the server reads of a message
HEAD: Size = (820, 9, 6500)  # kept free in every message for its first and last lines
HEALTH_UNITS = 300  # of them for the line on the sources
ROOM: Size = (UNITS - HEAD[0], ENTITIES - HEAD[1], BYTES - HEAD[2])

EXCERPT = 280  # code points of an abstract in a digest
KEYS = 88  # numbered buttons under a message: Telegram takes 100, and a row of actions comes beneath them
CALM_PARTS = 3  # a digest gives up its excerpts before it becomes more messages than this
MANY = 40  # papers, above which no excerpts are tried
ABSTRACTS = (2500, 1500, 700, 280, 0)  # code points of a single paper's abstract: the first that fits

ADDRESS = re.compile(r"(?P<chat>-?[1-9]\d{0,18}|@[A-Za-z][A-Za-z0-9_]{3,31})(?:/(?P<thread>[1-9]\d{0,9}))?")
TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Options:
    """token: the bot's, from @BotFather. base_url: a Bot API server other than the official one (no path needed).

    timeout: seconds for each of connecting, writing and waiting for the answer.
    """

    token: str = field(repr=False)
    base_url: str | None = None
    timeout: float = TIMEOUT


class Telegram:
    """One bot. Addresses are `CHAT`, `CHAT/TOPIC` or `@channelname`."""

    kind: ClassVar[str] = "telegram"
    # About 30 messages a second in all, 1 a second to a chat, 20 a minute to a group (core.telegram.org/bots/faq).
    limits: ClassVar[Limits] = Limits(
        overall=30, per_address=1, per_group=20 / 60, text_units=UNITS, parts=10, seconds=WHOLE_SEND * TIMEOUT + 5
    )

    def __init__(self, options: Options) -> None:
        if not TOKEN.fullmatch(options.token):
            raise ReaderError("telegram: token: not a bot's token (they look like 123456:ABC…, from @BotFather)")
        base = (options.base_url or OFFICIAL).rstrip("/")
        if urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).hostname:
            raise ReaderError("telegram: base_url: not an http(s) address")
        if not 0 < options.timeout <= 600:
            raise ReaderError("telegram: timeout: seconds, above 0 and up to 600")
        self._token = options.token
        self._timeout = options.timeout
        self._whole_send = WHOLE_SEND * options.timeout
        self._request = self.connections(CONNECTIONS)
        self._bot = Bot(
            options.token,
            base_url=f"{base}/bot",
            base_file_url=f"{base}/file/bot",
            request=self._request,
            get_updates_request=self._request,  # never used: without it a second connection pool is made
        )

    def connections(self, number: int) -> BaseRequest:
        """At most so many, beside those of the messages: to be opened and closed by whoever asked for them."""
        return AiohttpRequest(connections=number, timeout=self._timeout)

    @property
    def bot(self) -> Bot:
        """The bot behind this channel, for whoever talks back through it (`bots.telegram`)."""
        return self._bot

    # --- The pure half

    def check_address(self, address: str) -> str:
        """`CHAT`, `CHAT/TOPIC` or `@channelname`, in lower case."""
        found = ADDRESS.fullmatch(address.strip())
        if not found or (not found["chat"].startswith("@") and abs(int(found["chat"])) >= 2**63):
            raise ReaderError(
                "not a Telegram address: give a chat's number (123456789, -1001234567890), with /TOPIC for a topic of "
                "a group, or a channel's @name"
            )
        return found[0].lower()

    def is_group(self, address: str) -> bool:
        """Groups and channels have negative numbers, channels also names."""
        return address.startswith(("-", "@"))

    def limited_as(self, address: str) -> str:
        """A topic's messages count as its group's."""
        return address.partition("/")[0]

    def render(self, digest: Digest) -> list[Payload]:
        """The digest as HTML messages, with room left to say that one is sent again.

        {"html", "preview": an address or null, "buttons": rows of [label, data]}
        """
        rendered = self._rendered(digest)
        return [self.again(each) for each in rendered] if digest.repeat else rendered

    def again(self, payload: Payload) -> Payload:
        """The message with a line above it that says so; once."""
        markup = payload.content["html"]
        return payload if markup.startswith(AGAIN.html) else Payload({**payload.content, "html": AGAIN.html + markup})

    def _rendered(self, digest: Digest) -> list[Payload]:
        if not digest.papers:
            return [payload([*_head(digest), escaped(text.empty_note(digest)), *_foot(digest)])]
        if len(digest.papers) == 1 and not digest.more:
            return [_alert(digest)]
        blocks, parts = _cut_up(digest)
        dropped = len(digest.papers) - parts[-1].stop
        payloads = []
        for number, part in enumerate(parts, start=1):
            lines = _head(digest) if number == 1 else _continued(digest, number, len(parts))
            lines += [BLANK, *_spaced(blocks[part.start : part.stop])]
            if number == len(parts):
                lines += _foot(digest, digest.more + dropped)
            ids = [paper.id for paper in digest.papers[part.start : part.stop]]
            payloads.append(payload(lines, keyboard=buttons.of_digest(ids[:KEYS], first=part.start + 1)))
        return payloads

    # --- The half that talks

    async def open(self) -> None:
        """Makes ready to connect. Telegram is first asked by the first send: an outage does not hold up the start."""
        await self._request.initialize()

    async def close(self) -> None:
        """Close the connections."""
        await self._request.shutdown()

    async def send(self, address: str, payload: Payload, key: str) -> Receipt:
        """Send one message. `key` has no use here: the Bot API knows no idempotency key.

        A topic that is gone is told in the group itself, mark-up that Telegram cannot read goes as plain text; each
        once, and the receipt says so.
        """
        try:
            chat, _, thread = self.check_address(address).partition("/")
        except ReaderError as error:
            raise DeliveryError(f"telegram: {error}", permanent=True) from error
        markup, preview = payload.content["html"], payload.content["preview"]
        keys = keyboard_of(payload.content.get("buttons", ()))  # a message sealed long ago may have none
        topic = int(thread) if thread else None
        as_plain = False
        degraded: list[str] = []
        while True:
            try:
                async with asyncio.timeout(self._whole_send):
                    sent = await self._bot.send_message(
                        chat_id=chat if chat.startswith("@") else int(chat),
                        text=plain(markup) if as_plain else markup,
                        parse_mode=None if as_plain else ParseMode.HTML,
                        message_thread_id=topic,
                        link_preview_options=preview_of(preview),
                        reply_markup=keys,
                    )
                return Receipt(message_id=str(sent.message_id), degraded="; ".join(degraded))
            except BadRequest as error:
                said = error.message.lower()
                if "message thread not found" in said and topic is not None:
                    topic = None
                    degraded.append("the topic is gone: told in the group itself")
                elif "can't parse entities" in said and not as_plain:
                    as_plain = True
                    degraded.append("mark-up refused: sent as plain text")
                    log.error("telegram could not parse our mark-up, sending plain text: %s", error.message)
                elif "message is not modified" in said:
                    return Receipt()
                else:
                    raise self._sorted(error) from error
            except TelegramError as error:
                raise self._sorted(error) from error
            except (TimeoutError, KeyError, TypeError) as error:  # the whole wait, or a 200 that is no Telegram's
                raise DeliveryError(f"telegram: no usable answer ({type(error).__name__})", ambiguous=True) from error

    def _sorted(self, error: TelegramError) -> DeliveryError:
        return sorted_error(error, hide=self._token)


# --- Errors -----------------------------------------------------------------------------------------------------

# 400s that are about the chat and not about the message: nothing will arrive there until somebody changes something.
GONE = re.compile(
    r"chat not found|user not found|chat_id is empty|peer_id_invalid|user_deactivated|chat was (deactivated|deleted)|"
    r"chat_write_forbidden|chat_admin_required|have no rights to send|not enough rights|need administrator rights|"
    r"topic_closed|topic_deleted|upgraded to a supergroup",
    re.IGNORECASE,
)


def sorted_error(error: TelegramError, *, hide: str = "") -> DeliveryError:
    """What an error of python-telegram-bot means for the delivery. Pure. `hide` is cut out of the message.

    The order matters: BadRequest and TimedOut are subclasses of NetworkError.
    """
    message = error.message.replace(hide, "…") if hide else error.message
    said = f"telegram: {letters.cut(letters.one_line(message), 300)}"
    match error:
        case RetryAfter():
            wait = error.retry_after  # seconds today, one day a timedelta
            return DeliveryError(said, retry_after=wait if isinstance(wait, timedelta) else timedelta(seconds=wait))
        case ChatMigrated():
            return DeliveryError(said, new_address=str(error.new_chat_id))
        case Forbidden():
            return DeliveryError(said, permanent=True)
        case InvalidToken():
            return DeliveryError(said, channel=True)
        case BadRequest():
            gone = GONE.search(error.message) is not None
            return DeliveryError(said, permanent=gone, refused=not gone)
        case Conflict():
            return DeliveryError(said)
        case TimedOut():
            return DeliveryError(
                f"{said} ({type(error.__cause__).__name__})",
                ambiguous=not never_sent(error.__cause__),
                unreachable=never_sent(error.__cause__),
            )
        case NetworkError() if error.message.startswith("Too Many Requests"):
            return DeliveryError(said, retry_after=FLOOD_WAIT)  # a 429 without its parameters
        case NetworkError() if "Entity Too Large" in error.message:
            return DeliveryError(said, refused=True)
        case NetworkError() if never_sent(error.__cause__):
            return DeliveryError(said, unreachable=True)
        case _:
            return DeliveryError(said, ambiguous=True)


# --- Mark-up: the one place that escapes ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Markup:
    """Telegram HTML with its size: UTF-16 units of what is shown, entities, bytes of mark-up."""

    html: str
    units: int
    entities: int = 0

    def __add__(self, other: "Markup") -> "Markup":
        return Markup(self.html + other.html, self.units + other.units, self.entities + other.entities)

    @property
    def size(self) -> Size:
        """In the measures of ROOM."""
        return (self.units, self.entities, len(self.html.encode()))


_AT_NAME = re.compile(r"@(?=\w)")


def escaped(words: str) -> Markup:
    """Text as mark-up. A word joiner after "@" keeps a name in a title from mentioning (and notifying) somebody."""
    shown = _AT_NAME.sub("@\u2060", words)
    return Markup(html.escape(shown, quote=False), utf16(shown))


def tag(name: str, inside: Markup) -> Markup:
    """Mark-up in an element: `name` may carry a flag, as in "blockquote expandable"."""
    return Markup(f"<{name}>{inside.html}</{name.split()[0]}>", inside.units, inside.entities + 1)


def anchor(address: str | None, inside: Markup) -> Markup:
    """Mark-up that leads somewhere, or just the mark-up where there is nowhere to go."""
    if address is None:
        return inside
    return Markup(f'<a href="{html.escape(address)}">{inside.html}</a>', inside.units, inside.entities + 1)


def runs(pieces: Iterable[Run], name: str) -> Markup:
    """Runs with the marked ones in an element."""
    return sum((tag(name, escaped(run.text)) if run.marked else escaped(run.text) for run in pieces), EMPTY)


def lines(pieces: Sequence[Markup]) -> Markup:
    """Mark-up line by line."""
    return sum((BREAK + piece if at else piece for at, piece in enumerate(pieces)), EMPTY)


def plain(markup: str) -> str:
    """Our own mark-up as text: exact, since every "<" and "&" of the text was escaped."""
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


def utf16(words: str) -> int:
    """How many UTF-16 units a text has."""
    return len(words) + sum(letter > "\uffff" for letter in words)


EMPTY = Markup("", 0)
BLANK = EMPTY
BREAK = Markup("\n", 1)
AGAIN = tag("i", escaped(text.REPEATED)) + BREAK + BREAK


# --- The message ------------------------------------------------------------------------------------------------


def _cut_up(digest: Digest) -> tuple[list[Markup], list[range]]:
    """The papers as blocks, and the messages they go into: with excerpts while that stays calm, never too many."""
    for length in (EXCERPT, 0) if len(digest.papers) <= MANY else (0,):
        blocks = [_block(paper, number, digest.day, length) for number, paper in enumerate(digest.papers, start=1)]
        # Each block ends with the blank line before the next.
        parts = text.pack([(units + 2, entities, size + 2) for units, entities, size in (b.size for b in blocks)], ROOM)
        if len(parts) <= CALM_PARTS:
            break
    return blocks, parts[: Telegram.limits.parts]


@lru_cache(maxsize=text.SHOWN_KEPT)
def _block(paper: DigestPaper, number: int, day: date, length: int) -> Markup:
    shown = text.show(paper, day, abstract=length)
    title = escaped(f"{number}. ") + anchor(shown.link, runs(shown.title, "b"))
    return lines([title, *_below(shown), *([tag("blockquote", runs(shown.excerpt, "b"))] if shown.excerpt else [])])


def _alert(digest: Digest) -> Payload:
    """A single paper: its abstract folded away, its page as a small preview."""
    for length in ABSTRACTS:
        shown = text.show(digest.papers[0], digest.day, abstract=length)
        pieces = [
            tag("b", anchor(shown.link, runs(shown.title, "u"))),
            *_below(shown),
            *([tag("blockquote expandable", runs(shown.excerpt, "b"))] if shown.excerpt else []),
            *_foot(digest),
        ]
        size = (AGAIN + lines(pieces)).size
        if all(part <= limit for part, limit in zip(size, (UNITS, ENTITIES, BYTES), strict=True)):
            break
    return payload(pieces, preview=shown.link, keyboard=buttons.of_digest([digest.papers[0].id]))


def _below(shown: Shown) -> list[Markup]:
    """The lines under a title: who, where and when, why."""
    facts = escaped(shown.facts)
    if shown.code:
        facts += escaped(" · ") + anchor(shown.code, escaped("code"))
    return [*([escaped(shown.byline)] if shown.byline else []), facts, *([runs(shown.why, "i")] if shown.why else [])]


def _head(digest: Digest) -> list[Markup]:
    return [tag("b", escaped(text.heading(digest))), escaped(text.dateline(digest))]


def _continued(digest: Digest, number: int, parts: int) -> list[Markup]:
    return [tag("b", escaped(text.heading(digest))) + escaped(f" · {number} of {parts}")]


def _foot(digest: Digest, more: int = 0) -> list[Markup]:
    page = text.own_page(digest.page_url)
    said = escaped(text.remainder(more)) if more else escaped("read on the web")
    foot = [BLANK, anchor(page, said)] if more or page else []
    health = text.health(digest)
    health = letters.cut(health, HEALTH_UNITS // 2) if len(health.encode("utf-16-le")) // 2 > HEALTH_UNITS else health
    return [*foot, BLANK, tag("i", escaped(health))] if health else foot


def _spaced(blocks: Sequence[Markup]) -> list[Markup]:
    return [piece for at, block in enumerate(blocks) for piece in ((BLANK, block) if at else (block,))]


def payload(
    pieces: Sequence[Markup], *, preview: str | None = None, keyboard: Sequence[Sequence[Button]] = ()
) -> Payload:
    """A message of these lines. preview: the one address that is shown small beneath it. keyboard: its buttons."""
    return Payload({"html": lines(pieces).html, "preview": preview, "buttons": rows_of(keyboard)})


def rows_of(keyboard: Sequence[Sequence[Button]]) -> list[list[list[str]]]:
    """Buttons as a payload carries them."""
    return [[[button.label, button.data] for button in row] for row in keyboard]


def keyboard_of(rows: Sequence[Sequence[Sequence[str]]]) -> InlineKeyboardMarkup | None:
    """A payload's buttons as Telegram takes them; None where there are none."""
    made = [[InlineKeyboardButton(label, callback_data=data) for label, data in row] for row in rows if row]
    return InlineKeyboardMarkup(made) if made else None


def preview_of(address: str | None) -> LinkPreviewOptions:
    """A small preview of one address, or none at all: without options the first link of the text would be shown."""
    if address is None:
        return LinkPreviewOptions(is_disabled=True)
    return LinkPreviewOptions(url=address, prefer_small_media=True)
