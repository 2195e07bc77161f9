"""Telling systemd that a process is ready, that it is alive, and that it leaves (sd_notify(3)).

Alive is who can do its work: the watchdog is fed by the event loop itself, and only where the database answered just
now. Whoever hangs, or is cut off, is started again by systemd.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from paperlark.model.problems import StoreError

log = structlog.get_logger()

FEEDINGS = 4  # in the time that systemd bears silence

Answers = Callable[[], Awaitable[object]]
"""Returns when the database answers; raises StoreError where it cannot be used."""


class Notice:
    """The socket on which systemd hears us. Made with its name, as `NOTIFY_SOCKET` has it."""

    def __init__(self, name: str) -> None:
        self._address = f"\0{name[1:]}" if name.startswith("@") else name  # @: in the abstract namespace

    def tell(self, *states: str) -> None:
        """Say `READY=1` and the like. A supervisor that does not listen is none of our trouble."""
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaking:
            speaking.setblocking(False)
            speaking.sendto("\n".join(states).encode(), self._address)


@asynccontextmanager
async def watched(notice: Notice | None, seconds: float | None, answers: Answers) -> AsyncIterator[Callable[[], None]]:
    """Within, the watchdog is fed. Yields what is called once the process is ready; at the end it is told to stop.

    seconds: how long systemd bears silence; None where it does not mind.
    """
    if notice is None:
        yield lambda: None
        return
    feeding = asyncio.create_task(_feed(notice, seconds / FEEDINGS, answers)) if seconds else None
    try:
        yield lambda: notice.tell("READY=1")
    finally:
        notice.tell("STOPPING=1")
        if feeding is not None:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)


async def _feed(notice: Notice, every: float, answers: Answers) -> None:
    while True:
        try:
            async with asyncio.timeout(every):
                await answers()
            notice.tell("WATCHDOG=1")
        except TimeoutError:
            log.warning("the watchdog was not fed", reason="the database does not answer")
        except StoreError as error:
            log.warning("the watchdog was not fed", reason=str(error))
        await asyncio.sleep(every)
