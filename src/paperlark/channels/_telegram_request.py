"""How python-telegram-bot asks the Bot API here: over aiohttp, through its own port for that (`BaseRequest`).

With its usual HTTPX a message costs about twice the processor's time, which counts where one process sends to many.
Requests are the same, byte for byte, but for the order of headers.
"""

from typing import Any
from urllib.parse import urlencode

import aiohttp
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData

from paperlark.http import PlatformSession, platform_session

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class AiohttpRequest(BaseRequest):
    """Requests over one session. Raises TimedOut and NetworkError, whose `__cause__` is aiohttp's own error:
    `never_sent` tells from it whether anything can have arrived."""

    def __init__(self, *, connections: int, timeout: float) -> None:
        """timeout: seconds for each of a free connection and connecting, writing, and waiting for the answer."""
        self._connections = connections
        self._timeout = timeout
        self._session: PlatformSession | None = None

    @property
    def read_timeout(self) -> float:
        """Seconds for the answer, unless a request says otherwise."""
        return self._timeout

    async def initialize(self) -> None:
        """Make ready to connect."""
        if self._session is None:
            self._session = platform_session(self._connections)

    async def shutdown(self) -> None:
        """Close the connections."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """One request; the answer's status and body. `pool_timeout` counts with `connect_timeout`."""
        if self._session is None:
            raise RuntimeError("the connections are closed")
        connect, write, read = map(self._or_usual, (connect_timeout, write_timeout, read_timeout))
        whole = None if connect is None or write is None or read is None else connect + write + read
        asked = self._session.request(
            method,
            url,
            timeout=aiohttp.ClientTimeout(total=whole, connect=connect, sock_connect=connect, sock_read=read),
            allow_redirects=False,
            **_body(request_data),
        )
        try:
            async with asked as answer:
                return answer.status, await answer.read()
        except TimeoutError as error:
            raise TimedOut from error
        except aiohttp.ClientError as error:
            raise NetworkError(f"{type(error).__name__}: {error}") from error

    def _or_usual(self, seconds: Any) -> float | None:
        return self._timeout if seconds is BaseRequest.DEFAULT_NONE else seconds


def never_sent(cause: BaseException | None) -> bool:
    """Did a request surely not reach the other side? cause: of the error that it ended with."""
    # RuntimeError: the connections were closed already.
    return isinstance(cause, aiohttp.ConnectionTimeoutError | aiohttp.ClientConnectorError | RuntimeError)


def _body(given: RequestData | None) -> dict[str, Any]:
    headers = {"User-Agent": BaseRequest.USER_AGENT}
    if given is None:
        return {"headers": headers}
    if not given.contains_files:
        return {"headers": headers | FORM, "data": urlencode(given.json_parameters).encode()}
    form = aiohttp.FormData(given.json_parameters)
    for name, (filename, content, kind) in given.multipart_data.items():
        form.add_field(name, content, filename=filename, content_type=kind)
    return {"headers": headers, "data": form}
