"""Which addresses are asked: those of the web, on the public internet.

An address can be wrong as it is written (its scheme, its port, a user's name in it), and in what its name resolves to.
The first is seen by `check`, before anything is asked; the second by `dial`, where the socket is made, so that neither
a redirect, nor a number in place of a name, nor a name that resolves differently the second time gets behind it.
What is not public is what the registries of special-purpose addresses say (RFC 6890 and its successors).
"""

import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Self

from yarl import URL

PORTS = (80, 443)
NOT_PUBLIC = "its address is not on the public internet"

_GLOBAL_UNICAST = IPv6Network("2000::/3")  # all that has been given out; whatever lies outside is of some special kind
_SPECIAL = tuple(map(ip_network, ("192.88.99.0/24", "2001::/23", "3fff::/20")))  # global to Python, and yet no host's
_V4_INSIDE = (  # networks whose addresses carry an IPv4 address, and how many bits stand behind it
    (IPv6Network("::ffff:0:0/96"), 0),  # mapped, RFC 4291
    (IPv6Network("::ffff:0:0:0/96"), 0),  # translated, RFC 2765
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64, RFC 6052
    (IPv6Network("::/96"), 0),  # compatible, long deprecated
    (IPv6Network("2002::/16"), 80),  # 6to4, RFC 3056
)


class RefusedError(OSError):
    """An address that is not asked; `str()` says why. An OSError, because that is what a socket's maker may raise."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules, and what the operator lifted of them.

    ports: that are asked. private: networks that are dialled though they are not public. anything: no rule on ports
    and networks at all.
    """

    ports: frozenset[int] = frozenset(PORTS)
    private: tuple[IPv4Network | IPv6Network, ...] = ()
    anything: bool = False

    @classmethod
    def of(cls, ports: Collection[int] = PORTS, allow_private: bool | Collection[str] = False) -> Self:
        """The guard that lets all private networks in, or those that are named. Raises ValueError for no network."""
        named = () if isinstance(allow_private, bool) else tuple(map(ip_network, allow_private))
        return cls(frozenset(ports), named, allow_private is True)

    def check(self, at: URL) -> None:
        """Raises RefusedError for an address that is not asked, whatever its name resolves to."""
        if at.scheme not in ("http", "https"):
            raise RefusedError("only http and https addresses are asked")
        if at.user is not None or at.password is not None:
            raise RefusedError("an address with a user name in it is not asked")
        if not self.anything and at.port not in self.ports:
            raise RefusedError(f"port {at.port} is not asked")

    def dial(self, found: tuple[Any, ...]) -> socket.socket:
        """The socket for one resolved address (as `getaddrinfo` gives it). Raises RefusedError."""
        family, kind, protocol, _, address = found
        if not (self.anything or is_public(address[0]) or self._let_in(address[0])):
            raise RefusedError(NOT_PUBLIC)
        return socket.socket(family, kind, protocol)

    def _let_in(self, text: str) -> bool:
        address = _judged(text)
        return address is not None and any(address in network for network in self.private)


def is_public(text: str) -> bool:
    """True for an address on the public internet. An IPv4 address inside an IPv6 one is judged by itself."""
    address = _judged(text)
    if address is None or any(address in network for network in _SPECIAL):
        return False
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _judged(text: str) -> IPv4Address | IPv6Address | None:
    """The address that counts: the one inside, where there is one. None where the text is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        for network, behind in _V4_INSIDE:
            if address in network:
                return IPv4Address(int(address) >> behind & 0xFFFFFFFF)
    return address
