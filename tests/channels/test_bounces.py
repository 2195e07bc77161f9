"""Notifications that come back: ordinary ones of several servers, odd ones, hostile ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.channels.bounces import Bounce, read
from paperlark.links import Links

LINKS = Links("k" * 32, None)
WORD = LINKS.bounce(7, 8)
TO = f"bounces+{WORD}@example.org"


def notification(
    *fields: str, to: str = TO, more: str = "", report: str = "message/delivery-status", action: str = "failed"
) -> bytes:
    """A delivery status notification with one recipient's fields."""
    said = "\n".join(("Final-Recipient: rfc822; ada@example.net", f"Action: {action}", *fields))
    return f"""Return-Path: <>
From: Mail Delivery <mailer-daemon@mx.example.net>
To: {to}
Subject: Undelivered mail
{more}MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

It could not be delivered.

--b
Content-Type: {report}

Reporting-MTA: dns; mx.example.net

{said}

--b
Content-Type: text/rfc822-headers

Subject: what it was

--b--
""".encode()


GONE = ("Status: 5.1.1", "Diagnostic-Code: smtp; 550 5.1.1 no such user here")


def test_a_mailbox_that_is_not_there_is_a_hard_bounce_with_the_far_sides_words() -> None:
    assert read(notification(*GONE)) == Bounce((WORD,), True, "550 5.1.1 no such user here")


@pytest.mark.parametrize(
    ("status", "hard"),
    [
        ("5.1.1", True),
        ("5.1.10", True),
        ("5.2.1", True),
        ("5.0.0", True),
        (" 5.1.2 (bad destination system)", True),
        ("5.2.2", False),  # full
        ("5.7.1", False),  # a policy, perhaps for one mail
        ("5.4.1", False),
        ("4.2.2", False),
        ("4.4.7", False),  # given up after days of trying
        ("2.1.5", False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_each_status_is_sorted(status: str, hard: bool) -> None:
    found = read(notification(f"Status: {status}"))
    assert found is not None and found.hard is hard and found.reason


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", ""])
def test_what_was_only_delayed_or_delivered_is_no_bounce(action: str) -> None:
    assert read(notification(*GONE, action=action)) is None


@pytest.mark.parametrize("action", ["Failed", "failed (given up)", " FAILED "])
def test_actions_are_read_as_servers_write_them(action: str) -> None:
    assert read(notification(*GONE, action=action)) is not None


def test_one_failure_among_several_recipients_counts() -> None:
    raw = notification("Status: 2.0.0", action="delivered").replace(
        b"\n--b\nContent-Type: text/rfc822-headers",
        b"\nFinal-Recipient: rfc822; x@example.net\nAction: failed\nStatus: 5.1.1\n"
        b"\n--b\nContent-Type: text/rfc822-headers",
    )
    found = read(raw)
    assert found is not None and found.hard


@pytest.mark.parametrize(
    ("to", "more"),
    [
        ("someone@example.org", f"Delivered-To: {TO}\n"),
        ("someone@example.org", f"X-Original-To: <{TO.upper()}>\n"),
        (f'"Bounces" <{TO}>, other@example.org', ""),
        (f"a@example.org,\n {TO}", ""),
    ],
)
def test_the_word_is_found_wherever_servers_put_the_envelopes_recipient(to: str, more: str) -> None:
    found = read(notification(*GONE, to=to, more=more))
    assert found is not None and found.words == (WORD,)


def test_the_envelopes_recipient_counts_alone_where_it_is_known() -> None:
    assert read(notification(*GONE), recipient="papers@example.org") is None
    found = read(notification(*GONE, to="x@example.org"), recipient=TO)
    assert found is not None and found.words == (WORD,)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff" * 100,
        b"To: " + TO.encode() + b"\nAuto-Submitted: auto-replied\nSubject: on holiday\n\nI am away.\n",
        notification(*GONE, report="text/plain"),
        notification(*GONE, to="papers@example.org"),
        notification(*GONE, to="bounces+short@example.org"),
        b"To: " + TO.encode() + b"\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n!!!!",
        b"To: " + TO.encode() + b"\nContent-Type: multipart/report; boundary=b\n\n" + b"--b\n" * 5000,
        b"To: " + b"a@b, " * 50_000 + b"\n\n",
        b"Content-Type: multipart/mixed; boundary=b\n" * 500 + b"\n--b--",
    ],
)
def test_anything_else_is_no_bounce(raw: bytes) -> None:
    assert read(raw) is None


@given(st.binary(max_size=400), st.integers(0, 400))
def test_no_bytes_are_too_odd_to_be_read(noise: bytes, at: int) -> None:
    raw = notification(*GONE)
    read(noise)
    read(raw[:at] + noise + raw[at:])


def test_a_reason_is_one_short_line() -> None:
    found = read(notification("Status: 5.1.1", "Diagnostic-Code: smtp; 550\n " + "long " * 500 + "\x1b[31m"))
    assert found is not None and len(found.reason) <= 201 and found.reason.isprintable()
