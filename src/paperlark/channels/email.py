"""E-mail: a digest as one message with a text and an HTML part, handed to one submission server.

RFC 5322 (message), RFC 2369 and RFC 8058 (List-Unsubscribe, one-click), RFC 2919 (List-Id), RFC 3834 (Auto-Submitted),
RFC 5321 (SMTP). The Message-ID comes from the idempotency key: whatever is sent twice can be seen to be the same.
Sizes are bytes of the whole message as transmitted: above about 102 kB large mailbox providers fold a message away.
"""

import asyncio
import hashlib
import html
import re
import ssl
import textwrap
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from typing import Any, ClassVar, Literal
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

from paperlark.channels import text
from paperlark.channels.text import Run, Shown
from paperlark.model.messages import Digest, Limits, Payload, Receipt
from paperlark.model.problems import DeliveryError, ReaderError

TIMEOUT = 20.0  # seconds for connecting and for each answer
SCANNING = 3  # times that for the answer to a whole message, which servers read and judge first
BYTES = 100_000
ABSTRACT = 4000  # code points of a single paper's abstract
EXCERPTS = (600, 320, 160, 0)  # code points of an abstract in a digest: the first that fits
MANY = 100  # papers, above which no excerpts are tried
SUBJECT = 150

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


class Email:
    """One submission server; one connection, used again while it lives. Addresses are mailboxes."""

    kind: ClassVar[str] = "email"
    limits: ClassVar[Limits] = Limits(text_units=BYTES, parts=1)

    def __init__(self, options: Options) -> None:
        _check(options)
        name, mailbox = parseaddr(options.sender)
        self._options = options
        self._mailbox = mailbox_spelling(mailbox)
        self._sender = Address(display_name=name, addr_spec=self._mailbox)
        own_host = urlsplit(options.public_url).hostname if options.public_url else None
        self._domain = own_host or self._mailbox.partition("@")[2]
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
        """The digest as one mail: {"subject", "text", "html", "date", "unsubscribe"}, dated when it was sealed.

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
        payload = _payload(digest, length, papers)
        return [self.again(payload) if digest.repeat else payload]

    def again(self, payload: Payload) -> Payload:
        """The mail with a line above both its parts that says so; once. Its Message-ID stays, being the key's."""
        said = payload.content
        if said["text"].startswith(AGAIN_TEXT):
            return payload
        marked = said["html"].replace(TOP, TOP + AGAIN_HTML, 1)
        return Payload({**said, "text": AGAIN_TEXT + said["text"], "html": marked})

    def _size(self, digest: Digest, length: int, papers: int) -> int:
        """Bytes of the mail when it is sent again, the longer form."""
        return len(self.assemble("", self.again(_payload(digest, length, papers)), ""))

    def assemble(self, address: str, payload: Payload, key: str) -> bytes:
        """The message as it is transmitted: pure ASCII, the same bytes for the same payload, address and key."""
        said = payload.content
        message = EmailMessage(policy=WIRE)
        message["From"] = self._sender
        message["To"] = Address(addr_spec=address) if address else ""
        message["Subject"] = said["subject"]
        if said["date"]:  # without a date the submission server adds one (RFC 6409 §8.2)
            message["Date"] = format_datetime(datetime.fromisoformat(said["date"]))
        message["Message-ID"] = self._message_id(key)
        message["List-Id"] = f"Paperlark <paperlark.{self._domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["Precedence"] = "list"
        if said["unsubscribe"]:
            message["List-Unsubscribe"] = f"<{said['unsubscribe']}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(said["text"])
        message.add_alternative(said["html"], subtype="html")
        message.set_boundary(f"=_{_stamp(key)}")
        return message.as_bytes()

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
        async with self._turn:
            content_sent = False
            try:
                client = await self._addressed(mailbox)
                content_sent = True
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
        return Receipt(message_id=self._message_id(key))

    def _message_id(self, key: str) -> str:
        return f"<{_stamp(key)}@{self._domain}>"

    async def _addressed(self, mailbox: str) -> SMTP:
        """A connection on which the envelope is accepted; a used one that went stale is replaced once."""
        used = self._client is not None and self._client.is_connected
        client = await self._connected()
        try:
            await self._envelope(client, mailbox)
        except (SMTPServerDisconnected, SMTPSenderRefused) as error:
            if not used or (isinstance(error, SMTPSenderRefused) and error.code != 421):
                raise
            self._drop()
            client = await self._connected()
            await self._envelope(client, mailbox)
        return client

    async def _envelope(self, client: SMTP, mailbox: str) -> None:
        await client.mail(self._mailbox)
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
                await self._client.rset(timeout=self._options.timeout)
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
        return DeliveryError(said, ambiguous=content_sent)
    return DeliveryError(said, channel=True)  # no STARTTLS, no AUTH: the server is not what the options say


def _said(error: SMTPException | OSError) -> str:
    said = f"{error.code} {error.message}" if isinstance(error, SMTPResponseException) else str(error)
    return text.cut(text.one_line(said), 300) or type(error).__name__


# --- The message ------------------------------------------------------------------------------------------------


class _Wire(EmailPolicy):
    """SMTP's policy, seven bits wide, that leaves addresses in headers whole: the standard library would cut a long
    List-Unsubscribe into encoded words, which no mail program reads as an address."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name in ("List-Unsubscribe", "List-Id"):
            return f"{name}: {value}\r\n".encode("ascii")
        return super().fold_binary(name, value)


WIRE = _Wire(linesep="\r\n", cte_type="7bit")

FAREWELL = "From paperlark, for a profile of yours."

DIM = "color:#6b7280;font-size:14px"
LINE = "margin:0 0 4px"
STYLE = (
    ":root{color-scheme:light dark;supported-color-schemes:light dark}"
    "mark{background:#fde68a;color:#1f2937}"
    "@media(prefers-color-scheme:dark){a{color:#8ab4f8!important}.d{color:#9aa0a6!important}}"
)
TOP = '<div style="max-width:640px;margin:0 auto;overflow-wrap:anywhere">'
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<title>{title}</title><style>{style}</style></head>
<body style="margin:0;padding:20px 16px;font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif">
<div style="display:none;max-height:0;overflow:hidden">{preheader}</div>
{top}
{body}
</div></body></html>
"""


def _payload(digest: Digest, length: int, papers: int) -> Payload:
    """The mail of the first `papers` papers, with at most `length` code points of each abstract."""
    shown = [text.show(paper, digest.day, abstract=length) for paper in digest.papers[:papers]]
    more = digest.more + len(digest.papers) - papers
    return Payload(
        {
            "subject": _subject(digest, shown),
            "text": _text(digest, shown, more),
            "html": _html(digest, shown, more),
            "date": digest.sealed_at.isoformat() if digest.sealed_at else None,
            "unsubscribe": text.https(digest.unsubscribe_url),
        }
    )


def _subject(digest: Digest, shown: Sequence[Shown]) -> str:
    """A single paper's title, else the digest's with the day and the number of papers."""
    if len(digest.papers) == 1 and not digest.more and shown:
        return text.cut(text.plain(shown[0].title), SUBJECT)
    said = ", ".join(filter(None, (text.how_many(digest), text.whole_day(digest.day))))
    return text.cut(f"{text.heading(digest)}: {said}", SUBJECT)


def _text(digest: Digest, shown: Sequence[Shown], more: int) -> str:
    lines = [text.heading(digest), text.dateline(digest)]
    if not digest.papers:
        lines += ["", *_wrapped(text.empty_note(digest))]
    for number, paper in enumerate(shown, start=1):
        lines += ["", "", *_wrapped(f"{number}. {text.plain(paper.title)}")]
        lines += [line for line in (paper.byline, paper.facts) if line]
        lines += [address for address in (paper.link, paper.code and f"code: {paper.code}") if address]
        lines += _wrapped(text.plain(paper.why))
        lines += ["", *_wrapped(text.plain(paper.excerpt))] if paper.excerpt else []
    if more:
        lines += ["", "", text.remainder(more)]
    lines += ["", "-- ", FAREWELL, *_wrapped(text.health(digest))]
    lines += [f"{what}: {address}" for what, address in _ways(digest)]
    return "\n".join(lines) + "\n"


def _html(digest: Digest, shown: Sequence[Shown], more: int) -> str:
    body = [
        _paragraph(escaped(text.heading(digest)), "margin:0;font-size:20px;font-weight:600"),
        _paragraph(escaped(text.dateline(digest)), f"margin:0 0 24px;{DIM}", dim=True),
    ]
    if not digest.papers:
        body.append(_paragraph(escaped(text.empty_note(digest)), "margin:0 0 24px"))
    body += [_article(paper) for paper in shown]
    if more:
        body.append(_paragraph(escaped(text.remainder(more)), "margin:0 0 24px"))
    ways = "".join(f" · {_anchor(address, what, DIM)}" for what, address in _ways(digest))
    body.append(_paragraph(escaped(FAREWELL) + ways, f"margin:32px 0 0;{DIM}", dim=True))
    if digest.health:
        body.append(_paragraph(escaped(text.health(digest)), f"margin:4px 0 0;{DIM}", dim=True))
    preheader = "; ".join(text.plain(paper.title) for paper in shown[:3]) or text.empty_note(digest)
    return PAGE.format(
        title=escaped(_subject(digest, shown)),
        style=STYLE,
        preheader=escaped(text.cut(preheader, SUBJECT)),
        top=TOP,
        body="\n".join(body),
    )


def _article(shown: Shown) -> str:
    """One paper. `dir=auto` lets a right-to-left title stand on its own side."""
    title = _anchor(shown.link, _marked(shown.title, "mark"), "text-decoration:none;color:#2f6fd0")
    facts = escaped(shown.facts) + (f" · {_anchor(shown.code, 'code', DIM)}" if shown.code else "")
    lines = [_paragraph(title, "margin:0 0 4px;font-size:18px;line-height:1.35;font-weight:600")]
    lines += [_paragraph(escaped(shown.byline), LINE)] if shown.byline else []
    lines.append(_paragraph(facts, f"{LINE};{DIM}", dim=True))
    lines += [_paragraph(_marked(shown.why, "b"), LINE)] if shown.why else []
    lines += [_paragraph(_marked(shown.excerpt, "mark"), "margin:8px 0 0")] if shown.excerpt else []
    return f'<div style="margin:0 0 28px">{"".join(lines)}</div>'


def _ways(digest: Digest) -> list[tuple[str, str]]:
    """Where to go from here: what, and the address."""
    ways = (("read on the web", text.own_page(digest.page_url)), ("unsubscribe", text.own_page(digest.unsubscribe_url)))
    return [(what, address) for what, address in ways if address]


def escaped(words: str) -> str:
    """Text as HTML, in an element or a quoted attribute: the one place that escapes."""
    return html.escape(words)


def _marked(runs: Iterable[Run], element: str) -> str:
    return "".join(f"<{element}>{escaped(r.text)}</{element}>" if r.marked else escaped(r.text) for r in runs)


def _anchor(address: str | None, inside: str, style: str) -> str:
    """`inside` (HTML already) as a link, or as it is where there is nowhere to go."""
    return f'<a href="{escaped(address)}" style="{style}">{inside}</a>' if address else inside


def _paragraph(inside: str, style: str, *, dim: bool = False) -> str:
    return f'<p dir="auto" style="{style}"{" class=d" if dim else ""}>{inside}</p>'


AGAIN_TEXT = f"({text.REPEATED})\n\n"
AGAIN_HTML = _paragraph(f"<em>{escaped(text.REPEATED)}</em>", "margin:0 0 24px")


def _wrapped(words: str) -> list[str]:
    return textwrap.wrap(words, width=76, break_long_words=False, break_on_hyphens=False)


def _stamp(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:40]


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
    if text.one_line(options.sender) != options.sender:
        raise ReaderError("email: sender: line breaks and hidden characters are not allowed")
    try:
        mailbox_spelling(parseaddr(options.sender)[1])
    except ReaderError as error:
        raise ReaderError("email: sender: not papers@example.org or Name <papers@example.org>") from error
    if options.public_url is not None and text.own_page(options.public_url) is None:
        raise ReaderError("email: public_url: not an http(s) address")
    if not 0 < options.timeout <= 600:
        raise ReaderError("email: timeout: seconds, above 0 and up to 600")
