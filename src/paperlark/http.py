"""The one door out: every request for a source goes through here, under the same limits.

- Time: `timeout` for the whole answer, redirects included; waiting for a host's turn does not count.
- Size: `max_bytes` after decompression, counted while the body streams in.
- Manners: one request at a time per host, `Pace` between them, validators echoed as they came, `Retry-After` read,
  no cookies, a User-Agent that says who asks (RFC 9110 §10.1.5, §13.1, §10.2.3).
- Safety: http and https on their own ports, no password in an address, at most three redirects, each checked as the
  first was, and no address that is not on the public internet. The address is judged where the socket is made, so
  that neither a redirect nor a name that resolves twice can get behind it.
"""

import asyncio
import re
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from types import TracebackType
from typing import Any, Self
from weakref import WeakValueDictionary

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from paperlark.model.messages import Pace
from paperlark.model.problems import SourceError
from paperlark.model.sources import Manners

MAX_BYTES = 5 * 1024 * 1024
TIMEOUT = 20.0  # seconds
REDIRECTS = 3
CHUNK = 64 * 1024  # bytes taken from the stream at a time
LONGEST_WAIT = timedelta(days=1)  # that a Retry-After may ask for
SECONDS_APART = 1.0  # between two requests to one host
LANES = {"arxiv.org": 3.0}
"""Hosts that share one lane, subdomains included, and its seconds between requests. arXiv: one request every three
seconds and one connection over all its hosts (https://info.arxiv.org/help/api/tou.html)."""

Validators = tuple[str | None, str | None]
"""ETag and Last-Modified as they came, quotes and all; None where there was none. Never invented."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status 200 or 304 (or one that was asked for too), headers (any case), the body decompressed,
    the address after redirects, and when and where the far side wants to be asked again."""

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


@dataclass(slots=True)
class HostPace(Pace):
    """Pace within this process. Remembers at most `hosts` names; beyond that, those whose time is over are let go."""

    hosts: int = 1_000
    _used: dict[str, float] = field(default_factory=dict)

    async def wait(self, what: str, *, seconds_apart: float) -> None:
        """Return when `what` may be used again. Callers for one name are let through one after another."""
        now = asyncio.get_running_loop().time()
        start = max(now, self._used[what] + seconds_apart) if what in self._used else now
        if len(self._used) >= self.hosts:
            self._used = {name: used for name, used in self._used.items() if used + 60 > now}
        self._used[what] = start
        if start > now:
            await asyncio.sleep(start - now)


class Http:
    """One session for all sources. Use as `async with Http(…) as http:`, or `open()` and `close()`.

    contact: an address where the operator of this paperlark can be reached, for the User-Agent.
    seconds_apart: between two requests to one host, unless `lanes` says otherwise for its domain.
    allow_private: the operator's switch for private networks: lifts the rules on addresses and ports. Default off.
    """

    def __init__(
        self,
        contact: str,
        pace: Pace,
        *,
        seconds_apart: float = SECONDS_APART,
        lanes: Mapping[str, float] = LANES,
        allow_private: bool = False,
        ports: Collection[int] = (80, 443),
    ) -> None:
        self._agent = f"paperlark/{version('paperlark')} (+{contact})"
        self._pace = pace
        self._seconds_apart = seconds_apart
        self._lanes = dict(lanes)
        self._allow_private = allow_private
        self._ports = frozenset(ports)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the session. Once, before the first request."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(socket_factory=self._socket, limit=50, limit_per_host=1),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._agent},
            trust_env=False,
        )

    async def close(self) -> None:
        """Let go of the session and its connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

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
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - a budget over several waits, of which some do not count
    ) -> Answer:
        """The answer to a GET, after at most three redirects: a 200, or a 304 when validators were sent.

        asker: the kind of source that asks; errors open with it. also: other statuses whose answer is wanted, where a
        site puts its errors into a body (arXiv's 400). headers that authorise go to the first host only.
        Raises SourceError, in one plain line, for anything else: refused address, no connection, too slow, too large,
        a status that is an error (with `retry_after` where the far side named a wait, `gone` for 410).
        """
        at = _address(url, asker)
        sent = CIMultiDict(headers or {})
        if validators:
            names = ("If-None-Match", "If-Modified-Since")
            sent.update({name: value for name, value in zip(names, validators, strict=True) if value})
        left = timeout
        for _ in range(REDIRECTS + 1):
            self._check(at, asker)
            async with self._turn(at):
                began = asyncio.get_running_loop().time()
                answer = await self._once(at, asker, sent, also, max_bytes, left, timeout)
                left -= asyncio.get_running_loop().time() - began
            if isinstance(answer, Answer):
                return answer
            if answer.host != at.host or (at.scheme == "https" and answer.scheme != "https"):
                for name in ("Authorization", "Cookie", "Proxy-Authorization"):
                    sent.popall(name, None)
            at = answer
        raise _unwell(asker, at, f"more than {REDIRECTS} redirects")

    async def _once(
        self,
        at: URL,
        asker: str,
        headers: CIMultiDict[str],
        also: Collection[int],
        max_bytes: int,
        left: float,
        timeout: float,  # noqa: ASYNC109
    ) -> Answer | URL:
        """One request: its answer, or where it sends us."""
        if self._session is None:
            raise RuntimeError("Http is not open")
        try:
            async with (
                asyncio.timeout(max(left, 0)),
                self._session.get(at, headers=headers, allow_redirects=False, timeout=NO_TIMEOUT) as response,
            ):
                if response.status in (301, 302, 303, 307, 308):
                    return _target(at, response.headers, asker)
                if response.status not in (200, 304, *also):
                    raise _refusal(asker, at, response)
                body = b"" if response.status == 304 else await _bounded(response, max_bytes, asker, at)
                return Answer(response.status, response.headers, body, str(at))
        except TimeoutError:
            raise _unwell(asker, at, f"no whole answer within {timeout:g} s") from None
        except aiohttp.ClientConnectorError as error:
            raise _unwell(asker, at, _why_no_connection(error)) from None
        except aiohttp.ClientPayloadError:
            raise _unwell(asker, at, "the answer broke off before its end, or its compression is damaged") from None
        except (aiohttp.InvalidURL, ValueError):
            raise _unwell(asker, at, "not an address that can be asked") from None
        except aiohttp.ClientError as error:
            raise _unwell(asker, at, f"no answer ({type(error).__name__})") from None

    def _turn(self, at: URL) -> "_Turn":
        host = at.host or ""
        for domain, seconds in self._lanes.items():
            if host == domain or host.endswith(f".{domain}"):
                return _Turn(self._lock(domain), self._pace, domain, seconds)
        return _Turn(self._lock(host), self._pace, host, self._seconds_apart)

    def _lock(self, lane: str) -> asyncio.Lock:
        lock = self._turns.get(lane)
        if lock is None:
            self._turns[lane] = lock = asyncio.Lock()
        return lock

    def _check(self, at: URL, asker: str) -> None:
        if at.scheme not in ("http", "https"):
            raise _unwell(asker, at, "only http and https addresses are asked")
        if at.user is not None or at.password is not None:
            raise _unwell(asker, at, "an address with a user name in it is not asked")
        if not self._allow_private and at.port not in self._ports:
            raise _unwell(asker, at, f"port {at.port} is not asked")

    def _socket(self, found: tuple[Any, ...]) -> socket.socket:
        """Make the socket for one resolved address, unless it is not to be dialled."""
        family, kind, protocol, _, address = found
        if not self._allow_private and not is_public(address[0]):
            raise NotPublicError
        return socket.socket(family, kind, protocol)


NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10)  # `get` keeps the total


@dataclass(frozen=True, slots=True)
class _Turn:
    """A lane's turn: alone in it, and its pace kept."""

    lock: asyncio.Lock
    pace: Pace
    lane: str
    seconds: float

    async def __aenter__(self) -> None:
        await self.lock.acquire()
        try:
            await self.pace.wait(self.lane, seconds_apart=self.seconds)
        except BaseException:
            self.lock.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self.lock.release()


def _address(url: str, asker: str) -> URL:
    try:
        at = URL(url)
        if at.host:
            return at
    except ValueError:
        pass
    raise SourceError(_line(asker, f"{' '.join(url.split())[:80]!r} is no web address"))


def _target(at: URL, headers: Mapping[str, str], asker: str) -> URL:
    try:
        target = at.join(URL(headers["Location"]))
    except (KeyError, ValueError):
        target = URL()
    if not target.host:
        raise _unwell(asker, at, "a redirect to nowhere")
    return target


async def _bounded(response: aiohttp.ClientResponse, max_bytes: int, asker: str, at: URL) -> bytes:
    """The body, decompressed piece by piece, and given up as soon as it is too large."""
    body = bytearray()
    async for piece in response.content.iter_chunked(CHUNK):
        body += piece
        if len(body) > max_bytes:
            response.close()
            raise _unwell(asker, at, f"the answer is larger than {max_bytes / 1024**2:g} MiB")
    return bytes(body)


# ── errors, in one plain line ────────────────────────────────────────────────────────────────────────────────────


def _unwell(asker: str, at: URL, what: str) -> SourceError:
    return SourceError(_line(asker, f"{at.host}: {what}"))


def _line(asker: str, text: str) -> str:
    return f"{asker}: {text}" if asker else text


def _refusal(asker: str, at: URL, response: aiohttp.ClientResponse) -> SourceError:
    wait = retry_after(response.headers)
    named = f"{response.status} {response.reason or ''}".strip()
    asked = f", asks to wait {_spoken(wait)}" if wait is not None else ""
    error = _unwell(asker, at, named + asked)
    error.retry_after = wait
    error.gone = response.status == 410
    return error


def _spoken(wait: timedelta) -> str:
    seconds = int(wait.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"


def _why_no_connection(error: aiohttp.ClientConnectorError) -> str:
    """What a person can act on; never which inner address answered how."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no such host is known"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return "its certificate cannot be trusted"
    if NotPublicError.TEXT in str(error.os_error):
        return NotPublicError.TEXT
    return "no connection"


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The wait that an answer asks for: `Retry-After` in seconds or as a date (read against the answer's own `Date`,
    so that no clock need agree), else the time to reset of a used-up `RateLimit` (`"api";r=0;t=137`, as Hugging Face
    sends it). At most a day; None where nothing was asked or nothing can be read.
    """
    asked = headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return min(timedelta(seconds=int(asked[:9])), LONGEST_WAIT)
    until, said_at = _http_date(asked), _http_date(headers.get("Date", ""))
    if until and said_at:
        return min(max(until - said_at, timedelta()), LONGEST_WAIT)
    limit = re.search(r"\br=0\b.*?\bt=(\d{1,9})", headers.get("RateLimit", ""))
    return min(timedelta(seconds=int(limit[1])), LONGEST_WAIT) if limit else None


def _http_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


# ── which addresses are public ───────────────────────────────────────────────────────────────────────────────────

_V4_INSIDE = (  # networks whose addresses carry an IPv4 address, and how many bits stand behind it
    (IPv6Network("::ffff:0:0/96"), 0),  # mapped
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64, RFC 6052
    (IPv6Network("::/96"), 0),  # compatible, long deprecated
    (IPv6Network("2002::/16"), 80),  # 6to4, RFC 3056
)
_NOT_PUBLIC = tuple(map(ip_network, ("192.88.99.0/24", "fec0::/10", "64:ff9b:1::/48", "5f00::/16", "2001::/23")))


class NotPublicError(OSError):
    """An address that is not dialled; an OSError, because that is what the socket's maker may raise."""

    TEXT = "its address is not on the public internet"

    def __init__(self) -> None:
        super().__init__(self.TEXT)


def is_public(text: str) -> bool:
    """True for an address on the public internet. An IPv4 address inside an IPv6 one is judged by itself."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        for network, behind in _V4_INSIDE:
            if address in network:
                address = IPv4Address(int(address) >> behind & 0xFFFFFFFF)
                break
    if any(address.version == network.version and address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
