"""The door out in front of those who mean no good: addresses that lead inside, answers without measure or end."""

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncIterator, Iterable
from itertools import repeat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paperlark.http import Answer, HostPace, Http
from paperlark.model.problems import SourceError
from paperlark.testing.names import Names
from paperlark.testing.sites import Reply, Site
from tests.wire import OK, wire

CONTACT = "https://paperlark.example.org"
MIB = 1024 * 1024


def door(**options: object) -> Http:
    return Http(CONTACT, HostPace(), **{"seconds_apart": 0, "allow_private": True, **options})  # type: ignore[arg-type]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as site:
        yield site


# --- addresses


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.org/feed", "only http and https"),
        ("file:///etc/passwd", "no web address"),
        ("http://user:secret@example.org/", "user name"),
        ("http://example.org:8080/", "port 8080"),
        ("http://[::1", "no web address"),
        ("not an address", "no web address"),
        ("", "no web address"),
    ],
)
async def test_address_that_is_not_asked_is_refused_before_any_connection(url: str, words: str) -> None:
    async with door(allow_private=False) as http:
        with pytest.raises(SourceError, match=words) as caught:
            await http.get(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "①②⑦.⓪.⓪.①"])
async def test_loopback_is_not_dialled_in_any_spelling(site: Site, host: str) -> None:
    port = int(site.url.rpartition(":")[2])
    async with door(allow_private=False, ports=[port]) as http:
        with pytest.raises(SourceError, match=r"its address is not on the public internet$"):
            await http.get(f"http://{host}:{port}/")
    assert site.asked == []


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("ftp://example.org/", "only http and https"),
        ("http://a:b@example.org/", "user name"),
        ("http://[::1", "a redirect to nowhere"),
    ],
)
async def test_redirect_is_checked_as_the_first_address_was(site: Site, target: str, words: str) -> None:
    site.answers("/a", Reply(status=302, headers={"Location": target}))
    async with door() as http:
        with pytest.raises(SourceError, match=words):
            await http.get(f"{site.url}/a")


async def test_a_name_that_means_an_inner_address_is_not_dialled(site: Site) -> None:
    port = int(site.url.rpartition(":")[2])
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        async with door(allow_private=False, ports=[port], resolver=Names({"inside.example": address})) as http:
            with pytest.raises(SourceError, match=r"^inside\.example: its address is not on the public internet$"):
                await http.get(f"http://inside.example:{port}/")
    assert site.asked == []


async def test_a_name_that_turns_inside_after_its_first_answer_gets_no_second(site: Site) -> None:
    port = int(site.url.rpartition(":")[2])
    names = Names({"turncoat.example": ["127.0.0.2", "127.0.0.1"]})
    back = b"HTTP/1.1 302 Found\r\nLocation: /inside\r\nContent-Length: 0\r\n\r\n"
    outside = door(allow_private=["127.0.0.2/32"], ports=[port], resolver=names)
    async with wire(back, host="127.0.0.2", port=port), outside as http:
        with pytest.raises(SourceError, match="not on the public internet"):
            await http.get(f"http://turncoat.example:{port}/")
    assert names.asked == ["turncoat.example"] * 2
    assert site.asked == []


async def test_a_redirect_to_an_inner_address_is_not_followed(site: Site) -> None:
    port = int(site.url.rpartition(":")[2])
    for target in (f"http://localhost:{port}/", f"//127.0.0.1:{port}/", f"http://[::ffff:7f00:1]:{port}/"):
        away = f"HTTP/1.1 301 Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()
        async with (
            wire(away, host="127.0.0.2", port=port) as url,
            door(allow_private=["127.0.0.2"], ports=[port]) as http,
        ):
            with pytest.raises(SourceError, match="not on the public internet"):
                await http.get(url)
    assert site.asked == []


@pytest.mark.parametrize("location", [b"", b"\r\nLocation: /caf\xe9", b"\r\nLocation: http://[::1"])
async def test_a_redirect_that_cannot_be_read_leads_nowhere(location: bytes) -> None:
    answer = b"HTTP/1.1 302 Found" + location + b"\r\nContent-Length: 0\r\n\r\n"
    async with wire(answer) as url, door() as http:
        with pytest.raises(SourceError, match=r"a redirect to nowhere$|no web address$"):
            await http.get(url)


AUTHORITY = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.from_regex(r"[a-z0-9.:@\[\]%-]{1,30}")


@given(scheme=st.sampled_from(["http://", "https://", "//", "", "HTTP:/", "http:///"]), rest=AUTHORITY)
@settings(max_examples=150, deadline=None)
def test_whatever_is_given_for_an_address_is_refused_in_one_line(scheme: str, rest: str) -> None:
    async def ask() -> None:
        async with door(allow_private=False, resolver=Names({})) as http:
            with pytest.raises(SourceError) as caught:
                await http.get(scheme + rest)
            assert "\n" not in str(caught.value)

    asyncio.run(ask())


# --- answers without measure


async def test_size_is_counted_after_decompression(site: Site) -> None:
    site.answers("/bomb", Reply(gzip.compress(bytes(40 * 1024 * 1024)), headers={"Content-Encoding": "gzip"}))
    site.answers("/fits", Reply(gzip.compress(bytes(1000)), headers={"Content-Encoding": "gzip"}))
    async with door() as http:
        with pytest.raises(SourceError, match=r"^127\.0\.0\.1: the answer is larger than 5 MiB$"):
            await http.get(f"{site.url}/bomb")
        assert len((await http.get(f"{site.url}/fits", max_bytes=1000)).body) == 1000
        with pytest.raises(SourceError, match="larger"):
            await http.get(f"{site.url}/fits", max_bytes=999)


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("deflate", zlib.compress(bytes(40 * MIB))),
        ("gzip", gzip.compress(bytes(3 * MIB), mtime=0) * 2),
        ("gzip, gzip", gzip.compress(gzip.compress(bytes(40 * MIB), mtime=0), mtime=0)),
        ("br", b"\x8b\x03\x80" * 10),
    ],
    ids=["deflate", "members", "layers", "br"],
)
async def test_bombs_of_other_makes_go_off_as_little(site: Site, coding: str, packed: bytes) -> None:
    site.answers("/bomb", Reply(packed, headers={"Content-Encoding": coding}))
    async with door() as http:
        with pytest.raises(SourceError, match=r"larger than 5 MiB$|which nobody asked for$"):
            await http.get(f"{site.url}/bomb")
    assert site.asked[0].headers["Accept-Encoding"] == "gzip, deflate"


async def test_an_answer_that_says_it_is_too_large_is_not_even_begun() -> None:
    async with wire([OK + b"Content-Length: 99999999999\r\n\r\n"], hold=True) as url, door() as http:
        with pytest.raises(SourceError, match="larger than 5 MiB"):
            await http.get(url, timeout=5)


def chunks(size: int) -> Iterable[bytes]:
    """A chunked answer that does not end."""
    yield OK + b"Transfer-Encoding: chunked\r\n\r\n"
    yield from repeat(b"%x\r\n" % size + bytes(size) + b"\r\n")


async def test_chunks_without_end_are_too_large_or_too_slow() -> None:
    async with wire(chunks(256 * 1024)) as url, door() as http:
        with pytest.raises(SourceError, match="larger than 5 MiB"):
            await http.get(url)
    async with wire(chunks(1), pause=0.02) as url, door() as http:
        with pytest.raises(SourceError, match=r"no whole answer within 0\.3 s"):
            await http.get(url, timeout=0.3)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"X-Flood: 1\r\n" * 100_000 + b"Content-Length: 0\r\n\r\n",
        OK + b"X-Flood: " + b"x" * MIB + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 " + b"O" * MIB + b"\r\nContent-Length: 0\r\n\r\n",
        b"<html>an answer as in 1991</html>",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        OK + b"Content-Length: -5\r\n\r\nhello",
        OK + b"Content-Length: five\r\n\r\nhello",
        OK + b"Content-Length: 5\r\n\r\nhello, and more than was said",
        OK + b"Transfer-Encoding: chunked\r\n\r\nfive\r\nhello",
        OK + b"X-Null: \x00\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=[
        "headers",
        "header",
        "status-line",
        "0.9",
        "ssh",
        "version",
        "status",
        "lengths",
        "minus",
        "word",
        "more",
        "chunk",
        "null",
    ],
)
async def test_what_is_no_http_is_called_so(answer: bytes) -> None:
    async with wire(answer) as url, door() as http:
        with pytest.raises(SourceError, match=r"^127\.0\.0\.1: what it answers is not HTTP$"):
            await http.get(url, timeout=5)


# --- answers without end


async def test_slow_answer_is_given_up_after_the_whole_time(site: Site) -> None:
    site.answers("/slow", Reply(bytes(100_000), pause=0.05))
    async with door() as http:
        began = time.perf_counter()
        with pytest.raises(SourceError, match=r"127\.0\.0\.1: no whole answer within 0\.2 s"):
            await http.get(f"{site.url}/slow", timeout=0.2)
        assert time.perf_counter() - began < 1


@pytest.mark.parametrize("at_once", [0, len(OK), len(OK) + 21, len(OK) + 23])
async def test_a_byte_now_and_then_is_given_up_wherever_it_begins(at_once: int) -> None:
    answer = OK + b"Content-Length: 500\r\n\r\n" + bytes(500)
    slowly = [answer[:at_once], *(answer[place : place + 1] for place in range(at_once, len(answer)))]
    async with wire(slowly, pause=0.02) as url, door() as http:
        began = time.perf_counter()
        with pytest.raises(SourceError, match=r"no whole answer within 0\.3 s"):
            await http.get(url, timeout=0.3)
        assert time.perf_counter() - began < 3


async def test_informing_that_more_will_come_does_not_hold_us() -> None:
    async with wire(repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n"), pause=0.01) as url, door() as http:
        with pytest.raises(SourceError, match=r"no whole answer within 0\.3 s"):
            await http.get(url, timeout=0.3)


async def test_answer_that_breaks_off_is_no_answer(site: Site) -> None:
    site.answers("/cut", Reply(bytes(100_000), cut_after=50_000))
    site.answers("/damaged", Reply(b"no gzip at all", headers={"Content-Encoding": "gzip"}))
    async with door() as http:
        for path in ("/cut", "/damaged"):
            with pytest.raises(SourceError, match=r"broke off before its end$|packing of its answer is damaged$"):
                await http.get(site.url + path)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "it hung up without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "it hung up without an answer"),
        (OK + b"Content-Length: 9\r\n\r\nhello", "the answer broke off before its end"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "the answer broke off before its end"),
        (
            OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"hello", mtime=0)[:-4],
            "the answer broke off before its end",
        ),
        (
            OK + b"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + gzip.compress(b"hello", mtime=0)[:20],
            "the answer broke off before its end",
        ),
    ],
)
async def test_a_line_that_goes_dead_is_one_plain_line(answer: bytes, words: str) -> None:
    async with wire(answer) as url, door() as http:
        with pytest.raises(SourceError) as caught:
            await http.get(f"{url}/feed?token=hush", asker="rss", timeout=5)
    assert str(caught.value) == f"rss: 127.0.0.1: {words}"


JUNK = st.lists(
    st.binary(max_size=40)
    | st.sampled_from([OK, b"HTTP/1.1 302 x\r\n", b"Location: /\r\n", b"Content-Length: 3\r\n", b"\r\n", b"\r\n\r\n"])
    | st.sampled_from(
        [b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n"]
    ),
    max_size=8,
)


@given(junk=JUNK)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_answered_is_an_answer_or_one_plain_line(junk: list[bytes]) -> None:
    async def ask() -> Answer | SourceError:
        async with wire(b"".join(junk)) as url, door() as http:
            try:
                return await http.get(url, timeout=2)
            except SourceError as error:
                return error

    found = asyncio.run(ask())
    if isinstance(found, SourceError):
        assert str(found).startswith("127.0.0.1: ")
        assert "\n" not in str(found)
