"""Apprise: what is rendered, and how a service on loopback gets it through the library itself."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import pytest
from markdown import markdown  # type: ignore[import-untyped]

from paperlark.channels import apprise
from paperlark.channels.apprise import AT_ONCE, LETTERS, Apprise, Options
from paperlark.model.messages import Payload
from paperlark.model.problems import DeliveryError, ReaderError
from paperlark.testing.sites import Reply, Site

from .digests import ALL, digest, paper

PURE = Apprise(Options("ntfy, JSON,discord"))


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as site:
        site.answers("/", Reply())
        yield site


@pytest.fixture
async def opened() -> AsyncIterator[Apprise]:
    channel = Apprise(Options("json"))
    await channel.open()
    yield channel
    await channel.close()


class Tags(HTMLParser):
    """Which elements there are, and where they lead."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.leads_to: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.leads_to += [value or "" for name, value in attrs if name == "href"]


def at(site: Site, rest: str = "") -> str:
    """A service of Apprise that posts JSON to the site."""
    return site.url.replace("http://", "json://") + rest


async def test_a_service_gets_the_heading_and_the_papers_as_text(site: Site, opened: Apprise) -> None:
    [payload] = PURE.render(digest())
    await opened.send(at(site, "/?format=text"), payload, "1f-0")
    [asked] = site.asked
    said = json.loads(asked.body)
    assert said["title"] == "Morning papers"
    assert said["message"].startswith("Sat 21 Nov 2026 · 3 papers\n\n1. Small Agents, Large Tools")
    assert "because of Agents: “Tool Use” in the title" in said["message"]
    assert "https://huggingface.co/papers/2511.00001" in said["message"]


async def test_a_service_that_takes_markdown_gets_markdown(site: Site, opened: Apprise) -> None:
    [payload] = PURE.render(digest(paper()))
    await opened.send(at(site), payload, "1f-0")
    assert "**[Small Agents, Large Tools" in json.loads(site.asked[0].body)["message"]


async def test_a_service_that_refuses_is_tried_again(site: Site, opened: Apprise) -> None:
    site.answers("/", Reply(status=500))
    with pytest.raises(DeliveryError, match="the service did not take it") as caught:
        await opened.send(at(site), Payload({"title": "t", "text": "x", "markdown": "x"}), "1f-0")
    assert not (caught.value.permanent or caught.value.ambiguous)


async def test_a_service_that_is_no_longer_allowed_is_told_to_its_reader(site: Site, opened: Apprise) -> None:
    with pytest.raises(DeliveryError, match="of a service that is allowed here") as caught:
        await opened.send("ntfy://topic", Payload({"title": "t", "text": "x", "markdown": "x"}), "1f-0")
    assert caught.value.permanent and "topic" not in str(caught.value)


async def test_a_service_that_hangs_holds_up_neither_the_loop_nor_the_end(site: Site, opened: Apprise) -> None:
    site.answers("/", Reply(wait=0.6))
    began = asyncio.get_running_loop().time()
    sending = asyncio.create_task(opened.send(at(site), Payload({"title": "t", "text": "x", "markdown": "x"}), "1f-0"))
    await asyncio.sleep(0.1)
    assert asyncio.get_running_loop().time() - began < 0.4
    await sending


async def test_what_waited_for_a_thread_in_vain_was_surely_not_delivered(
    opened: Apprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    end, begun = threading.Event(), threading.Semaphore(0)

    def hang(address: str, said: object) -> bool:
        begun.release()
        return end.wait(60)

    monkeypatch.setattr(apprise, "_tell", hang)
    monkeypatch.setattr(apprise, "TIMEOUT", 1.0)
    message = Payload({"title": "t", "text": "x", "markdown": "x"})

    async def ambiguous() -> bool:
        with pytest.raises(DeliveryError) as caught:
            await opened.send("json://127.0.0.1:1", message, "1f-0")
        return caught.value.ambiguous

    hanging = [asyncio.create_task(ambiguous()) for _ in range(AT_ONCE)]
    for _ in range(AT_ONCE):
        await asyncio.to_thread(begun.acquire)
    assert not await ambiguous(), "the fifth"
    assert all(await asyncio.gather(*hanging))
    end.set()
    assert not begun.acquire(blocking=False), "nor is it sent later"
    assert Apprise.limits.at_once == AT_ONCE


async def test_no_line_of_any_log_holds_the_address(
    site: Site, opened: Apprise, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    site.answers("/hush", Reply(status=500))
    with pytest.raises(DeliveryError):
        await opened.send(at(site, "/hush"), Payload({"title": "t", "text": "x", "markdown": "x"}), "1f-0")
    assert [record for record in caplog.records if record.name.startswith("apprise")] == []


@pytest.mark.parametrize("name", ALL)
def test_messages_are_of_a_size_that_most_services_take(name: str) -> None:
    for payload in map(PURE.again, PURE.render(ALL[name])):
        alone = payload.content["text"].count("\n\n") <= 4
        assert len(payload.content["text"]) <= (LETTERS if not alone else 3 * LETTERS)
        assert len(payload.content["title"]) <= 110


@pytest.mark.parametrize("name", [name for name in ALL if "hostile" in name])
def test_markdown_shows_what_the_text_says_and_nothing_that_a_title_asks_for(name: str) -> None:
    for payload in PURE.render(ALL[name]):
        seen = Tags()
        seen.feed(markdown(payload.content["markdown"]))
        assert set(seen.names) <= {"p", "strong", "em", "a", "br", "ol", "li"}
        assert all(to.startswith("https://") and "evil" not in to for to in seen.leads_to)
        assert "@everyone" not in payload.content["text"] + payload.content["markdown"]


@pytest.mark.parametrize(
    "written", ["", "ntfy", "slack://a/b/c", "file:///etc/passwd", "ntfy://a b", "json://x\ny", "://x"]
)
def test_what_is_no_address_or_not_allowed_is_explained(written: str) -> None:
    with pytest.raises(ReaderError, match=r"^not an Apprise address: .*\(discord, json, ntfy\)$"):
        PURE.check_address(written)


def test_an_address_keeps_all_but_the_case_of_its_scheme() -> None:
    assert PURE.check_address("NTFY://Topic/?priority=low") == "ntfy://Topic/?priority=low"


def test_markdowns_signs_are_text() -> None:
    assert apprise.escaped("a*b_c [x](y) <z> @all") == r"a\*b\_c \[x\](y) \<z\> @⁠all"
