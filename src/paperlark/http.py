"""The one door out: every request for a source, and every webhook, goes through here, under the same limits.

- Time: `timeout` for the whole answer, redirects included; waiting for a host's turn does not count.
- Size: `max_bytes` after unpacking, counted while the body streams in (`codings`).
- Manners: one request at a time per host, over one connection, `Pace` between them and over processes; validators
  echoed as they came, what the answer says of the next time read (`manners`), no cookies, no referrer, no proxy or
  password of the environment, a User-Agent that says who asks (RFC 9110 §10.1.5, §13.1).
- Safety: only web addresses on the public internet, also behind redirects, of which there are three at most
  (`addresses`); what authorises goes to nobody but the host that it was meant for.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus
from importlib.metadata import version
from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict
from yarl import URL

from paperlark.addresses import NOT_PUBLIC, PORTS, Guard, RefusedError
from paperlark.codings import ACCEPT_ENCODING, Body, UnpackingError, too_large
from paperlark.manners import fresh_for, retry_after
from paperlark.model.messages import Pace
from paperlark.model.problems import DeliveryError, SourceError
from paperlark.model.sources import Manners

log = structlog.get_logger()

MAX_BYTES = 5 * 1024 * 1024
TIMEOUT = 20.0  # seconds
REDIRECTS = 3
CHUNK = 64 * 1024  # bytes taken from the stream at a time
SECONDS_APART = 1.0  # between two requests to one host
DYING = 5.0  # seconds after its time-out in which a request surely ends: until then its turn is kept over processes
LANES = {"arxiv.org": 3.0}
"""Hosts that share one lane, subdomains included, and its seconds between requests. arXiv: one request every three
seconds and one connection over all its hosts (https://info.arxiv.org/help/api/tou.html)."""

Validators = tuple[str | None, str | None]
"""ETag and Last-Modified as they came, quotes and all; None where there was none. Never invented."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status 200 or 304 (or one that was asked for too), headers (any case; those that are no text
    left out), the body unpacked, the address after redirects, and when and where the far side wants to be asked again.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    manners: Manners = field(default_factory=Manners)

    @property
    def not_modified(self) -> bool:
        """True when the far side says that nothing changed since the validators that were sent."""
        return self.status == 304

    @property
    def validators(self) -> Validators:
        """What to send next time."""
        return self.headers.get("ETag"), self.headers.get("Last-Modified")


@dataclass(frozen=True, slots=True)
class Posted:
    """What a POST was answered with: its status, in words for a person too, and the wait that was asked for, if any."""

    status: int
    words: str
    retry_after: timedelta | None = None


@dataclass(slots=True)
class HostPace(Pace):
    """Pace within this process. Remembers at most `hosts` names; beyond that, those whose time is over are let go."""

    hosts: int = 1_000
    _used: dict[str, float] = field(default_factory=dict)

    @asynccontextmanager
    async def turn(self, what: str, *, seconds_apart: float, at_most: float) -> AsyncIterator[None]:
        """A turn that begins `seconds_apart` after the last one did: there is no other process to wait for."""
        now = asyncio.get_running_loop().time()
        start = max(now, self._used[what] + seconds_apart) if what in self._used else now
        if len(self._used) >= self.hosts:
            self._used = {name: used for name, used in self._used.items() if used + 60 > now}
        self._used[what] = start
        if start > now:
            await asyncio.sleep(start - now)
        yield


PlatformSession = aiohttp.ClientSession


def platform_session(connections: int) -> PlatformSession:
    """A session for a platform's own library, which asks that platform's address and no other: connections stay open,
    and the environment's proxies are used. To be made inside a running loop."""
    return PlatformSession(
        connector=aiohttp.TCPConnector(limit=connections), cookie_jar=aiohttp.DummyCookieJar(), trust_env=True
    )


class Http:
    """One session for all sources. Use as `async with Http(…) as http:`, or `open()` and `close()`.

    contact: an address where the operator of this paperlark can be reached, for the User-Agent.
    seconds_apart: between two requests to one host, unless `lanes` says otherwise for its domain.
    allow_private: the operator's switch for private networks: True lifts the rules on addresses and ports, a list of
    networks ("10.1.0.0/16") lets those be dialled. Default off. ports: that are asked.
    timeout: seconds for an answer, where the caller names none. resolver: in place of the system's.
    """

    def __init__(
        self,
        contact: str,
        pace: Pace,
        *,
        seconds_apart: float = SECONDS_APART,
        lanes: Mapping[str, float] = LANES,
        allow_private: bool | Collection[str] = False,
        ports: Collection[int] = PORTS,
        timeout: float = TIMEOUT,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._agent = f"paperlark/{version('paperlark')} (+{contact})"
        self._pace = pace
        self._seconds_apart = seconds_apart
        self._lanes = dict(lanes)
        self._guard = Guard.of(ports, allow_private)
        self._timeout = timeout
        self._resolver = resolver
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._session: aiohttp.ClientSession | None = None
        self._posting: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the sessions. Once, before the first request."""
        self._session = self._new_session(limit_per_host=1)
        # Who is slow to take what is posted holds up nobody else at the same host.
        self._posting = self._new_session(limit_per_host=0)

    def _new_session(self, *, limit_per_host: int) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            # A connection is closed with its answer: a site with several hosts is not to hold several of ours.
            connector=aiohttp.TCPConnector(
                socket_factory=self._guard.dial,
                resolver=self._resolver,
                use_dns_cache=False,
                force_close=True,
                limit=50,
                limit_per_host=limit_per_host,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._agent, "Accept-Encoding": ACCEPT_ENCODING},
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Let go of the sessions and their connections."""
        for session in filter(None, (self._session, self._posting)):
            await session.close()
        self._session = self._posting = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def get(
        self,
        url: str,
        *,
        asker: str = "",
        headers: Mapping[str, str] | None = None,
        validators: Validators | None = None,
        also: Collection[int] = (),
        max_bytes: int = MAX_BYTES,
        timeout: float | None = None,  # noqa: ASYNC109 - a budget over several waits, of which some do not count
    ) -> Answer:
        """The answer to a GET, after at most three redirects: a 200, or a 304 when validators were sent.

        asker: the kind of source that asks; errors open with it. also: other statuses whose answer is wanted, where a
        site puts its errors into a body (arXiv's 400). headers that authorise go to the first host only.
        Raises SourceError, in one plain line, for anything else: refused address, no connection, too slow, too large,
        a status that is an error (with `retry_after` where the far side named a wait, `gone` for 410).
        """
        at = asked = _address(url, asker)
        asking = _Asking(asker, _sent(headers, validators), also, max_bytes, timeout or self._timeout)
        moved = True  # for good, as long as every redirect says so
        for _ in range(REDIRECTS + 1):
            self._check(at, asker)
            async with self._turn(at, asking.timeout + DYING):
                answer = await self._once(at, asking)
            if isinstance(answer, Answer):
                moved_to = str(at.with_fragment(None)) if moved and at != asked else None
                return replace(answer, manners=Manners(fresh_for(answer.headers), moved_to=moved_to))
            if _tells_others(at, answer.to):
                for name in ("Authorization", "Cookie", "Proxy-Authorization"):
                    asking.headers.popall(name, None)
            moved = moved and answer.for_good
            at = answer.to
        raise _unwell(asker, at, f"more than {REDIRECTS} redirects")

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        asker: str = "",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in `get`
    ) -> Posted:
        """Hand a body to an address: how it was answered, whatever the status. No redirect is followed, the answer's
        body is not read, and there is no pace: that is the deliverer's.

        asker: the kind of channel that posts; errors open with it, and name no address.
        Raises DeliveryError: permanent for an address that is never asked, else transient, also where it may have
        arrived: what is posted carries an id by which a second copy is known.
        """
        if self._posting is None:
            raise RuntimeError("Http is not open")
        seconds, status = timeout or self._timeout, None
        try:
            at = URL(url)
            self._guard.check(at)
            async with (
                asyncio.timeout(seconds),
                self._posting.post(
                    at, data=body, headers=headers, allow_redirects=False, timeout=NO_TIMEOUT
                ) as response,
            ):
                status = response.status
                return Posted(status, _status_words(status), retry_after(_text_only(response.headers)))
        except RefusedError as error:
            raise DeliveryError(_line(asker, str(error)), permanent=True) from None
        except TimeoutError:
            raise DeliveryError(_line(asker, f"no answer within {seconds:g} s")) from None
        except (aiohttp.ClientError, ValueError) as error:
            said = _why_no_answer(error)
            raise DeliveryError(_line(asker, said), permanent=said == NOT_PUBLIC) from None
        finally:
            log.debug("posted", status=status, bytes=len(body))

    async def _once(self, at: URL, asking: "_Asking") -> "Answer | _Redirect":
        """One request: its answer, or where it sends us. The time it takes is taken from what is left."""
        if self._session is None:
            raise RuntimeError("Http is not open")
        clock = asyncio.get_running_loop().time
        began, status, size = clock(), None, 0
        try:
            async with (
                asyncio.timeout(max(asking.left, 0)),
                self._session.get(at, headers=asking.headers, allow_redirects=False, timeout=NO_TIMEOUT) as response,
            ):
                status = response.status
                headers = _text_only(response.headers)
                if status in REDIRECTING:
                    return _redirect(at, status, headers, asking.asker)
                if status not in (200, 304, *asking.also):
                    raise _refusal(asking.asker, at, status, headers)
                body = b"" if status == 304 else await _bounded(response, headers, asking.max_bytes)
                size = len(body)
                return Answer(status, headers, body, str(at))
        except TimeoutError:
            raise _unwell(asking.asker, at, f"no whole answer within {asking.timeout:g} s", unreached=True) from None
        except UnpackingError as error:
            raise _unwell(asking.asker, at, str(error)) from None
        except (aiohttp.ClientError, ValueError) as error:
            raise _unwell(asking.asker, at, _why_no_answer(error), unreached=True) from None
        finally:
            took = clock() - began
            asking.left -= took
            log.debug("asked", host=at.host, status=status, bytes=size, seconds=round(took, 3))

    @asynccontextmanager
    async def _turn(self, at: URL, at_most: float) -> AsyncIterator[None]:
        """A host's turn, or its lane's: alone in it, here and over processes, and its pace kept."""
        lane, seconds = self._lane(at)
        lock = self._turns.get(lane)
        if lock is None:
            self._turns[lane] = lock = asyncio.Lock()
        async with lock, self._pace.turn(lane, seconds_apart=seconds, at_most=at_most):
            yield

    def _lane(self, at: URL) -> tuple[str, float]:
        host = (at.raw_host or "").rstrip(".")  # a name with a dot at its end is the same name
        for domain, seconds in self._lanes.items():
            if host == domain or host.endswith(f".{domain}"):
                return domain, seconds
        return host, self._seconds_apart

    def _check(self, at: URL, asker: str) -> None:
        try:
            self._guard.check(at)
        except RefusedError as error:
            raise _unwell(asker, at, str(error)) from None


NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10)  # `get` keeps the total
REDIRECTING, PERMANENT = (301, 302, 303, 307, 308), (301, 308)


@dataclass(slots=True)
class _Asking:
    """What one `get` asks with, and the seconds that are left to it."""

    asker: str
    headers: CIMultiDict[str]
    also: Collection[int]
    max_bytes: int
    timeout: float
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.timeout


@dataclass(frozen=True, slots=True)
class _Redirect:
    """Where an answer sends us, and whether it means all that come after."""

    to: URL
    for_good: bool


def _address(url: str, asker: str) -> URL:
    try:
        at = URL(url)
        if at.host:
            return at
    except ValueError:
        pass
    raise SourceError(_line(asker, "what it is to ask is no web address"))  # not repeated: it may hold a password


def _sent(headers: Mapping[str, str] | None, validators: Validators | None) -> CIMultiDict[str]:
    sent = CIMultiDict(headers or {})
    names = ("If-None-Match", "If-Modified-Since")
    sent.update({name: value for name, value in zip(names, validators or (), strict=False) if value})
    return sent


def _redirect(at: URL, status: int, headers: Mapping[str, str], asker: str) -> _Redirect:
    """Nobody moves from https to http for good: whoever sits in between could say so."""
    try:
        to = at.join(URL(headers["Location"]))
    except (KeyError, ValueError):
        to = URL()
    if not to.host:
        raise _unwell(asker, at, "a redirect to nowhere")
    return _Redirect(to, status in PERMANENT and not _goes_down(at, to))


def _tells_others(at: URL, to: URL) -> bool:
    """True where a redirect leads to somebody else, or where others can listen. One name on the web's own ports is one
    host."""
    ports = {"http": 80, "https": 443}
    own = at.port == ports[at.scheme] and to.port == ports.get(to.scheme)
    return to.host != at.host or _goes_down(at, to) or not (own or to.port == at.port)


def _goes_down(at: URL, to: URL) -> bool:
    return (at.scheme, to.scheme) == ("https", "http")


def _text_only(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers that are UTF-8. Other bytes could not be echoed as they came, nor be kept in a database."""
    return CIMultiDict((name, value) for name, value in headers.items() if _is_text(value))


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


async def _bounded(response: aiohttp.ClientResponse, headers: Mapping[str, str], max_bytes: int) -> bytes:
    """The body, unpacked piece by piece, and given up as soon as it is too large. Raises UnpackingError."""
    if (response.content_length or 0) > max_bytes:
        raise too_large(max_bytes)
    body = Body(headers.get("Content-Encoding", ""), max_bytes)
    async for piece in response.content.iter_chunked(CHUNK):
        body.add(piece)
    return body.whole()


# ── errors, in one plain line ────────────────────────────────────────────────────────────────────────────────────


def _unwell(asker: str, at: URL, what: str, *, unreached: bool = False) -> SourceError:
    return SourceError(_line(asker, f"{at.host}: {what}"), unreached=unreached)


def _line(asker: str, text: str) -> str:
    return f"{asker}: {text}" if asker else text


def _refusal(asker: str, at: URL, status: int, headers: Mapping[str, str]) -> SourceError:
    wait = retry_after(headers)
    asked = f", asks to wait {_spoken(wait)}" if wait is not None else ""
    error = _unwell(asker, at, _status_words(status) + asked)
    error.retry_after = wait
    error.asked_to_wait = status == 429
    error.gone = status == 410
    return error


def _status_words(status: int) -> str:
    known = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""  # ours: theirs may say anything
    return f"{status} {known}".strip()


def _spoken(wait: timedelta) -> str:
    seconds = int(wait.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"


def _why_no_answer(error: aiohttp.ClientError | ValueError) -> str:
    """What a person can act on; never which inner address answered how, nor anything that the far side wrote."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "no such host is known"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "its certificate cannot be trusted"
        case aiohttp.ClientConnectorError():
            return NOT_PUBLIC if NOT_PUBLIC in str(error.os_error) else "no connection"
        case aiohttp.ServerDisconnectedError():
            return "it hung up without an answer"
        case aiohttp.ClientPayloadError() | aiohttp.ClientOSError():
            return "the answer broke off before its end"
        case aiohttp.ClientResponseError():
            return "what it answers is not HTTP"
        case aiohttp.InvalidURL() | ValueError():
            return "not an address that can be asked"
    return f"no answer ({type(error).__name__})"
