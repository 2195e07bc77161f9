"""What comes back: delivery status notifications (RFC 3464), read without trust in a word of them. Pure.

Each mail's envelope names `bounces+WORD@example.org` as its sender, so that a notification is addressed to that, even
where it holds nothing of the message. Who is meant is the signed word's to say, not the report's: a forged report
without the word finds nobody, and whoever knows a word can only end the mail that comes to themselves.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from email.utils import getaddresses

from paperlark.channels import letters

BYTES = 1024 * 1024  # of a notification: what is longer is cut, and says the same
ADDRESSED = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To")
ADDRESSES = 20  # looked at, at most
PARTS = 50
REASON = 200  # code points

_WORD = re.compile(r"[^@+]{1,64}\+(?P<word>[a-z2-7]{42})@[^@]+", re.IGNORECASE)
_STATUS = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})")
_SOFT = ("2.2", "3.1", "3.2", "4.1", "4.2", "4.5", "7.1")


@dataclass(frozen=True, slots=True)
class Bounce:
    """A message came back. words: the signed words that the notification is addressed to, at most 20. hard: for good;
    else the mailbox may take the next one. reason: the far side's own words, in one line."""

    words: tuple[str, ...]
    hard: bool
    reason: str


def read(notification: bytes, recipient: str | None = None) -> Bounce | None:
    """The bounce that a message tells of; None where it is none (an automatic answer, a delay, some other mail).

    recipient: the envelope's, where the mail server gives it; else the headers are looked at.
    """
    message = message_from_bytes(notification[:BYTES], policy=compat32)
    words = _words([recipient] if recipient else _addressed(message))
    failures = [failure for failure in _failures(message) if failure is not None]
    if not words or not failures:
        return None
    hard, reason = max(failures)
    return Bounce(words, hard, reason)


def _addressed(message: Message) -> list[str]:
    headers = [str(value) for name in ADDRESSED for value in message.get_all(name, [])]
    return [address for _, address in getaddresses(headers[:ADDRESSES])]


def _words(addresses: Iterable[str]) -> tuple[str, ...]:
    found = [_WORD.fullmatch(address.strip().strip("<>")) for address in addresses]
    return tuple(dict.fromkeys(each["word"].lower() for each in found if each))[:ADDRESSES]


def _failures(message: Message) -> list[tuple[bool, str] | None]:
    """What each recipient's fields of the reports say: (hard, reason), or None where nothing failed."""
    reports = [part for part in list(message.walk())[:PARTS] if part.get_content_type() == "message/delivery-status"]
    blocks = [block for report in reports for block in _blocks(report)]
    return [_failure(block) for block in blocks]


def _blocks(report: Message) -> list[Message]:
    inside = report.get_payload()
    return [block for block in inside if isinstance(block, Message)] if isinstance(inside, list) else []


def _failure(block: Message) -> tuple[bool, str] | None:
    """RFC 3464 §2.3: `Action: failed` gave up; its `Status` (RFC 3463) says whether for good. A full mailbox, a message
    that is too large, a system in trouble or a policy says 5 as well, and none of them that the address is gone."""
    if str(block.get("Action", "")).partition("(")[0].strip().casefold() != "failed":
        return None
    status = _STATUS.match(str(block.get("Status", "")))
    said = str(block.get("Diagnostic-Code", "")).partition(";")[2] or str(block.get("Status", ""))
    reason = letters.cut(letters.one_line(said), REASON) or "no reason given"
    if status is None:
        return (False, reason)
    return (status[1] == "5" and f"{int(status[2])}.{int(status[3])}" not in _SOFT, reason)
