"""A resolver that knows the names it was told, so that a site on loopback can play any host, or several.

names = Names({"rss.arxiv.org": "127.0.0.1", "turncoat.example": ["192.0.2.1", "127.0.0.1"]})
async with Http(contact, HostPace(), resolver=names, allow_private=True) as http: …
"""

import asyncio
import socket
from collections.abc import Mapping

from aiohttp.abc import AbstractResolver, ResolveResult


class Names(AbstractResolver):
    """Answers each name with its address; of a list, with one after another, and then with the last again and again.

    asked: the names as they were asked for. An unknown name is not found, as with the system's resolver.
    """

    def __init__(self, known: Mapping[str, str | list[str]]) -> None:
        self.asked: list[str] = []
        self._known = {name: [told] if isinstance(told, str) else list(told) for name, told in known.items()}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The address of a name. Raises OSError for one that is not known."""
        await asyncio.sleep(0)
        self.asked.append(host)
        told = self._known.get(host)
        if not told:
            raise OSError(f"{host}: not known")
        address = told.pop(0) if len(told) > 1 else told[0]
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
        ]

    async def close(self) -> None:
        """Nothing to let go of."""
