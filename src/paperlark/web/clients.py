"""Who asks, as far as the network can tell, and how often they may.

`X-Forwarded-For` is what each proxy adds to: only its last entry was written by the proxy that speaks to us, and only
where that one is trusted does it say anything (OWASP ASVS 5.0, 4.1.3 and 15.3.4).
"""

import math
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

from paperlark.store import pairing
from paperlark.web.keys import STORE
from paperlark.web.problems import Problem

Network = IPv4Network | IPv6Network

TRUSTED = web.AppKey[Sequence[Network]]("trusted")
WITHIN = timedelta(hours=1)
V6_PREFIX = 64  # bits: what one household or machine is given


def networks(written: str) -> tuple[Network, ...]:
    """Networks that are parted by commas. Raises ValueError."""
    return tuple(ip_network(each.strip()) for each in written.split(",") if each.strip())


def client_of(request: web.Request) -> str:
    """The address that asks; of IPv6 its network, because one client has as many addresses as it likes."""
    peer = _read(request.remote or "")
    if peer is not None and any(peer in network for network in request.app[TRUSTED]):
        forwarded = request.headers.getall("X-Forwarded-For", [])
        last = ",".join(forwarded).rpartition(",")[2].strip()
        peer = _read(last) or peer
    if isinstance(peer, IPv6Address):
        return str(IPv6Network((peer, V6_PREFIX), strict=False))
    return str(peer) if peer is not None else "nobody"


async def hold_back(request: web.Request, what: str, *, allowed: int) -> None:
    """Count a request of this client for `what`. Raises Problem (429) after more than `allowed` in an hour."""
    async with request.app[STORE].transaction() as tx:
        who = f"{what} of client {client_of(request)}"
        wait = await pairing.attempt(tx, who, await tx.now(), allowed=allowed, within=WITHIN)
    if wait is not None:
        minutes = math.ceil(wait / timedelta(minutes=1))
        raise Problem(
            429,
            f"too many requests from your network; try again in {minutes} {'minute' if minutes == 1 else 'minutes'}",
            kind="too-many-requests",
            headers={"Retry-After": str(math.ceil(wait.total_seconds()))},
        )


def _read(address: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(address.strip("[]"))
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
