"""E-mail: a digest as one message with a text and an HTML part, handed to one submission server.

`_mail` holds the words and the wire shape, `_dkim` the signature, `bounces` reads what comes back; here are the
channel, its SMTP (RFC 5321), and what each of the server's answers means. RFC 5322 (message), RFC 2369 and RFC 8058
(List-Unsubscribe, one-click), RFC 2919 (List-Id), RFC 3834 (Auto-Submitted).
Sizes are bytes of the whole message as transmitted: above about 102 kB large mailbox providers fold a message away.
"""

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from aiosmtplib import (
    SMTP,
    SMTPConnectError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from paperlark.channels import _mail, letters, text
from paperlark.channels._dkim import Signature
from paperlark.model.messages import Digest, Limits, Payload, Question, Receipt
from paperlark.model.problems import DeliveryError, ReaderError

TIMEOUT = 20.0  # seconds for connecting and for each answer
ADDRESSING = 2  # times that for everything before the message: connecting, logging in, the envelope
SCANNING = 3  # times that for the answer to a whole message, which servers read and judge first
RESETTING = 0.25  # times that for clearing up after a refusal
BYTES = 100_000
ABSTRACT = 4000  # code points of a single paper's abstract
EXCERPTS = (600, 320, 160, 0)  # code points of an abstract in a digest: the first that fits
MANY = 100  # papers, above which no excerpts are tried
LOCAL_LENGTH = 64  # octets of a local part (RFC 5321 §4.5.3.1.1)
BOUNCE_LENGTH = 42  # characters of the word that a returned message bears

LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
MAILBOX = re.compile(rf"(?P<local>{LOCAL})@(?P<domain>{LABEL}(?:\.{LABEL})+)")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Options:
    """The submission server and who writes.

    tls: "starttls" (port 587), "tls" from the first byte (port 465), or "none" (port 25, no password but on loopback).
    sender: `papers@example.org` or `Paperlark <papers@example.org>`. public_url: this paperlark's own address, whose
    host names the list and the messages; the sender's domain does where there is none. ca_file: certificates to trust
    in place of the system's. timeout: seconds for connecting and for each answer.

    bounces: the mailbox that returned messages come to; each mail's envelope names it with a word of its destination,
    `bounces+WORD@example.org`, so its server must deliver what stands behind a plus to it (RFC 5233).
    dkim_key, dkim_selector, dkim_domain: sign each mail (RFC 6376); the domain is the sender's where none is given.
    """

    host: str
    sender: str
    port: int | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    public_url: str | None = None
    ca_file: str | None = None
    timeout: float = TIMEOUT
    bounces: str | None = None
    dkim_key: str | None = field(default=None, repr=False)
    dkim_selector: str | None = None
    dkim_domain: str | None = None


class Email:
    """One submission server; one connection, used again while it lives. Addresses are mailboxes."""

    kind: ClassVar[str] = "email"
    limits: ClassVar[Limits] = Limits(
        text_units=BYTES, parts=1, at_once=1, seconds=(ADDRESSING + SCANNING + RESETTING) * TIMEOUT
    )

    def __init__(self, options: Options) -> None:
        _check(options)
        name, mailbox = parseaddr(options.sender)
        self._options = options
        self._mailbox = mailbox_spelling(mailbox)
        self._sender = (name, self._mailbox)
        own_host = urlsplit(options.public_url).hostname if options.public_url else None
        self._domain = own_host or self._mailbox.partition("@")[2]
        self._bounces = mailbox_spelling(options.bounces) if options.bounces else None
        self._signature = _signature(options, self._mailbox.partition("@")[2])
        self._turn = asyncio.Lock()  # a connection holds one conversation at a time
        self._client: SMTP | None = None

    # --- The pure half

    def check_address(self, address: str) -> str:
        """A mailbox, its domain in lower case and ASCII (IDNA). No display name, no list, no quoted local part."""
        return mailbox_spelling(address)

    def is_group(self, address: str) -> bool:
        """A mailbox is one reader's as far as anybody can tell."""
        return False

    def render(self, digest: Digest) -> list[Payload]:
        """The digest as one mail: {"subject", "text", "html", "date", "unsubscribe", "bounce"}, dated when it was
        sealed.

        Excerpts shrink, and then papers go into "and N more", until the whole message is under 100,000 bytes.
        """
        papers = len(digest.papers)
        for length in (ABSTRACT, *EXCERPTS) if papers == 1 else EXCERPTS if papers <= MANY else (0,):
            size = self._size(digest, length, papers)
            if size <= BYTES:
                break
        while size > BYTES:
            papers = min(papers - 1, papers * BYTES // size)
            size = self._size(digest, length, papers)
        payload = _mail.of_digest(digest, length, papers)
        return [self.again(payload) if digest.repeat else payload]

    def ask(self, question: Question) -> Payload:
        """The question whether papers are wanted at a mailbox, as one mail."""
        return _mail.of_question(question)

    def again(self, payload: Payload) -> Payload:
        """The mail with a line above both its parts that says so; once. Its Message-ID stays, being the key's."""
        return _mail.again(payload)

    def _size(self, digest: Digest, length: int, papers: int) -> int:
        """Bytes of the mail when it is sent again, the longer form."""
        return len(self.assemble("", self.again(_mail.of_digest(digest, length, papers)), ""))

    def assemble(self, address: str, payload: Payload, key: str) -> bytes:
        """The message as it is transmitted, but for its signature: pure ASCII, the same bytes for the same payload,
        address and key."""
        return _mail.assembled(self._sender, address, payload, key, self._domain)

    def return_path(self, payload: Payload) -> str:
        """The envelope's sender: where the message comes back to when it cannot be delivered."""
        word = payload.content.get("bounce", "")
        if self._bounces is None or not word:
            return self._mailbox
        local, _, domain = self._bounces.partition("@")
        return f"{local}+{word}@{domain}"

    # --- The half that talks

    async def open(self) -> None:
        """Nothing yet: the first mail connects, so that an outage does not hold up the start."""

    async def close(self) -> None:
        """Take leave of the server."""
        async with self._turn:
            client, self._client = self._client, None
            if client is not None and client.is_connected:
                with suppress(SMTPException, OSError):
                    await client.quit(timeout=self._options.timeout)
                client.close()

    async def send(self, address: str, payload: Payload, key: str) -> Receipt:
        """Send the mail; the receipt holds its Message-ID, which is the same for the same key."""
        try:
            mailbox = self.check_address(address)
        except ReaderError as error:
            raise DeliveryError(f"email: {error}", permanent=True) from error
        content = self.assemble(mailbox, payload, key)
        if self._signature is not None:
            content = await asyncio.to_thread(self._signature.signed, content)
        return_path = self.return_path(payload)
        async with self._turn:
            content_sent = False
            try:
                client = await self._addressed_in_time(return_path, mailbox)
                content_sent = True
                async with asyncio.timeout(SCANNING * self._options.timeout):
                    await client.data(content, timeout=SCANNING * self._options.timeout)
            except SMTPResponseException as error:
                await self._reset()
                raise sorted_error(error, content_sent=content_sent) from error
            except (SMTPException, OSError) as error:
                self._drop()
                raise sorted_error(error, content_sent=content_sent) from error
            except asyncio.CancelledError:
                self._drop()  # in the middle of a conversation that nobody can continue
                raise
        return Receipt(message_id=_mail.message_id(key, self._domain))

    async def _addressed_in_time(self, return_path: str, mailbox: str) -> SMTP:
        """The same as `_addressed`, as a whole within a limit: each answer has one of its own, and they add up. Nothing
        was handed over then."""
        try:
            async with asyncio.timeout(ADDRESSING * self._options.timeout) as limit:
                return await self._addressed(return_path, mailbox)
        except TimeoutError as silence:
            if not limit.expired():
                raise
            if self._client is None:
                raise SMTPConnectError("it takes too long to connect and log in") from silence
            raise SMTPTimeoutError("it takes too long to accept the envelope") from silence

    async def _addressed(self, return_path: str, mailbox: str) -> SMTP:
        """A connection on which the envelope is accepted; a used one that went stale is replaced once."""
        used = self._client is not None and self._client.is_connected
        client = await self._connected()
        try:
            await self._envelope(client, return_path, mailbox)
        except (SMTPServerDisconnected, SMTPSenderRefused) as error:
            if not used or (isinstance(error, SMTPSenderRefused) and error.code != 421):
                raise
            self._drop()
            client = await self._connected()
            await self._envelope(client, return_path, mailbox)
        return client

    async def _envelope(self, client: SMTP, return_path: str, mailbox: str) -> None:
        await client.mail(return_path)
        await client.rcpt(mailbox)

    async def _connected(self) -> SMTP:
        if self._client is None or not self._client.is_connected:
            options = self._options
            client = SMTP(
                hostname=options.host,
                port=options.port,
                username=options.username,
                password=options.password,
                local_hostname=self._domain,  # else the system's name is looked up, without a time limit
                timeout=options.timeout,
                use_tls=options.tls == "tls",
                start_tls=options.tls == "starttls",
                cert_bundle=options.ca_file,
            )
            await client.connect()
            self._client = client
        return self._client

    async def _reset(self) -> None:
        """Clear the envelope of a message that was refused, or give the connection up."""
        if self._client is not None:
            try:
                await self._client.rset(timeout=RESETTING * self._options.timeout)
            except (SMTPException, OSError):
                self._drop()

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


# --- Errors -----------------------------------------------------------------------------------------------------

CREDENTIALS = (530, 534, 535, 538)
POLICY = re.compile(r"5\.7\.\d")  # RFC 3463: security or policy, as "relay access denied"


def sorted_error(error: SMTPException | OSError, *, content_sent: bool) -> DeliveryError:
    """What an error of aiosmtplib means for the delivery. Pure. content_sent: the message may have been transmitted."""
    said = f"email: {_said(error)}"
    tls = error if isinstance(error, ssl.SSLError) else error.__cause__
    if isinstance(tls, ssl.SSLError) and not isinstance(tls, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return DeliveryError(said, channel=True)
    if isinstance(error, SMTPResponseException):
        if 400 <= error.code < 500:
            return DeliveryError(said)
        if not 500 <= error.code < 600:
            return DeliveryError(said, ambiguous=content_sent)
        if error.code in CREDENTIALS:
            return DeliveryError(said, channel=True)
        if isinstance(error, SMTPRecipientRefused):
            # A server that will not relay says so of every reader: none of them may be given up for it.
            policy = POLICY.match(error.message) is not None
            return DeliveryError(said, permanent=not policy, refused=policy)
        return DeliveryError(said, refused=content_sent, channel=not content_sent)
    if isinstance(error, SMTPConnectError | SMTPServerDisconnected | SMTPTimeoutError | OSError):
        return DeliveryError(said, ambiguous=content_sent, unreachable=isinstance(error, SMTPConnectError))
    return DeliveryError(said, channel=True)  # no STARTTLS, no AUTH: the server is not what the options say


def _said(error: SMTPException | OSError) -> str:
    said = f"{error.code} {error.message}" if isinstance(error, SMTPResponseException) else str(error)
    return letters.cut(letters.one_line(said), 300) or (
        "no answer" if isinstance(error, TimeoutError) else type(error).__name__
    )


# --- Addresses and options --------------------------------------------------------------------------------------


def mailbox_spelling(address: str) -> str:
    """A mailbox in its one spelling: `local@domain`, the domain in lower case and IDNA. Raises ReaderError."""
    local, at, domain = address.strip().rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        ascii_domain = ""
    found = MAILBOX.fullmatch(f"{local}@{ascii_domain}") if at else None
    if not found or len(found["local"]) > 64 or len(found[0]) > 254:
        raise ReaderError("not a mail address: give one mailbox, like name@example.org, without a display name")
    return found[0]


def _check(options: Options) -> None:
    """Raises ReaderError, naming the option and never its value."""
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", options.host):
        raise ReaderError("email: host: not a host's name")
    if options.port is not None and not 0 < options.port < 65536:
        raise ReaderError("email: port: a number from 1 to 65535")
    if options.tls not in ("starttls", "tls", "none"):
        raise ReaderError("email: tls: one of starttls, tls, none")
    if (options.username is None) != (options.password is None):
        raise ReaderError("email: username and password: give both or neither")
    if options.password is not None and options.tls == "none" and options.host not in LOOPBACK:
        raise ReaderError("email: tls: a password is not sent over an unprotected connection; use starttls or tls")
    if letters.one_line(options.sender) != options.sender:
        raise ReaderError("email: sender: line breaks and hidden characters are not allowed")
    try:
        mailbox_spelling(parseaddr(options.sender)[1])
    except ReaderError as error:
        raise ReaderError("email: sender: not papers@example.org or Name <papers@example.org>") from error
    if options.public_url is not None and text.own_page(options.public_url) is None:
        raise ReaderError("email: public_url: not an http(s) address")
    if options.bounces is not None:
        _check_bounces(options.bounces)
    if not 0 < options.timeout <= 600:
        raise ReaderError("email: timeout: seconds, above 0 and up to 600")


def _check_bounces(bounces: str) -> None:
    try:
        local = mailbox_spelling(bounces).partition("@")[0]
    except ReaderError as error:
        raise ReaderError("email: bounces: not a mailbox like bounces@example.org") from error
    if "+" in local or len(local) + len("+") + BOUNCE_LENGTH > LOCAL_LENGTH:
        longest = LOCAL_LENGTH - BOUNCE_LENGTH - len("+")
        raise ReaderError(f"email: bounces: what stands before the @ has at most {longest} letters, and no plus")


def _signature(options: Options, sender_domain: str) -> Signature | None:
    """Who signs; None where nobody does. Raises ReaderError, naming the option and never its value."""
    if options.dkim_key is None:
        return None
    selector, domain = options.dkim_selector, (options.dkim_domain or sender_domain).lower()
    if selector is None or not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", selector):
        raise ReaderError("email: dkim_selector: the name of the key's DNS record, like lark1")
    if not re.fullmatch(rf"{LABEL}(?:\.{LABEL})+", domain):
        raise ReaderError("email: dkim_domain: not a domain")
    try:
        return Signature(options.dkim_key, selector, domain)
    except ValueError as error:
        raise ReaderError(f"email: dkim_key: {error}") from error
