"""Mail through aiosmtplib, over real sockets, to aiosmtpd."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from paperlark.channels.email import ADDRESSING, RESETTING, SCANNING, TIMEOUT, Email, Options
from paperlark.model.messages import Payload
from paperlark.model.problems import DeliveryError, ReaderError
from paperlark.pipeline.deliver import PATIENCE
from paperlark.settings import Settings
from paperlark.testing.mail import MailServer

from .digests import digest, paper

SENDER = "Paperlark <papers@example.org>"
ANSWERS = {"EHLO": "250-mail.test\r\n250 AUTH PLAIN\r\n", "AUTH": "235 2.7.0 welcome\r\n", "DATA": "354 go on\r\n"}


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with MailServer() as running:
        yield running


@pytest.fixture
async def mail(server: MailServer) -> AsyncIterator[Email]:
    channel = Email(Options("127.0.0.1", SENDER, server.port, tls="none", timeout=5))
    await channel.open()
    yield channel
    await channel.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that nobody has signed but itself, with its key."""
    if which("openssl") is None:
        pytest.skip("openssl is not installed")
    made = tmp_path_factory.mktemp("tls") / "both.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run([*command.split(), "-keyout", made, "-out", f"{made}.crt"], check=True, capture_output=True)
    made.write_bytes(made.read_bytes() + Path(f"{made}.crt").read_bytes())
    return made


def rendered(channel: Email) -> Payload:
    [payload] = channel.render(digest())
    return payload


def kind_of(error: DeliveryError) -> str:
    """Which reading of the error holds; there is exactly one."""
    flags = [name for name in ("permanent", "refused", "channel", "unreachable", "ambiguous") if getattr(error, name)]
    assert len(flags) <= 1
    assert error.retry_after is None
    return flags[0] if flags else "transient"


async def failure(channel: Email, address: str = "ada@example.org") -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await channel.send(address, rendered(channel), "key")
    return caught.value


async def test_reader_receives_the_digest_as_text_and_as_html(server: MailServer, mail: Email) -> None:
    receipt = await mail.send("ada@example.org", rendered(mail), "7:1:0")
    [received] = server.received("ada@example.org")
    message = received.message
    assert received.sender == "papers@example.org"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert "because of Agents: “Tool Use” in the title" in received.part("plain")
    assert "Planning <mark>Tool Use</mark> in Two Passes</a>" in received.part("html")
    assert message["From"] == SENDER
    assert message["To"] == "ada@example.org"
    assert message["Subject"] == "Morning papers: 3 papers, Sat 21 Nov 2026"
    assert message["Date"] == "Sat, 21 Nov 2026 08:00:00 +0000"
    assert message["Message-ID"] == receipt.message_id
    assert message["List-Id"] == "Paperlark <paperlark.example.org>"
    assert message["Auto-Submitted"] == "auto-generated"


async def test_mail_can_be_unsubscribed_with_one_click(server: MailServer, mail: Email) -> None:
    address = f"https://papers.example.org/u/{'t0ken' * 40}"
    [payload] = mail.render(digest(unsubscribe_url=address))
    await mail.send("ada@example.org", payload, "k")
    raw = server.mails[0].raw
    assert f"\r\nList-Unsubscribe: <{address}>\r\n".encode() in raw  # whole: in pieces no mail program knows it
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert f' href="{address}"' in server.mails[0].part("html")
    assert f"unsubscribe: {address}" in server.mails[0].part("plain")


@pytest.mark.parametrize("address", [None, "http://papers.example.org/u/x"])
async def test_one_click_is_not_promised_without_https(server: MailServer, mail: Email, address: str | None) -> None:
    [payload] = mail.render(digest(unsubscribe_url=address))
    await mail.send("ada@example.org", payload, "k")
    assert "List-Unsubscribe" not in server.mails[0].message
    assert "List-Unsubscribe-Post" not in server.mails[0].message


async def test_second_send_of_a_key_is_the_same_mail(server: MailServer, mail: Email) -> None:
    for key in ("7:1:0", "7:1:0", "7:2:0"):
        await mail.send("ada@example.org", rendered(mail), key)
    first, again, other = [received.raw for received in server.mails]
    assert first == again
    assert server.mails[0].message["Message-ID"] != server.mails[2].message["Message-ID"]
    assert first != other


async def test_public_address_names_the_list_and_the_messages(server: MailServer) -> None:
    options = Options("127.0.0.1", SENDER, server.port, tls="none", public_url="https://lark.example.net/papers")
    channel = Email(options)
    await channel.send("ada@example.org", rendered(channel), "k")
    await channel.close()
    assert server.mails[0].message["List-Id"] == "Paperlark <paperlark.lark.example.net>"
    assert server.mails[0].message["Message-ID"].endswith("@lark.example.net>")


async def test_mail_without_a_sealed_date_leaves_the_date_to_the_server(server: MailServer, mail: Email) -> None:
    [payload] = mail.render(digest(sealed_at=None))
    await mail.send("ada@example.org", payload, "k")
    assert "Date" not in server.mails[0].message


async def test_subject_in_any_script_arrives(server: MailServer, mail: Email) -> None:
    title = "Über β-Modelle: نماذج اللغة 言語モデル" + " sehr lang" * 10
    [payload] = mail.render(digest(paper(title=title)))
    await mail.send("ada@example.org", payload, "k")
    assert "Über β-Modelle: نماذج اللغة 言語モデル" in server.mails[0].message["Subject"]


async def test_line_breaks_in_a_title_make_no_header(server: MailServer, mail: Email) -> None:
    [payload] = mail.render(digest(paper(title="x\r\nBcc: all@example.org\r\n\r\nbody"), title="y\r\nX: 1"))
    await mail.send("ada@example.org", payload, "k")
    assert "Bcc" not in server.mails[0].message
    broken = Payload({**payload.content, "subject": "x\r\nBcc: all@example.org"})
    with pytest.raises(ValueError, match="linefeed"):
        mail.assemble("ada@example.org", broken, "k")


# --- One connection


async def test_one_connection_serves_many_mails(server: MailServer, mail: Email) -> None:
    for number in range(5):
        await mail.send(f"reader{number}@example.org", rendered(mail), str(number))
    assert len(server.mails) == 5
    assert server.connections == 1


async def test_concurrent_sends_take_turns(server: MailServer, mail: Email) -> None:
    payload = rendered(mail)
    await asyncio.gather(*(mail.send(f"reader{n}@example.org", payload, str(n)) for n in range(8)))
    assert sorted(one.recipient for one in server.mails) == [f"reader{n}@example.org" for n in range(8)]


async def test_connection_that_the_server_closed_is_made_anew(server: MailServer, mail: Email) -> None:
    await mail.send("ada@example.org", rendered(mail), "1")
    server.hang_up()
    await mail.send("ada@example.org", rendered(mail), "2")  # also when the end is noticed only while talking
    await asyncio.sleep(0.05)
    server.hang_up()
    await asyncio.sleep(0.05)
    await mail.send("ada@example.org", rendered(mail), "3")
    assert len(server.mails) == 3
    assert server.connections == 3


async def test_refused_mail_does_not_spoil_the_connection(server: MailServer, mail: Email) -> None:
    for address in ("rcpt-550@example.org", "data-554@example.org", "data-451@example.org"):
        await failure(mail, address)
        await mail.send("ada@example.org", rendered(mail), "k")
    assert len(server.received("ada@example.org")) == 3
    assert server.connections == 1


async def test_cancelled_send_leaves_no_half_conversation(server: MailServer, mail: Email) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await mail.send("silent@example.org", rendered(mail), "k")
    await mail.send("ada@example.org", rendered(mail), "k")
    assert len(server.received("ada@example.org")) == 1


# --- Errors


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("rcpt-550@example.org", "permanent"),
        ("rcpt-551@example.org", "permanent"),
        ("rcpt-451@example.org", "transient"),
        ("rcpt-530@example.org", "channel"),
        ("data-554@example.org", "refused"),
        ("data-552@example.org", "refused"),
        ("data-451@example.org", "transient"),
        ("data-530@example.org", "channel"),
        ("data-299@example.org", "ambiguous"),
        ("lost@example.org", "ambiguous"),
    ],
)
async def test_each_answer_of_the_server_is_sorted(server: MailServer, mail: Email, address: str, kind: str) -> None:
    error = await failure(mail, address)
    assert kind_of(error) == kind
    assert str(error).startswith("email: ")
    assert len(server.received(address)) == (address == "lost@example.org")


async def test_mail_refused_for_now_is_taken_later(server: MailServer, mail: Email) -> None:
    assert kind_of(await failure(mail, "rcpt-451-once@example.org")) == "transient"
    await mail.send("rcpt-451-once@example.org", rendered(mail), "key")
    assert len(server.mails) == 1


async def test_server_that_relays_for_nobody_costs_no_reader_the_address(server: MailServer, mail: Email) -> None:
    server.relay = False
    assert kind_of(await failure(mail)) == "refused"


async def test_answer_that_never_comes_after_the_content_is_ambiguous(server: MailServer) -> None:
    channel = Email(Options("127.0.0.1", SENDER, server.port, tls="none", timeout=0.2))
    assert kind_of(await failure(channel, "silent@example.org")) == "ambiguous"
    await channel.close()
    assert len(server.mails) == 1


async def test_refused_connection_is_the_servers_trouble_and_nobodys() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        channel = Email(Options("127.0.0.1", SENDER, free.getsockname()[1], tls="none", timeout=5))
        assert kind_of(await failure(channel)) == "unreachable"


@pytest.mark.parametrize(
    ("greeting", "kind"),
    [
        (b"", "unreachable"),
        (b"421 busy\r\n", "transient"),
        (b"554 not you\r\n", "channel"),
        (b"HTTP/1.1 400\r\n", "transient"),
    ],
)
async def test_odd_greetings_are_sorted(greeting: bytes, kind: str) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    channel = Email(Options("127.0.0.1", SENDER, server.sockets[0].getsockname()[1], tls="none", timeout=1))
    assert kind_of(await failure(channel)) == kind
    server.close()


async def test_server_that_never_greets_is_given_up() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    channel = Email(Options("127.0.0.1", SENDER, server.sockets[0].getsockname()[1], tls="none", timeout=0.2))
    assert kind_of(await failure(channel)) == "unreachable"
    server.close()


@pytest.mark.parametrize("slow", [("greeting", "EHLO", "AUTH"), ("EHLO", "MAIL", "RCPT")])
async def test_server_that_is_slow_again_and_again_before_the_message_has_surely_not_got_it(
    slow: tuple[str, ...],
) -> None:
    """Each answer comes in time, and all of them together do not."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said, answer = "greeting", "220 mail.test\r\n"
        with suppress(ConnectionError):
            while True:
                asked.append(said)
                await asyncio.sleep(1.5 if said in slow else 0)
                writer.write(answer.encode())
                said = (await reader.readline()).decode().partition(" ")[0].strip()
                answer = ANSWERS.get(said, "250 OK\r\n")
                if not said:
                    break
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        options = Options("127.0.0.1", SENDER, server.sockets[0].getsockname()[1], "papers", "x", tls="none", timeout=2)
        channel = Email(options)
        kind = kind_of(await failure(channel))
        assert kind in ("unreachable", "transient")
        await channel.close()
    assert "DATA" not in asked


def test_deliverer_waits_as_long_as_a_server_may_take() -> None:
    whole = (ADDRESSING + SCANNING + RESETTING) * TIMEOUT
    usual = Settings.model_fields["lease_seconds"].default
    assert whole <= Email.limits.seconds <= usual - PATIENCE.total_seconds()


@pytest.mark.parametrize(("password", "kind"), [("wrong", "channel"), (None, "channel")])
async def test_log_in_that_fails_or_is_missing_is_the_channels_fault(password: str | None, kind: str) -> None:
    async with MailServer(password="right") as server:
        user = "papers" if password else None
        options = Options("127.0.0.1", SENDER, server.port, user, password, tls="none", timeout=5)
        error = await failure(Email(options))
    assert kind_of(error) == kind
    assert "wrong" not in str(error)


async def test_log_in_with_the_right_password_sends() -> None:
    async with MailServer(password="right") as server:
        channel = Email(Options("127.0.0.1", SENDER, server.port, "papers", "right", tls="none", timeout=5))
        await channel.send("ada@example.org", rendered(channel), "k")
        await channel.close()
        assert len(server.mails) == 1


async def test_missing_starttls_is_the_channels_fault(server: MailServer) -> None:
    options = Options("127.0.0.1", SENDER, server.port, tls="starttls", timeout=5)
    assert kind_of(await failure(Email(options))) == "channel"
    assert server.mails == []


async def test_tls_to_a_plain_port_is_the_channels_fault_or_passes(server: MailServer) -> None:
    options = Options("127.0.0.1", SENDER, server.port, tls="tls", timeout=2)
    assert kind_of(await failure(Email(options))) in ("channel", "transient")


async def test_certificate_that_nobody_trusts_is_the_channels_fault_and_a_trusted_one_sends(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with MailServer(tls=context) as server:
        options = Options("localhost", SENDER, server.port, tls="starttls", timeout=5)
        assert kind_of(await failure(Email(options))) == "channel"
        assert server.mails == []
        trusting = Email(replace(options, ca_file=f"{certificate}.crt"))
        await trusting.send("ada@example.org", rendered(trusting), "k")
        await trusting.close()
        assert len(server.mails) == 1


# --- Addresses and options


@pytest.mark.parametrize(
    ("address", "spelling"),
    [
        ("ada@example.org", "ada@example.org"),
        (" Ada.L+papers@Example.ORG ", "Ada.L+papers@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ],
)
def test_mailbox_has_one_spelling(mail: Email, address: str, spelling: str) -> None:
    assert mail.check_address(address) == spelling


@pytest.mark.parametrize(
    "address",
    [
        "", "ada", "@example.org", "ada@", "ada@localhost", "a b@example.org", "ada@example.org, bo@example.org",
        "Ada <ada@example.org>", "ada@example.org\r\nBcc: x@example.org", ".ada@example.org", "a..b@example.org",
        "ädä@example.org", '"a b"@example.org', "a" * 65 + "@example.org", "ada@-x.org", "ada@" + "a" * 64 + ".org",
        "ada@exa\u202emple.org", "ada@" + "abc." * 80 + "org", "ada@127.0.0.1 ", "ada@..",
    ],
)  # fmt: skip
async def test_impossible_mailbox_is_refused_and_a_send_to_it_is_permanent(
    server: MailServer, mail: Email, address: str
) -> None:
    if address.strip() == "ada@127.0.0.1":
        assert mail.check_address(address) == "ada@127.0.0.1"
        return
    with pytest.raises(ReaderError, match="not a mail address"):
        mail.check_address(address)
    assert kind_of(await failure(mail, address)) == "permanent"
    assert server.connections == 0


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"host": ""}, "host"),
        ({"host": "a b"}, "host"),
        ({"port": 0}, "port"),
        ({"tls": "ssl"}, "tls"),
        ({"username": "u"}, "username and password"),
        ({"username": "u", "password": "secret", "tls": "none"}, "tls"),
        ({"sender": "nobody"}, "sender"),
        ({"sender": "A <a@example.org>\r\nX: 1"}, "sender"),
        ({"public_url": "example.org"}, "public_url"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_bad_option_is_named_and_its_value_kept_back(changes: dict[str, Any], name: str) -> None:
    with pytest.raises(ReaderError, match=f"^email: {name}: ") as caught:
        Email(Options(**{"host": "mail.example.org", "sender": SENDER, **changes}))
    assert "secret" not in str(caught.value)


def test_password_is_not_in_the_options_repr() -> None:
    assert "secret" not in repr(Options("h", SENDER, username="u", password="secret"))
