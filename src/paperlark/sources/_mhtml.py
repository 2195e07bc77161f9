"""A web page saved as one file (`.mhtml`, `.mht`): its web pages, decoded. Pure.

The file is a MIME message (RFC 2557): headers, then the page and all that it shows as parts, each in its own encoding.
Only the parts that are HTML are decoded; pictures stay as they are. Read in one pass over the bytes, so that no nesting
and no number of parts makes it slow: browsers write one level, and deeper ones are left alone.
"""

import binascii
import quopri
import re
from collections.abc import Iterator
from datetime import date
from email.errors import MessageError
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32

from paperlark.sources._reading import moment

HEAD_LIMIT = 64 * 1024  # bytes of a part's headers
PARTS = 5_000  # of one file
NAMES = re.compile(rb"\s*(?:[A-Za-z][A-Za-z0-9-]{0,60}:[^\n]{0,2000}\n(?:[ \t][^\n]{0,2000}\n)*){1,60}\r?\n")
MULTIPART = re.compile(rb"^Content-Type:\s*multipart/related\b", re.IGNORECASE | re.MULTILINE)
PAGE = re.compile(rb"^Content-Type:\s*text/html\b", re.IGNORECASE | re.MULTILINE)
VERSION = re.compile(rb"^MIME-Version:", re.IGNORECASE | re.MULTILINE)


def is_mhtml(head: bytes) -> bool:
    """True for bytes that begin as a saved page does: MIME headers, of related parts or of one page."""
    found = NAMES.match(head)
    if found is None:
        return False
    headers = found[0]
    return VERSION.search(headers) is not None and bool(MULTIPART.search(headers) or PAGE.search(headers))


def saved_on(body: bytes) -> date | None:
    """The day (UTC) on which the browser saved it, if it says so."""
    said = moment(str(_headers(body)[0]["Date"]))
    return said.date() if said else None


def pages(body: bytes) -> Iterator[bytes]:
    """The web pages in it, in UTF-8, the one that was saved first. A part that cannot be decoded is passed over."""
    headers, content = _headers(body)
    if headers.get_content_maintype() != "multipart":
        yield from _page(headers, content)
        return
    boundary = headers.get_boundary()
    if not boundary:
        return
    separator = b"--" + boundary.encode("ascii", "replace")
    for part in (b"\n" + content).split(b"\n" + separator, PARTS)[1:]:
        if part.startswith(b"--"):
            return
        yield from _page(*_headers(part.partition(b"\n")[2]))


def _headers(part: bytes) -> tuple[Message, bytes]:
    """A part's headers, and what comes after the blank line."""
    blank = re.search(rb"\r?\n\r?\n", part[:HEAD_LIMIT])
    end = blank.end() if blank else 0
    try:
        return BytesHeaderParser(policy=compat32).parsebytes(part[:end]), part[end:]
    except (MessageError, ValueError):
        return Message(), part[end:]


def _page(headers: Message, content: bytes) -> Iterator[bytes]:
    if headers.get_content_type() not in ("text/html", "application/xhtml+xml"):
        return
    try:
        match str(headers.get("Content-Transfer-Encoding", "")).strip().lower():
            case "quoted-printable":
                content = quopri.decodestring(content)
            case "base64":
                content = binascii.a2b_base64(content)
    except binascii.Error:
        return
    charset = str(headers.get_content_charset("utf-8"))
    try:
        yield content if charset in ("utf-8", "us-ascii") else content.decode(charset, "replace").encode()
    except (LookupError, ValueError):  # no encoding's name; not even a name, with a NUL in it
        yield content
