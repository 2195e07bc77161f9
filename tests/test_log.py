"""Logs: whatever writes a line, in whatever form, no secret and no address is in it."""

import asyncio
import io
import json
import logging
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Literal

import httpx
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from paperlark.links import Links, Purpose
from paperlark.log import redacted, set_up
from paperlark.store.database import Store
from paperlark.web import make_web
from tests.loglines import LogLines, telling

TOKEN = "123456789:AAH3x_dummy-dummy-dummy-dummy-dumm0"
PASSWORD = 'pa"ss wörd'
HOME = "https://papers.example.org"
SECRETS = [TOKEN, PASSWORD, "reader@example.org", "AKsecretvalue", "hunter2hunter2", "s3cr3t"]

Style = Literal["console", "json"]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Logging is the process's: leave it as it was found."""
    root = logging.getLogger()
    kept, level = list(root.handlers), root.level
    yield
    root.handlers[:] = kept
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def say_everything() -> None:
    """Every way in which a secret has been seen to get into a log."""
    ours = structlog.get_logger("paperlark.test")
    ours.info(f"sent to reader@example.org with {PASSWORD}", token="AKsecretvalue", api_key="AKsecretvalue")
    ours.warning("asked", headers={"Authorization": "Bearer AKsecretvalue", "Accept": "*/*"}, url="https://u:s3cr3t@h/")
    ours.info("polled", url="https://h/feed?token=AKsecretvalue&page=2", address="reader@example.org")
    ours.info("header Authorization: Bearer AKsecretvalue, next")
    ours.info("headers {'Authorization': 'Basic AKsecretvalue'}", password="hunter2hunter2")
    theirs = logging.getLogger("some.library")
    theirs.warning("POST https://api.telegram.org/bot%s/sendMessage", TOKEN)
    theirs.error("connect postgresql://lark:s3cr3t@db/lark failed for %r", {"mail": "reader@example.org"})
    try:
        raise ConnectionError(f"https://api.telegram.org/bot{TOKEN}/getMe by reader@example.org with {PASSWORD}")
    except ConnectionError:
        ours.exception("our line")
        theirs.exception("their line %s", TOKEN)
    warnings.warn(f"old token {TOKEN}", stacklevel=1)


@pytest.mark.parametrize("style", ["console", "json"])
def test_no_secret_and_no_address_is_in_any_line(style: Style) -> None:
    stream = io.StringIO()
    set_up(style, "debug", secrets=[PASSWORD], stream=stream)
    say_everything()
    text = stream.getvalue()
    assert [
        secret for secret in SECRETS if secret in text or json.dumps(secret, ensure_ascii=False)[1:-1] in text
    ] == []
    for kept in ("our line", "their line", "Traceback", "ConnectionError", "page=2", "/sendMessage", "@db/lark"):
        assert kept in text
    assert text.count("[hidden]") >= 12


def test_json_lines_are_json_with_the_glossarys_word_for_the_message() -> None:
    stream = io.StringIO()
    set_up("json", stream=stream)
    structlog.get_logger("paperlark.test").info("polled", source="arxiv:cs.CL", papers=3)
    logging.getLogger("library").warning("slow: %d s", 7)
    ours, theirs = map(json.loads, stream.getvalue().splitlines())
    assert {"message": "polled", "source": "arxiv:cs.CL", "papers": 3, "level": "info"}.items() <= ours.items()
    assert {"message": "slow: 7 s", "logger": "library", "level": "warning"}.items() <= theirs.items()
    assert ours["timestamp"].endswith("Z")


def test_chatty_libraries_are_heard_from_warnings_on() -> None:
    stream = io.StringIO()
    set_up("console", "debug", stream=stream)
    for name in ("httpx", "httpcore.connection", "apscheduler.scheduler", "telegram.ext"):
        logging.getLogger(name).info("chatter of %s", name)
        logging.getLogger(name).warning("trouble of %s", name)
    assert "chatter" not in stream.getvalue()
    assert stream.getvalue().count("trouble") == 4


@asynccontextmanager
async def loopback_server() -> AsyncIterator[str]:
    """A server that answers everything with 200; gives its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_request_by_httpx_leaves_no_token_in_the_log() -> None:
    stream = io.StringIO()
    set_up("console", "debug", stream=stream)
    logging.getLogger("httpx").setLevel(logging.INFO)  # even for one who turns it up
    async with loopback_server() as address, httpx.AsyncClient(timeout=5) as client:
        await client.post(f"{address}/bot{TOKEN}/sendMessage")
    assert "HTTP Request" in stream.getvalue()
    assert TOKEN not in stream.getvalue()


def test_the_level_holds_for_everybody() -> None:
    stream = io.StringIO()
    set_up("console", "warning", stream=stream)
    structlog.get_logger("paperlark.test").info("too little")
    logging.getLogger("library").info("too little")
    structlog.get_logger("paperlark.test").warning("enough")
    assert "too little" not in stream.getvalue() and "enough" in stream.getvalue()


def test_a_second_set_up_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    set_up(stream=first)
    set_up(stream=second)
    structlog.get_logger("paperlark.test").info("once")
    assert first.getvalue() == "" and second.getvalue().count("once") == 1


@pytest.mark.parametrize(
    "text",
    [
        "3 papers of arxiv:2510.02283 at 2026-11-21T08:00:00Z",
        "GET https://export.arxiv.org/api/query?start=100&max_results=50",
        "https://huggingface.co/papers/2510.02283?q=attention",
        "1:2 and 12:30:45, pattern [a-z]@, half 1/2",
        "basic research, bearer of news",
        "https://papers.example.org/p/2510.02283 and /a/some-long-name-of-a-page-without-end",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"bot{TOKEN}", "bot[hidden]"),
        ("https://t.me/larkbot?start=AbC123", "https://t.me/larkbot?start=[hidden]"),
        ("a=1&access_token=xyz", "a=1&access_token=[hidden]"),
        ("first.last+tag@mail.example.co.uk, x", "[address], x"),
        ("root@localhost", "[address]"),
        ("Authorization: bot abcdef", "Authorization: [hidden]"),
        ("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "[hidden]"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize("purpose", Purpose)
def test_of_a_signed_link_only_what_it_is_for_is_shown(purpose: Purpose) -> None:
    address = Links("k" * 32, HOME).address(purpose, 4711, 2**63)
    assert address is not None
    assert redacted(f"GET {address}?a=1 404") == f"GET {HOME}/{purpose}/[hidden]?a=1 404"
    assert redacted(f"GET {address[:60]} cut off") == f"GET {HOME}/{purpose}/[hidden] cut off"
    assert redacted(f"no such thing: {address.rpartition('/')[2]}.") == "no such thing: [hidden]."
    assert telling(address) == "a signed link" and telling(redacted(address)) is None


async def test_whatever_the_web_has_with_a_token_in_it_is_known_to_both(light: Store) -> None:
    links = Links("k" * 32, None)
    paths = {
        resource.canonical for resource in make_web(light, {}).router.resources() if "{token}" in resource.canonical
    }
    assert len(paths) >= 5
    for path in paths:
        token = "pl_feed_AbCdEfGhIjKlMnOpQrStUvWxYz012345"
        if not path.startswith("/feeds/"):
            token = links.token(Purpose(path.split("/")[1]), 1, 2)
        line = f"GET {path.replace('{token}', token)}"
        assert telling(line) is not None, path
        assert token not in redacted(line) and telling(redacted(line)) is None, path


@given(before=st.text(), after=st.text())
def test_a_bots_token_is_hidden_whatever_stands_around_it(before: str, after: str) -> None:
    assert TOKEN not in redacted(f"{before}{TOKEN}{after}")


@pytest.mark.parametrize(
    "said",
    [
        {"chat": 4711},
        {"chat_id": -1001234567890},
        {"address": "channel:1234567890"},
        {"destination": "4711"},
        {"recipients": "a b"},
        {"user_id": 4711},
        {"asked": {"chat": {"id": 1}, "chat_id": 4711}},
    ],
)
def test_whoever_is_told_is_no_business_of_the_logs(said: dict[str, object]) -> None:
    stream = io.StringIO()
    set_up("json", stream=stream)
    structlog.get_logger("paperlark.test").info("told", **said)
    line = stream.getvalue()
    assert "[address]" in line
    assert all(secret not in line for secret in ("4711", "1001234567890", "1234567890", "a b"))


@pytest.mark.parametrize(
    "text",
    [
        "Bad Request: chat_id=4711 not found",
        "group -1001234567890 was upgraded",
        "no access to channel:123456789012345678",
        '{"chat_id": 4711}',
    ],
)
def test_a_chat_within_a_line_is_hidden(text: str) -> None:
    assert not any(number in redacted(text) for number in ("4711", "1001234567890", "123456789012345678"))


# ── the lines of the whole suite ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "line",
    [
        "delivered to ann@example.org",
        f"POST https://api.telegram.org/bot{TOKEN}/sendMessage",
        "GET /feeds/pl_feed_AbCdEfGhIjKlMnOpQrStUvWxYz012345.atom",
        "not delivered channel=telegram chat=471142",
        "moved to -1001234567890",
        "GET /m/AAAAAAAAAAEAAAAAAAAAAg.eTajeF9R5ObwSlk6zsTSCx89XU9E_bDt3Fi9qk0OF2A",
    ],
)
def test_the_suites_own_search_would_notice(line: str) -> None:
    assert telling(line) is not None


def test_the_suites_own_search_takes_ordinary_lines_for_ordinary() -> None:
    for line in ("polled source=arxiv:cs.CL seen=312", "delivered channel=telegram delivery=18f3a delivery parts=2"):
        assert telling(line) is None


async def test_what_the_tests_log_is_searched(log_lines: LogLines) -> None:
    log_lines.listen()
    before = log_lines.written
    structlog.get_logger("paperlark.test").info("polled", source="arxiv")
    logging.getLogger("some.library").warning("mail of %s", "ann@example.org")
    assert log_lines.written == before + 2 and log_lines.faults == []
    log_lines.write("mail of ann@example.org\n")
    assert len(log_lines.taken()) == 1


async def test_what_a_test_captures_is_searched_too(log_lines: LogLines) -> None:
    log_lines.listen()
    before = log_lines.written
    ours = structlog.get_logger("paperlark.test")
    with capture_logs() as lines:
        ours.info("polled", source="arxiv", chat=4711)
    assert lines == [{"event": "polled", "source": "arxiv", "chat": 4711, "log_level": "info"}]
    assert log_lines.written == before + 1 and log_lines.taken() == []
    with capture_logs():
        ours.warning("key hunter2")
    assert len(log_lines.taken()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "1:" * 100_000,
        "://" * 60_000,
        "a@" * 100_000,
        "authorization:" * 20_000,
        "/u/" + "a" * 200_000,
        "/u/" * 60_000,
    ],
)
def test_long_lines_do_not_stall_the_log(text: str) -> None:
    start = time.thread_time()
    redacted(text)
    assert time.thread_time() - start < 2
