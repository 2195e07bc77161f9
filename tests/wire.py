"""A server that writes what it is told, byte for byte: what no HTTP library would send."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

OK = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def wire(
    pieces: bytes | Iterable[bytes],
    *,
    pause: float = 0.0,
    hold: bool = False,
    asked: list[bytes] | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[str]:
    """Answer every request with these pieces, `pause` seconds before each, and then hang up, or hold the line.

    Gives the address; `asked` takes the requests as they came.
    """
    script = [pieces] if isinstance(pieces, bytes) else pieces
    closing = asyncio.Event()
    answering: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            if asked is not None:
                asked.append(request)
            for piece in script:
                await asyncio.sleep(pause)
                if closing.is_set():
                    break
                writer.write(piece)
                await writer.drain()
            if hold:
                await closing.wait()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # they had enough
        finally:
            writer.close()

    server = await asyncio.start_server(answer, host, port)
    try:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        closing.set()
        server.close()
        await asyncio.gather(*filter(None, answering))
