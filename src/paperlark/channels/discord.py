"""Discord: digests by a bot, as embeds. https://discord.com/developers/docs/resources/message#create-message

Only sending lives here, over discord.py's REST client without its gateway. How a digest looks is told in
`_discord_message`.

Every message carries a nonce made of its key, and Discord returns the first message in place of a second with the same
nonce "in the past few minutes". After that `look` reads the channel's history. A post in a forum takes no nonce: there
the forum is looked at before every post.

An address from which Discord gets 10,000 answers of 401, 403 or 429 in ten minutes is barred for a while
(https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans): `Invalid` counts
them, and stops us at half of that.
"""

import asyncio
import base64
import hashlib
import logging
import re
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import discord
from discord.http import MultipartParameters, Route

from paperlark.channels import _discord_message as message
from paperlark.channels import letters
from paperlark.channels._discord_message import CONTENT as CONTENT
from paperlark.channels._discord_message import code as code
from paperlark.channels._discord_message import codes as codes
from paperlark.channels._discord_message import custom_id as custom_id
from paperlark.channels._discord_message import data_of as data_of
from paperlark.channels._discord_message import dressed as dressed
from paperlark.channels._discord_message import escaped as escaped
from paperlark.channels._discord_message import fitted as fitted
from paperlark.channels._discord_message import units as units
from paperlark.model.messages import Digest, Limits, Payload, Receipt
from paperlark.model.problems import DeliveryError, ReaderError

log = logging.getLogger(__name__)

OFFICIAL = "https://discord.com"
VERSION = "/api/v10"
TIMEOUT = 15.0  # seconds for one message, with everything that it takes
PATIENCE = 2.0  # seconds that the library may wait out a rate limit by itself; longer ones are ours to plan
DM_WAIT = timedelta(minutes=10)  # after opening direct messages too fast, which names no wait
INVALID_WINDOW, INVALID_MOST = 600.0, 5000  # seconds, and how many answers that count towards a ban within them
NONCE = 25  # characters at most
SKEW = timedelta(minutes=5)  # by which our clock and Discord's may differ
PAGES, PAGE = 10, 100  # of a channel's history that are looked through, and messages in each
DMS_KNOWN = 10_000  # direct message channels whose numbers are remembered

TOKEN = re.compile(r"[A-Za-z0-9_-]{10,100}\.[A-Za-z0-9_-]{3,100}\.[A-Za-z0-9_-]{10,200}")
ADDRESS = re.compile(
    r"(?P<kind>channel|user|forum):(?P<id>[1-9]\d{0,18})(?P<tags>(?:\+[1-9]\d{0,18}){0,5})", re.IGNORECASE
)

# Codes of https://discord.com/developers/docs/topics/opcodes-and-status-codes#json-json-error-codes
NO_DMS = {50007, 50278}  # this person takes no messages of ours; both also come while somebody changes servers
MISSING_ACCESS, MISSING_PERMISSIONS = 50001, 50013
UNKNOWN_CHANNEL, ARCHIVED, INVALID_FORM, DMS_TOO_FAST = 10003, 50083, 50035, 40003
GONE = {10003, 10004, 10013, 50008, 50024, 40067, 160005}  # unknown, no place for text, a tag is wanted, locked
BARRED = {40001, 40002, 40333}  # the bot itself may not


@dataclass(frozen=True, slots=True)
class Options:
    """token: the bot's, from the developer portal. base_url: where Discord's API is, if it is not Discord's own.

    timeout: seconds for one message.
    """

    token: str = field(repr=False)
    base_url: str | None = None
    timeout: float = TIMEOUT


class Address(NamedTuple):
    """Where a message goes: to a "channel" (also a thread), a "user", or as a post with `tags` into a "forum"."""

    kind: str
    id: int
    tags: tuple[int, ...] = ()


class Discord:
    """One bot. Addresses are `channel:ID` (also a thread's), `user:ID`, and `forum:ID` with `+TAG` for its posts."""

    kind: ClassVar[str] = "discord"
    # 50 requests a second in all are documented; the rest is for looks and for opening direct messages. What a channel
    # takes is told with every answer, five messages in five seconds at the time of writing.
    limits: ClassVar[Limits] = Limits(overall=45, per_address=1, text_units=message.ALL_EMBEDS, parts=message.PARTS)

    def __init__(self, options: Options) -> None:
        if not TOKEN.fullmatch(options.token):
            raise ReaderError("discord: token: not a bot's token (three parts with dots, from the developer portal)")
        base = (options.base_url or OFFICIAL).rstrip("/")
        if urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).hostname:
            raise ReaderError("discord: base_url: not an http(s) address")
        if not 0 < options.timeout <= 600:
            raise ReaderError("discord: timeout: seconds, above 0 and up to 600")
        self.invalid = Invalid()
        self.token, self.base, self._timeout = options.token, base, options.timeout
        self._client: discord.Client | None = None
        self._entering = asyncio.Lock()
        self._dms: dict[int, int] = {}
        self._guilds: dict[int, int] = {}

    # --- The pure half

    def check_address(self, address: str) -> str:
        """`channel:ID`, `user:ID` or `forum:ID+TAG+TAG`, in lower case."""
        found = ADDRESS.fullmatch(address.strip())
        if not found or int(found["id"]) >= 2**63 or (found["tags"] and found["kind"].lower() != "forum"):
            raise ReaderError(
                "not a Discord address: give channel:ID (also for a thread), user:ID, or forum:ID with +TAG for each "
                "tag of its posts, up to five; IDs are copied with Discord's developer mode"
            )
        return found[0].lower()

    def is_group(self, address: str) -> bool:
        """All but direct messages."""
        return not address.startswith("user:")

    def render(self, digest: Digest) -> list[Payload]:
        """The digest as embeds, with room left to say that a message is sent again."""
        payloads = message.rendered(digest)
        return [message.again(payload) for payload in payloads] if digest.repeat else payloads

    def again(self, payload: Payload) -> Payload:
        """The message with a line above it that says so; once."""
        return message.again(payload)

    # --- The half that talks

    async def open(self) -> None:
        """Makes ready to connect. Discord is first asked by the first send: an outage does not hold up the start."""
        use_base(self.base)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    async def send(self, address: str, payload: Payload, key: str) -> Receipt:
        """Send one message, under a nonce made of `key`.

        An archived thread is opened again. A form that Discord does not take goes as plain text, once, and the
        receipt says so.
        """
        to = self._to(address)
        async with self._asking(to) as call:
            client = await self._entered()
            if to.kind == "forum":
                return await self._send_post(client, to, payload, key, call)
            body = {**message.body(payload), **_nonce_fields(key)}
            return await self._send_message(client, to, body, payload, key, call)

    async def look(self, address: str, key: str, payload: Payload) -> bool | None:
        """Does this message, sent under this key, stand there? None where the history may not be read or is too long.
        Raises DeliveryError when Discord does not answer."""
        to = self._to(address)
        async with self._asking(to):
            client = await self._entered()
            try:
                place = to.id
                if to.kind == "forum":
                    post = await self._post_of(client, to.id, payload)
                    if post is None or payload.content.get("part", 1) == 1:
                        return post is not None
                    place = post
                elif to.kind == "user":
                    place = await self._dm(client, to.id)
                return await _stands(client, place, nonce(key), payload)
            except (discord.Forbidden, discord.NotFound):
                return None

    async def _send_message(
        self, client: discord.Client, to: Address, body: dict[str, Any], payload: Payload, key: str, call: "Call"
    ) -> Receipt:
        degraded: list[str] = []
        mended: set[int] = set()
        while True:
            place = await self._dm(client, to.id) if to.kind == "user" else to.id
            try:
                call.sending = True
                sent = await client.http.send_message(place, params=MultipartParameters(body, None, None))
                return Receipt(message_id=str(sent["id"]), degraded="; ".join(degraded))
            except discord.HTTPException as error:
                if error.code in mended:
                    raise
                mended.add(error.code)
                if error.code == ARCHIVED:
                    await client.http.edit_channel(place, archived=False)
                elif error.code == INVALID_FORM:
                    body = {**message.plain_body(payload), **_nonce_fields(key)}
                    degraded.append("form refused: sent as plain text")
                    log.error("discord refused our form, sending plain text: %s", letters.cut(error.text, 300))
                elif error.code in (UNKNOWN_CHANNEL, MISSING_ACCESS) and self._dms.pop(to.id, None) is not None:
                    pass  # what we remember of this person's channel may be out of date
                else:
                    raise

    async def _send_post(
        self, client: discord.Client, to: Address, payload: Payload, key: str, call: "Call"
    ) -> Receipt:
        """A digest's first message as a post of its own, the others within it."""
        part = int(payload.content.get("part", 1))
        post = await self._post_of(client, to.id, payload)
        if post is not None and part > 1:
            body = {**message.body(payload), **_nonce_fields(key)}
            return await self._send_message(client, Address("channel", post), body, payload, key, call)
        if post is not None:
            return Receipt(message_id=str(post))
        name = payload.content.get("post") or "Papers"
        form: dict[str, Any] = {"name": name, "message": message.body(payload)}
        degraded = ""
        if part > 1:
            form["name"] = f"{letters.cut(name, message.POST - 6)} ({part})"
            degraded = "the digest's post is gone: told in another"
        if to.tags:
            form["applied_tags"] = [str(tag) for tag in to.tags]
        plainer = {"name": form["name"], "message": form["message"]}
        for attempt in (form, plainer, {**plainer, "message": message.plain_body(payload)}):
            call.sending = True
            try:
                made: Any = await client.http.start_thread_in_forum(
                    to.id, params=MultipartParameters(attempt, None, None)
                )
                return Receipt(message_id=str(made["id"]), degraded=degraded)
            except discord.HTTPException as error:
                if error.code != INVALID_FORM:
                    raise
                refused, degraded = error, "tags or form refused: posted without"
        raise refused

    async def _post_of(self, client: discord.Client, forum: int, payload: Payload) -> int | None:
        """The post in which a digest stands, or its first message at least."""
        if forum not in self._guilds:
            self._guilds[forum] = int((await client.http.get_channel(forum))["guild_id"])  # type: ignore[typeddict-item]
        listed: Any = await client.http.get_active_threads(self._guilds[forum])
        since = _since(payload)
        found = [
            int(thread["id"])
            for thread in listed["threads"]
            if int(thread["parent_id"]) == forum
            and client.user is not None
            and int(thread["owner_id"]) == client.user.id
            and thread["name"] == payload.content.get("post")
            and (since is None or int(thread["id"]) >= since)
        ]
        if payload.content.get("part", 1) > 1:
            return max(found, default=None)
        for post in found:
            if message.imprint(await client.http.get_message(post, post)) == message.imprint(payload.content):
                return post
        return None

    async def _dm(self, client: discord.Client, user: int) -> int:
        """The channel of direct messages to somebody."""
        if user not in self._dms:
            if len(self._dms) >= DMS_KNOWN:
                self._dms.clear()
            self._dms[user] = int((await client.http.start_private_message(user))["id"])
        return self._dms[user]

    async def _entered(self) -> discord.Client:
        """The client, logged in. Raises DeliveryError when too much was refused lately."""
        if self.invalid.too_many():
            raise DeliveryError("discord: too many refusals in ten minutes; waiting, not to be barred", channel=True)
        async with self._entering:
            if self._client is None or self._client.is_closed():
                client = discord.Client(
                    intents=discord.Intents.none(), http_trace=self.invalid.trace(), max_ratelimit_timeout=30
                )
                client.http.max_ratelimit_timeout = PATIENCE
                try:
                    await client.login(self.token)
                except BaseException:
                    await client.close()
                    raise
                self._client = client
            return self._client

    def _to(self, address: str) -> Address:
        try:
            kind, _, rest = self.check_address(address).partition(":")
        except ReaderError as error:
            raise DeliveryError(f"discord: {error}", permanent=True) from error
        number, *tags = rest.split("+")
        return Address(kind, int(number), tuple(map(int, tags)))

    @asynccontextmanager
    async def _asking(self, to: Address) -> AsyncIterator["Call"]:
        """Whatever is asked of Discord within: bounded in time, every failure sorted."""
        call = Call()
        before = _CALL.set(call)
        try:
            async with asyncio.timeout(self._timeout):
                yield call
        except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
            raise sorted_error(error, call, to.kind) from error
        except (KeyError, TypeError, ValueError, RuntimeError) as error:  # a 200 that is no Discord's, or closed
            raise DeliveryError(
                f"discord: no usable answer ({type(error).__name__})", ambiguous=call.sending
            ) from error
        finally:
            _CALL.reset(before)


def use_base(base: str) -> None:
    """Where discord.py finds the API: for the whole process, for the library has one place for it."""
    Route.BASE = base + VERSION


def nonce(key: str) -> str:
    """A key as Discord takes one: 25 characters of its digest."""
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())[:NONCE].decode()


def _nonce_fields(key: str) -> dict[str, Any]:
    return {"nonce": nonce(key), "enforce_nonce": True}


async def _stands(client: discord.Client, place: int, known_as: str, payload: Payload) -> bool | None:
    """Is the message in the history of a channel, as far back as when it was sealed?"""
    wanted = message.imprint(payload.content)
    after = _since(payload)
    for _ in range(PAGES):
        page: Any = await client.http.logs_from(place, PAGE, after=after)
        if any(_ours(client, found) and _same(found, known_as, wanted) for found in page):
            return True
        if len(page) < PAGE:
            return False
        if after is None:
            return None
        after = max(int(found["id"]) for found in page)
    return None


def _ours(client: discord.Client, found: dict[str, Any]) -> bool:
    return client.user is not None and int(found["author"]["id"]) == client.user.id


def _same(found: dict[str, Any], known_as: str, wanted: str) -> bool:
    return str(found.get("nonce")) == known_as or message.imprint(found) == wanted


def _since(payload: Payload) -> int | None:
    """The least number that a message may have that was sent after this one was sealed."""
    at = payload.content.get("at")
    return None if at is None else discord.utils.time_snowflake(datetime.fromtimestamp(at, UTC) - SKEW)


# --- Errors -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Call:
    """What is known of one conversation with Discord, for when it breaks off.

    sending: the message itself was on its way, not only a preparation. in_flight: a request is. status, scope: of the
    last answer; the scope of a rate limit is "user", "global" or "shared".
    """

    sending: bool = False
    in_flight: bool = False
    status: int = 0
    scope: str = ""

    @property
    def unsure(self) -> bool:
        """May the message have arrived, though its answer did not?"""
        return self.sending and (self.in_flight or self.status not in (429, 500, 503))


_CALL: ContextVar[Call | None] = ContextVar("paperlark_discord_call", default=None)


class Invalid:
    """Counts the answers that Discord bars an address for, in the last ten minutes."""

    def __init__(self) -> None:
        self._at: deque[float] = deque(maxlen=INVALID_MOST)

    def too_many(self) -> bool:
        """Were there so many that we must stop by ourselves?"""
        return len(self._at) == INVALID_MOST and time.monotonic() - self._at[0] < INVALID_WINDOW

    def count(self, status: int, scope: str) -> None:
        """Take note of an answer. What is refused for another's sake does not count."""
        if status in (401, 403) or (status == 429 and scope != "shared"):
            self._at.append(time.monotonic())

    def trace(self) -> aiohttp.TraceConfig:
        """For a client of discord.py: sees every answer."""
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._started)
        trace.on_request_end.append(self._ended)
        return trace

    async def _started(self, _: object, __: SimpleNamespace, ___: aiohttp.TraceRequestStartParams) -> None:
        if call := _CALL.get():
            call.in_flight = True

    async def _ended(self, _: object, __: SimpleNamespace, params: aiohttp.TraceRequestEndParams) -> None:
        status, scope = params.response.status, params.response.headers.get("X-RateLimit-Scope", "")
        self.count(status, scope)
        if call := _CALL.get():
            call.in_flight, call.status, call.scope = False, status, scope


def sorted_error(error: Exception, call: Call, kind: str = "channel") -> DeliveryError:
    """What a failure means for the delivery. Pure. `kind` is the address's."""
    match error:
        case discord.LoginFailure():
            return DeliveryError("discord: the token is not accepted", channel=True)
        case discord.RateLimited():
            wait = timedelta(seconds=error.retry_after)
            return DeliveryError("discord: told to wait", retry_after=wait, of_address=call.scope != "global")
        case discord.HTTPException():
            return _sorted_answer(error, kind)
        case TimeoutError() if not isinstance(error, aiohttp.ClientError):
            return DeliveryError("discord: no answer in time", ambiguous=call.unsure)
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return DeliveryError(f"discord: no connection ({type(error).__name__})", unreachable=True)
        case _:
            return DeliveryError(f"discord: connection lost ({type(error).__name__})", ambiguous=call.sending)


def _sorted_answer(error: discord.HTTPException, kind: str) -> DeliveryError:
    said = f"discord: {error.status} {letters.cut(letters.one_line(error.text or error.response.reason or ''), 200)}"
    if error.code:
        said += f" ({error.code})"
    match error.status, error.code:
        case (401, _) | (403 | 404, 0):  # without a code it was not Discord that spoke, but what stands before it
            return DeliveryError(said, channel=True)
        case (429, code) if code == DMS_TOO_FAST:
            return DeliveryError(said, retry_after=DM_WAIT, of_address=True)
        case (429, _):  # discord.py waits out the others: this one came without `Via`, from what stands before Discord
            return DeliveryError(said, channel=True)
        case (500 | 503, _):
            return DeliveryError(said)
        case (status, _) if status >= 500:
            return DeliveryError(said, ambiguous=True)
        case (_, code) if code == DMS_TOO_FAST:
            return DeliveryError(said, retry_after=DM_WAIT, of_address=True)
        case (_, code) if code in BARRED:
            return DeliveryError(said, channel=True)
        case (_, code) if code in NO_DMS or (code == MISSING_ACCESS and kind == "user"):
            return DeliveryError(f"{said}: this person takes no direct messages of the bot", doubtful=True)
        case (_, code) if code == MISSING_PERMISSIONS:
            needs = "View Channel, Send Messages (in Threads) and Embed Links"
            return DeliveryError(f"{said}: there the bot needs {needs}", permanent=True)
        case (status, code) if status in (403, 404) or code in GONE:
            return DeliveryError(said, permanent=True)
        case _:
            return DeliveryError(said, refused=True)
