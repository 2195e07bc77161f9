"""The door out, against real sockets on loopback."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from yarl import URL

from paperlark.http import HostPace, Http, _redirect, _tells_others
from paperlark.model.problems import SourceError
from paperlark.model.sources import Manners
from paperlark.testing.names import Names
from paperlark.testing.sites import Reply, Site
from tests.wire import OK, wire

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
    assert caught.value.asked_to_wait is (status == 429)


async def test_304_to_a_plain_request_is_told_apart_from_an_answer(site: Site) -> None:
    site.answers("/a", Reply(status=304))
    async with door() as http:
        assert (await http.get(f"{site.url}/a")).not_modified


async def test_validators_go_along_with_a_redirect_and_304_may_come_from_there(site: Site) -> None:
    site.answers("/a", Reply(status=302, headers={"Location": "/b"}))
    site.answers("/b", Reply(b"papers", headers={"ETag": '"b"'}))
    async with door() as http:
        first = await http.get(f"{site.url}/a")
        second = await http.get(f"{site.url}/a", validators=first.validators)
    assert [first.validators, second.not_modified, second.body] == [('"b"', None), True, b""]


async def test_validators_that_are_no_text_are_not_kept_for_they_could_not_be_echoed() -> None:
    asked: list[bytes] = []
    answer = OK + b'ETag: "caf\xe9"\r\nLast-Modified: gestern, fr\xc3\xbch\r\nContent-Length: 2\r\n\r\nhi'
    async with wire(answer, asked=asked) as url, door() as http:
        first = await http.get(url)
        assert first.validators == (None, "gestern, früh")
        await http.get(url, validators=first.validators)
    assert "If-Modified-Since: gestern, früh\r\n".encode() in asked[1]
    assert b"If-None-Match" not in asked[1]


async def test_answer_says_how_long_it_stays_good_and_so_does_a_304(site: Site) -> None:
    headers = {"Cache-Control": "max-age=600", "Age": "60"}
    site.answers("/a", Reply(b"papers", headers=headers), Reply(status=304, headers=headers), Reply(b"papers"))
    async with door() as http:
        manners = [(await http.get(f"{site.url}/a")).manners for _ in range(3)]
    assert manners == [Manners(timedelta(minutes=9)), Manners(timedelta(minutes=9)), Manners()]


@pytest.mark.parametrize(
    ("steps", "moved"), [([301], True), ([308, 301], True), ([302], False), ([301, 302], False), ([307, 308], False)]
)
async def test_a_move_is_adopted_only_where_every_redirect_is_for_good(
    site: Site, steps: list[int], moved: bool
) -> None:
    for number, status in enumerate(steps):
        site.answers(f"/{number}", Reply(status=status, headers={"Location": f"/{number + 1}#part"}))
    site.answers(f"/{len(steps)}", Reply(b"here"), Reply(status=304))
    async with door() as http:
        for _ in range(2):
            answer = await http.get(f"{site.url}/0")
            assert answer.manners.moved_to == (f"{site.url}/{len(steps)}" if moved else None)


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


async def test_redirects_share_one_budget_of_time(site: Site) -> None:
    for step in range(3):
        site.answers(f"/{step}", Reply(b"x", 301, {"Location": f"/{step + 1}"}, wait=0.2))
    site.answers("/3", Reply(b"here"))
    async with door() as http:
        assert (await http.get(f"{site.url}/0", timeout=2)).body == b"here"
        with pytest.raises(SourceError, match=r"no whole answer within 0\.5 s"):
            await http.get(f"{site.url}/0", timeout=0.5)


async def test_host_that_is_not_there_is_one_plain_line() -> None:
    async with Site() as gone:
        url = gone.url
    async with door() as http:
        with pytest.raises(SourceError, match=r"^rss: 127\.0\.0\.1: no connection$") as refused:
            await http.get(url, asker="rss")
        with pytest.raises(SourceError, match=r"^nowhere\.invalid: no such host is known$") as unknown:
            await http.get("http://nowhere.invalid/")
    assert refused.value.unreached and unknown.value.unreached


async def test_one_request_at_a_time_goes_to_one_host(site: Site) -> None:
    site.answers("/a", Reply(bytes(4 * 1024), pause=0.05))
    async with door() as http:
        began = time.perf_counter()
        await asyncio.gather(*(http.get(f"{site.url}/a") for _ in range(4)))
        assert time.perf_counter() - began >= 4 * 0.05


async def test_authorisation_is_not_carried_to_another_port_of_its_host(site: Site) -> None:
    async with Site() as other, door() as http:
        other.answers("/end", Reply(b"here"))
        site.answers("/a", Reply(status=302, headers={"Location": f"{other.url}/end"}))
        await http.get(f"{site.url}/a", headers={"Authorization": "Bearer secret", "Accept": "text/plain"})
        assert "Authorization" not in other.asked[0].headers
        assert other.asked[0].headers["Accept"] == "text/plain"


def test_nobody_moves_from_https_to_http_for_good() -> None:
    for at, to, for_good in (("https", "https", True), ("http", "https", True), ("https", "http", False)):
        found = _redirect(URL(f"{at}://a.org/x"), 301, {"Location": f"{to}://a.org/y"}, "rss")
        assert (str(found.to), found.for_good) == (f"{to}://a.org/y", for_good)


@pytest.mark.parametrize(
    ("at", "to", "told"),
    [
        ("https://a.org/x", "https://a.org/y", False),
        ("http://a.org/x", "https://a.org/x", False),
        ("https://a.org/x", "http://a.org/x", True),
        ("https://a.org/x", "https://b.org/x", True),
        ("https://a.org/x", "https://sub.a.org/x", True),
        ("https://a.org/x", "https://a.org:444/x", True),
        ("http://a.org:81/x", "http://a.org:81/y", False),
    ],
)
def test_what_authorises_goes_to_its_own_host_and_never_down_to_http(at: str, to: str, told: bool) -> None:
    assert _tells_others(URL(at), URL(to)) is told


async def test_the_environment_names_neither_a_proxy_nor_a_password(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login reader password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    site.answers("/a", Reply(b"papers"))
    async with door() as http:
        assert (await http.get(f"{site.url}/a")).body == b"papers"
    assert "Authorization" not in site.asked[0].headers


async def test_each_request_is_a_line_at_debug_without_its_path_or_query(site: Site) -> None:
    site.answers("/feed/hush", Reply(status=302, headers={"Location": "/b?token=hush"}))
    site.answers("/b", Reply(b"papers"))
    async with door() as http:
        with capture_logs() as lines:
            await http.get(f"{site.url}/feed/hush?token=hush")
            with pytest.raises(SourceError):
                await http.get(f"{site.url}/none?token=hush")
    told = [(line["log_level"], line["host"], line["status"], line["bytes"]) for line in lines]
    assert told == [("debug", "127.0.0.1", status, size) for status, size in ((302, 0), (200, 6), (404, 0))]
    assert all(0 <= line["seconds"] < 5 for line in lines)
    assert "hush" not in str(lines)


class Noted:
    """A pace that holds nobody back, and knows who came."""

    def __init__(self) -> None:
        self.turns: list[tuple[str, float]] = []

    @asynccontextmanager
    async def turn(self, what: str, *, seconds_apart: float, at_most: float) -> AsyncIterator[None]:
        self.turns.append((what, seconds_apart))
        yield


async def test_pace_is_kept_per_lane_and_subdomains_share_one_in_any_spelling() -> None:
    pace = Noted()
    urls = (
        "https://rss.arxiv.org/atom/cs.CL",
        "https://arxiv.org/",
        "https://OAIPMH.arXiv.org./oai",
        "https://export.ａｒｘｉｖ。org/api",
        "https://notarxiv.org/",
        "https://bücher.example/",
    )
    async with Http(CONTACT, pace, resolver=Names({})) as http:
        for url in urls:
            with pytest.raises(SourceError, match="no such host is known"):
                await http.get(url)
    assert pace.turns == [("arxiv.org", 3.0)] * 4 + [("notarxiv.org", 1.0), ("xn--bcher-kva.example", 1.0)]


async def test_a_redirect_takes_the_turn_of_the_host_it_leads_to(site: Site) -> None:
    port = site.url.rpartition(":")[2]
    site.answers("/a", Reply(status=302, headers={"Location": f"http://rss.arxiv.org:{port}/b"}))
    site.answers("/b", Reply(status=302, headers={"Location": f"http://export.arxiv.org:{port}/c"}))
    site.answers("/c", Reply(b"here"))
    pace, names = Noted(), Names(dict.fromkeys(("a.example", "rss.arxiv.org", "export.arxiv.org"), "127.0.0.1"))
    async with Http(CONTACT, pace, resolver=names, allow_private=True) as http:
        assert (await http.get(f"http://a.example:{port}/a")).body == b"here"
    assert pace.turns == [("a.example", 1.0), ("arxiv.org", 3.0), ("arxiv.org", 3.0)]


async def test_the_hosts_of_one_lane_are_asked_one_after_another(site: Site) -> None:
    port = site.url.rpartition(":")[2]
    hosts = [f"{name}.arxiv.org" for name in ("rss", "export", "oaipmh")]
    site.answers("/a", Reply(b"here", wait=0.1))
    names = Names(dict.fromkeys(hosts, "127.0.0.1"))
    async with door(resolver=names, lanes={"arxiv.org": 0.0}) as http:
        began = time.perf_counter()
        await asyncio.gather(*(http.get(f"http://{host}:{port}/a") for host in hosts))
        assert time.perf_counter() - began >= 0.3


async def test_a_connection_ends_with_its_answer() -> None:
    asked: list[bytes] = []
    async with wire(OK + b"Content-Length: 2\r\n\r\nhi", hold=True, asked=asked) as url, door() as http:
        assert (await http.get(url)).body == b"hi"
    assert b"\r\nConnection: close\r\n" in asked[0]


async def test_host_pace_lets_callers_through_one_after_another() -> None:
    pace = HostPace()

    async def take(what: str, seconds_apart: float) -> None:
        async with pace.turn(what, seconds_apart=seconds_apart, at_most=1):
            pass

    began = time.perf_counter()
    await asyncio.gather(*(take("a", 0.05) for _ in range(3)), take("b", 5))
    assert 0.1 <= time.perf_counter() - began < 1


async def test_host_pace_forgets_hosts_rather_than_grow() -> None:
    pace = HostPace(hosts=10)
    pace._used = {f"old-{number}": -1_000.0 for number in range(10)}
    async with pace.turn("new", seconds_apart=1, at_most=1):
        pass
    assert pace._used.keys() == {"new"}
