"""Signed mail: what is sent verifies under dkimpy with the key that the DNS would give, and nothing slips in."""

import re
import subprocess
from collections.abc import Callable
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import Policy, compat32
from email.policy import default as modern
from shutil import which
from typing import Any

import dkim
import pytest

from paperlark.channels._dkim import Signature
from paperlark.channels.email import Email, Options
from paperlark.model.messages import Digest, Payload
from paperlark.model.problems import ReaderError
from paperlark.testing.mail import MailServer
from tests.amounts import one_in

from .digests import ALL, digest, paper
from .test_real_records import DATA, listing

SENDER = "Paperlark <papers@example.org>"
Dns = Callable[..., bytes]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A private key as `openssl genrsa` makes it."""
    if which("openssl") is None:
        pytest.skip("openssl is not installed")
    made = subprocess.run(["openssl", "genrsa", "1024"], check=True, capture_output=True)
    return made.stdout.decode()


@pytest.fixture(scope="module")
def dns(key: str) -> Dns:
    """What the DNS says of lark1._domainkey.example.org, and of nothing else."""
    command = ["openssl", "rsa", "-pubout"]
    public = subprocess.run(command, input=key.encode(), check=True, capture_output=True).stdout.decode()
    record = "v=DKIM1; k=rsa; p=" + re.sub(r"-----.*?-----|\s", "", public)

    def look_up(name: bytes, timeout: float = 5) -> bytes:
        return record.encode() if name.rstrip(b".") == b"lark1._domainkey.example.org" else b""

    return look_up


@pytest.fixture(scope="module")
def signature(key: str) -> Signature:
    return Signature(key, "lark1", "example.org")


def channel(key: str, port: int = 25) -> Email:
    options = Options("127.0.0.1", SENDER, port, tls="none", timeout=5, dkim_key=key, dkim_selector="lark1",
                      public_url="https://papers.example.org")  # fmt: skip
    return Email(options)


async def test_mail_that_is_sent_verifies_and_its_signature_covers_both_unsubscribe_headers(key: str, dns: Dns) -> None:
    async with MailServer() as server:
        sending = channel(key, server.port)
        [payload] = sending.render(digest())
        await sending.send("ada@example.org", payload, "k")
        await sending.close()
    raw = server.mails[0].raw
    assert dkim.verify(raw, dnsfunc=dns)
    signed = re.sub(r"\s", "", str(server.mails[0].message["DKIM-Signature"]))
    headers = re.search(r";h=([^;]*);", signed)
    assert headers is not None
    assert {"from", "to", "subject", "date", "list-unsubscribe", "list-unsubscribe-post"} <= set(headers[1].split(":"))
    assert ";d=example.org;" in signed and ";s=lark1;" in signed and ";l=" not in signed


@pytest.mark.parametrize(
    "tamper",
    [
        lambda raw: raw.replace(b"Subject: ", b"Subject: Re ", 1),
        lambda raw: raw.replace(b"/u/", b"/v/", 1),
        lambda raw: raw.replace(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b"", 1),
        lambda raw: b"Subject: second\r\n" + raw,
        lambda raw: b"From: eve@example.net\r\n" + raw,
        lambda raw: raw[:-20] + b"more" + raw[-20:],
    ],
)
def test_changed_mail_does_not_verify(
    key: str, dns: Dns, signature: Signature, tamper: Callable[[bytes], bytes]
) -> None:
    email = channel(key)
    raw = signature.signed(email.assemble("ada@example.org", email.render(digest())[0], "k"))
    assert dkim.verify(raw, dnsfunc=dns)
    changed = tamper(raw)
    assert changed != raw
    assert not dkim.verify(changed, dnsfunc=dns)


@pytest.mark.parametrize("name", ALL)
def test_every_digest_is_read_by_the_standard_library_and_verifies(
    key: str, dns: Dns, signature: Signature, name: str
) -> None:
    email = channel(key)
    [payload] = email.render(ALL[name])
    payload = email.again(payload)
    check(signature.signed(email.assemble("ada@example.org", payload, name)), payload, dns)


def test_every_real_record_is_read_by_the_standard_library_and_verifies(
    key: str, dns: Dns, signature: Signature
) -> None:
    if not DATA.exists():
        pytest.skip("test data not found: ../shared/data")
    email, told = channel(key), 0
    for day, papers in listing():
        for shown in ((one,) for one in papers[:: one_in(5)]):
            [payload] = email.render(Digest("Models", day, shown))
            raw = signature.signed(email.assemble("ada@example.org", payload, str(told)))
            check(raw, payload, dns, policy=compat32)  # the quick one of the standard library's two
            told += 1
    assert told >= 1746 / one_in(5)


def check(raw: bytes, payload: Payload, dns: Dns, *, policy: "Policy[Any]" = modern) -> None:
    """What a mail program does: verifies, parses, shows."""
    assert dkim.verify(raw, dnsfunc=dns)
    assert len(raw) < 102_000
    message = message_from_bytes(raw, policy=policy)
    assert not message.defects and not any(part.defects for part in message.walk())
    assert str(make_header(decode_header(message["Subject"]))).split() == payload.content["subject"].split()
    plain, rich = [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]
    assert payload.content["text"].split() == plain.decode().split()
    assert payload.content["html"].split() == rich.decode().split()


@pytest.mark.parametrize("spell", [lambda key: key.replace("\n", "\\n"), lambda key: key.replace("\n", "\r\n") + "\n "])
def test_a_key_is_read_however_its_line_ends_are_written(key: str, dns: Dns, spell: Callable[[str], str]) -> None:
    raw = Signature(spell(key), "lark1", "example.org").signed(b"From: ada@example.org\r\n\r\nx\r\n")
    assert dkim.verify(raw, dnsfunc=dns)


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"dkim_key": "s3cret"}, "dkim_key"),
        ({"dkim_key": "-----BEGIN PRIVATE KEY-----\nczNjcmV0\n-----END PRIVATE KEY-----"}, "dkim_key"),
        ({"dkim_key": "ß" * 40}, "dkim_key"),
        ({"dkim_selector": None}, "dkim_selector"),
        ({"dkim_selector": "a b"}, "dkim_selector"),
        ({"dkim_domain": "-x"}, "dkim_domain"),
        ({"bounces": "nobody"}, "bounces"),
        ({"bounces": "a+b@example.org"}, "bounces"),
        ({"bounces": "b" * 22 + "@example.org"}, "bounces"),
    ],
)
def test_an_option_that_cannot_be_is_named_without_its_value(key: str, changes: dict[str, str], option: str) -> None:
    with pytest.raises(ReaderError, match=f"^email: {option}: ") as raised:
        Email(Options("h", SENDER, **({"dkim_key": key, "dkim_selector": "lark1"} | changes)))  # type: ignore[arg-type]
    assert "s3cret" not in str(raised.value) and "czNj" not in str(raised.value)
    assert "s3cret" not in repr(Options("h", SENDER, dkim_key="s3cret"))


async def test_the_envelope_names_a_signed_word_where_bounces_have_a_mailbox() -> None:
    async with MailServer() as server:
        options = Options("127.0.0.1", SENDER, server.port, tls="none", timeout=5, bounces="back@example.org")
        sending = Email(options)
        for word in ("abc234", ""):
            [payload] = sending.render(digest(bounce=word))
            await sending.send("ada@example.org", payload, word)
        old = Payload({name: value for name, value in payload.content.items() if name != "bounce"})
        await sending.send("ada@example.org", old, "sealed before there were words")
        await sending.close()
    assert [mail.sender for mail in server.mails] == ["back+abc234@example.org", *["papers@example.org"] * 2]
    assert "abc234" not in server.mails[0].part("plain") + server.mails[0].part("html")


def test_one_paper_more_than_there_is_room_for_is_counted_at_a_papers_end() -> None:
    email = Email(Options("h", SENDER))
    [payload] = email.render(digest(*(paper(n, title=f"Paper number {n} of many " + "x" * 150) for n in range(1, 400))))
    shown = len(re.findall(r"Paper number \d+ of many", payload.content["text"]))
    assert shown == len(re.findall(r"<h2", payload.content["html"]))
    assert f"and {399 - shown} more" in payload.content["text"] and f"and {399 - shown} more" in payload.content["html"]
