"""A mail server on loopback: it keeps what it accepts, and fails as the recipient's local part says. RFC 5321.

Needs aiosmtpd, which paperlark itself does not: `pip install aiosmtpd`.

    rcpt-550@…         the recipient is refused, with that code; …-once: only the first time
    data-554@…         the message is refused, with that code; …-once likewise
    lost@…             the message is kept, then the connection breaks before the answer
    silent@…           the message is kept, and no answer comes
"""

import asyncio
import re
import ssl
import warnings
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

_SCRIPT = re.compile(r"(?P<stage>rcpt|data)-(?P<code>[245]\d\d)(?P<once>-once)?")
_WORDS = {"rcpt": "5.1.1 no such mailbox", "data": "5.6.0 message not wanted"}


@dataclass(frozen=True, slots=True)
class Mail:
    """One accepted message: its envelope and what came after DATA."""

    sender: str
    recipient: str
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """The message, parsed."""
        parsed = message_from_bytes(self.raw, policy=modern)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def part(self, kind: str) -> str:
        """The text of the `plain` or the `html` part."""
        found = self.message.get_body(preferencelist=(kind,))
        return str(found.get_content()) if found is not None else ""


@dataclass
class MailServer:
    """`async with MailServer() as server:` listens at 127.0.0.1, `server.port`, until the block ends.

    mails: what was accepted, in order. connections: how many were made. password: who does not log in with it is
    refused (530). tls: a context makes STARTTLS possible, and demanded. relay: False refuses every recipient, as a
    server does that relays for nobody.
    """

    port: int = 0
    password: str | None = None
    tls: ssl.SSLContext | None = None
    relay: bool = True
    mails: list[Mail] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._failed_once: set[str] = set()
        self._transports: set[asyncio.BaseTransport] = set()
        self._leaving = asyncio.Event()

    def received(self, recipient: str) -> list[Mail]:
        """What one mailbox received, in order."""
        return [mail for mail in self.mails if mail.recipient == recipient]

    def hang_up(self) -> None:
        """Close every connection, as a server does with idle ones."""
        for transport in self._transports:
            transport.close()
        self._transports.clear()

    async def __aenter__(self) -> Self:
        try:
            from aiosmtpd.smtp import SMTP
        except ImportError as error:
            raise RuntimeError("paperlark.testing.mail needs aiosmtpd: pip install aiosmtpd") from error
        loop = asyncio.get_running_loop()

        def connection() -> SMTP:
            self.connections += 1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a password without TLS is what some tests are about
                return SMTP(
                    _Script(self),
                    loop=loop,
                    hostname="mail.test",
                    tls_context=self.tls,
                    require_starttls=self.tls is not None,
                    authenticator=self._authenticate if self.password is not None else None,
                    auth_required=self.password is not None,
                    auth_require_tls=False,
                )

        self._server = await loop.create_server(connection, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        if self._server is not None:
            self._server.close()
            self.hang_up()
            await self._server.wait_closed()

    def _authenticate(
        self, server: "SMTP", session: "Session", envelope: "Envelope", mechanism: str, data: "LoginPassword"
    ) -> "AuthResult":
        from aiosmtpd.smtp import AuthResult

        # handled=False: without it aiosmtpd leaves a refused client waiting for an answer.
        return AuthResult(success=data.password == (self.password or "").encode(), handled=False)

    def _scripted(self, recipient: str, stage: str) -> str | None:
        """The refusal that a recipient's local part asks for at a stage, or None."""
        script = _SCRIPT.fullmatch(recipient.partition("@")[0])
        if script is None or script["stage"] != stage or (script["once"] and recipient in self._failed_once):
            return None
        self._failed_once.add(recipient)
        code = script["code"]
        return f"{code} {_WORDS[stage]}" if code.startswith("5") else f"{code} 4.2.0 not now, try again"


class _Script:
    """aiosmtpd's hooks, one object a connection."""

    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def handle_EHLO(  # noqa: N802
        self, server: "SMTP", session: "Session", envelope: "Envelope", hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        if server.transport is not None:
            self._server._transports.add(server.transport)
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: "SMTP", session: "Session", envelope: "Envelope", address: str, options: list[str]
    ) -> str:
        if not self._server.relay:
            return "554 5.7.1 relay access denied"
        refusal = self._server._scripted(address, "rcpt")
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: "SMTP", session: "Session", envelope: "Envelope") -> Any:  # noqa: N802
        recipient = str(envelope.rcpt_tos[0])
        refusal = self._server._scripted(recipient, "data")
        if refusal:
            return refusal
        content = envelope.original_content or b""
        self._server.mails.append(Mail(str(envelope.mail_from), recipient, content))
        local = recipient.partition("@")[0]
        if local == "lost" and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        if local == "silent":
            await self._server._leaving.wait()
        return "250 2.0.0 kept"
