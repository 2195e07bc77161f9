"""The door out, against real sockets on loopback."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.http import HostPace, Http, is_public, retry_after
from paperlark.model.problems import SourceError
from paperlark.testing.sites import Reply, Site

CONTACT = "https://paperlark.example.org"


def door(**options: object) -> Http:
    return Http(CONTACT, HostPace(), **{"seconds_apart": 0, "allow_private": True, **options})  # type: ignore[arg-type]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as site:
        yield site


async def test_asks_by_name_without_cookies_and_gives_what_came(site: Site) -> None:
    site.answers("/a", Reply(b"papers", headers={"Set-Cookie": "a=1", "ETag": '"x"'}))
    async with door() as http:
        answer = await http.get(f"{site.url}/a", headers={"Accept": "text/plain"})
        await http.get(f"{site.url}/a")
    assert (answer.status, answer.body, answer.not_modified, answer.validators) == (
        200,
        b"papers",
        False,
        ('"x"', None),
    )
    assert site.asked[0].headers["User-Agent"].startswith("paperlark/")
    assert site.asked[0].headers["User-Agent"].endswith(f"(+{CONTACT})")
    assert site.asked[0].headers["Accept"] == "text/plain"
    assert "Cookie" not in site.asked[1].headers


async def test_validators_are_echoed_as_they_came_and_304_has_no_body(site: Site) -> None:
    site.answers("/a", Reply(b"papers", headers={"ETag": 'W/"odd, tag"', "Last-Modified": "yesterday, they say"}))
    async with door() as http:
        first = await http.get(f"{site.url}/a")
        second = await http.get(f"{site.url}/a", validators=first.validators)
    assert site.asked[1].headers["If-None-Match"] == 'W/"odd, tag"'
    assert site.asked[1].headers["If-Modified-Since"] == "yesterday, they say"
    assert second.not_modified
    assert second.body == b""


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
    ("status", "gone"), [(403, False), (404, False), (410, True), (429, False), (500, False), (503, False)]
)
async def test_refusal_names_its_status_and_the_wait_that_was_asked(site: Site, status: int, gone: bool) -> None:
    site.answers("/a", Reply(b"", status, {"Retry-After": "90"}))
    async with door() as http:
        with pytest.raises(SourceError, match=rf"^rss: 127\.0\.0\.1: {status} .*, asks to wait 90 s$") as caught:
            await http.get(f"{site.url}/a?token=secret", asker="rss")
    assert caught.value.retry_after == timedelta(seconds=90)
    assert caught.value.gone is gone


async def test_304_to_a_plain_request_is_told_apart_from_an_answer(site: Site) -> None:
    site.answers("/a", Reply(status=304))
    async with door() as http:
        assert (await http.get(f"{site.url}/a")).not_modified


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": "Wed, 05 Nov 2025 10:02:00 GMT", "Date": "Wed, 05 Nov 2025 10:00:00 GMT"}, 120),
        ({"Retry-After": "Wed, 05 Nov 2025 09:00:00 GMT", "Date": "Wed, 05 Nov 2025 10:00:00 GMT"}, 0),
        ({"Retry-After": "99999999999999999999"}, 86_400),
        ({"Retry-After": "²"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({}, None),
        ({"RateLimit": '"api";r=0;t=137'}, 137),
        ({"RateLimit": '"api";r=12;t=137'}, None),
    ],
)
def test_retry_after_is_read_from_seconds_and_dates_and_rate_limits(headers: dict[str, str], wait: int | None) -> None:
    assert retry_after(headers) == (None if wait is None else timedelta(seconds=wait))


async def test_redirects_are_followed_to_the_address_that_answers(site: Site) -> None:
    site.answers("/a", Reply(status=302, headers={"Location": "b?x=1"}))
    site.answers("/b", Reply(b"here"))
    async with door() as http:
        answer = await http.get(f"{site.url}/a")
    assert (answer.body, answer.url) == (b"here", f"{site.url}/b?x=1")


async def test_a_fourth_redirect_is_one_too_many(site: Site) -> None:
    for step in range(4):
        site.answers(f"/{step}", Reply(status=301, headers={"Location": f"/{step + 1}"}))
    site.answers("/4", Reply(b"here"))
    async with door() as http:
        assert (await http.get(f"{site.url}/1")).body == b"here"
        with pytest.raises(SourceError, match="more than 3 redirects"):
            await http.get(f"{site.url}/0")


async def test_authorisation_is_not_carried_to_another_host(site: Site) -> None:
    elsewhere = site.url.replace("127.0.0.1", "localhost")
    site.answers("/same", Reply(status=302, headers={"Location": f"{site.url}/end"}))
    site.answers("/other", Reply(status=302, headers={"Location": f"{elsewhere}/end"}))
    site.answers("/end", Reply(b"here"))
    async with door() as http:
        for path in ("/same", "/other"):
            await http.get(site.url + path, headers={"Authorization": "Bearer secret"})
    assert ["Authorization" in asked.headers for asked in site.asked] == [True, True, True, False]


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


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("2002:808:808::1", True),  # 6to4 of 8.8.8.8
        ("64:ff9b::808:808", True),  # NAT64 of 8.8.8.8
        ("10.1.2.3", False),
        ("100.64.0.1", False),  # carriers' shared space
        ("169.254.169.254", False),
        ("192.88.99.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::1", False),
        ("::7f00:1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::1", False),
        ("2002:7f00:1::", False),
        ("2002:a00:1::", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("5f00::1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_only_public_addresses_are_dialled(address: str, public: bool) -> None:
    assert is_public(address) is public


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_by_itself(inner: IPv4Address) -> None:
    outer = [int(IPv6Address(f"{net}")) for net in ("::ffff:0:0", "64:ff9b::", "::")]
    wrapped = [str(IPv6Address(net + int(inner))) for net in outer] + [
        str(IPv6Address((0x2002 << 112) + (int(inner) << 80)))
    ]
    assert all(is_public(address) == is_public(str(inner)) for address in wrapped)


async def test_slow_answer_is_given_up_after_the_whole_time(site: Site) -> None:
    site.answers("/slow", Reply(bytes(100_000), pause=0.05))
    async with door() as http:
        began = time.perf_counter()
        with pytest.raises(SourceError, match=r"127\.0\.0\.1: no whole answer within 0\.2 s"):
            await http.get(f"{site.url}/slow", timeout=0.2)
        assert time.perf_counter() - began < 1


async def test_redirects_share_one_budget_of_time(site: Site) -> None:
    for step in range(3):
        site.answers(f"/{step}", Reply(b"x", 301, {"Location": f"/{step + 1}"}, wait=0.2))
    site.answers("/3", Reply(b"here"))
    async with door() as http:
        assert (await http.get(f"{site.url}/0", timeout=2)).body == b"here"
        with pytest.raises(SourceError, match=r"no whole answer within 0\.5 s"):
            await http.get(f"{site.url}/0", timeout=0.5)


async def test_answer_that_breaks_off_is_no_answer(site: Site) -> None:
    site.answers("/cut", Reply(bytes(100_000), cut_after=50_000))
    site.answers("/damaged", Reply(b"no gzip at all", headers={"Content-Encoding": "gzip"}))
    async with door() as http:
        for path in ("/cut", "/damaged"):
            with pytest.raises(SourceError, match="broke off"):
                await http.get(site.url + path)


async def test_host_that_is_not_there_is_one_plain_line() -> None:
    async with Site() as gone:
        url = gone.url
    async with door() as http:
        with pytest.raises(SourceError, match=r"^rss: 127\.0\.0\.1: no connection$"):
            await http.get(url, asker="rss")
        with pytest.raises(SourceError, match=r"^nowhere\.invalid: no such host is known$"):
            await http.get("http://nowhere.invalid/")


async def test_one_request_at_a_time_goes_to_one_host(site: Site) -> None:
    site.answers("/a", Reply(bytes(4 * 1024), pause=0.05))
    async with door() as http:
        began = time.perf_counter()
        await asyncio.gather(*(http.get(f"{site.url}/a") for _ in range(4)))
        assert time.perf_counter() - began >= 4 * 0.05


async def test_pace_is_kept_per_lane_and_subdomains_share_one() -> None:
    waits: list[tuple[str, float]] = []

    class Noted:
        async def wait(self, what: str, *, seconds_apart: float) -> None:
            waits.append((what, seconds_apart))
            raise SourceError("asked, and that is enough")

    async with Http(CONTACT, Noted()) as http:
        for url in (
            "https://rss.arxiv.org/atom/cs.CL",
            "https://arxiv.org/",
            "https://notarxiv.org/",
            "https://example.org/",
        ):
            with pytest.raises(SourceError, match="that is enough"):
                await http.get(url)
    assert waits == [("arxiv.org", 3.0), ("arxiv.org", 3.0), ("notarxiv.org", 1.0), ("example.org", 1.0)]


async def test_host_pace_lets_callers_through_one_after_another() -> None:
    pace = HostPace()
    began = time.perf_counter()
    await asyncio.gather(*(pace.wait("a", seconds_apart=0.05) for _ in range(3)), pace.wait("b", seconds_apart=5))
    assert 0.1 <= time.perf_counter() - began < 1


async def test_host_pace_forgets_hosts_rather_than_grow() -> None:
    pace = HostPace(hosts=10)
    pace._used = {f"old-{number}": -1_000.0 for number in range(10)}
    await pace.wait("new", seconds_apart=1)
    assert pace._used.keys() == {"new"}
