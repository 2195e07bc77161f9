"""The browser extension as it is, unpacked in a real Chromium, with the real server behind it."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Page, expect

from paperlark.model.readers import MarkKind
from paperlark.readers import follow, link, mark, mute
from paperlark.store.accounts import account_of
from paperlark.store.database import Store, open_store
from paperlark.web import make_web
from tests.builders import numbered, percolate, record, told
from tests.databases import Fresh
from tests.e2e.extension_browser import Reader, chromium_or_skip, reading
from tests.e2e.extension_states import STATES, Moody, show

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

SECONDS = 10.0


@dataclass
class Served:
    """The real web on a store, at one address, coming and going."""

    store: Store
    port: int = 0
    runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def come(self) -> None:
        self.runner = web.AppRunner(make_web(self.store, {}))
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self.runner.addresses[0][1]

    async def go(self) -> None:
        if self.runner is not None:
            await self.runner.cleanup()
        self.runner = None


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served(sqlite: Fresh) -> AsyncIterator[Served]:
    store = await open_store(sqlite())
    serving = Served(store)
    await serving.come()
    yield serving
    await serving.go()
    await store.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Reader]:
    chromium_or_skip()
    async with reading(tmp_path_factory.mktemp("browser")) as reader:
        yield reader


numbers = iter(range(1, 1000))


@dataclass
class Somebody:
    """A reader of the server with the extension paired, who follows larks."""

    reader: Reader
    served: Served
    account: int

    @property
    def store(self) -> Store:
        return self.served.store

    async def announce(self, count: int = 1, topic: str = "larks") -> list[str]:
        """New papers, percolated; their ids."""
        start = 100 * next(numbers)
        recorded = await record(self.store, *numbered(count, topic, start=start))
        await percolate(self.store)
        return [str(number) for number in recorded.papers]

    async def popup(self) -> Page:
        """The popup at rest, with its first paper under the reader's fingers."""
        page = await self.reader.open()
        await page.locator("article:focus-within").wait_for()
        await page.locator("#again:not(.turning)").wait_for()  # its own first round is over
        return page

    async def look(self) -> None:
        """What the alarm does."""
        await self.reader.do(do="refresh")

    async def marks(self, paper: str) -> set[MarkKind]:
        """What the store knows of this reader and a paper."""
        return set((await mark.marked(self.store, self.account, paper)).marks)


@pytest_asyncio.fixture(loop_scope="module")
async def somebody(browser: Reader, served: Served) -> AsyncIterator[Somebody]:
    async with served.store.transaction() as tx:
        account = await account_of(tx, "test", f"reader {next(numbers)}", name="reader", now=await tx.now())
    await follow.follow(served.store, account, "larks")
    code = await link.begin(served.store, account)
    paired = await browser.do(do="pair", server=served.address, code=code.text)
    assert paired == {"kind": "given", "server": served.address}
    yield Somebody(browser, served, account)
    await browser.do(do="leave")
    for page in browser.context.pages[1:]:
        await page.close()


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what the worker does by and by."""
    for _ in range(int(SECONDS / 0.05)):
        if await true():
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"not within {SECONDS:.0f} seconds")


# ── pairing ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_code_from_elsewhere_pairs_this_browser(browser: Reader, served: Served) -> None:
    async with served.store.transaction() as tx:
        account = await account_of(tx, "telegram", "4711", name="ada", now=await tx.now())
    code = await link.begin(served.store, account)
    page = await browser.open("options.html", width=800, height=900)
    await page.fill("#server", served.address.removeprefix("http://"))
    await page.fill("#code", code.text.lower())
    await page.click("#pair")
    await expect(page.locator("#where")).to_have_text(served.address)
    await follow.follow(served.store, account, "larks and owls", name="birds")
    await browser.do(do="refresh")
    popup = await browser.open()
    await expect(popup.locator("#profile option")).to_have_text(["All profiles", "birds"])
    await page.click("#leave")
    await expect(page.locator("#unpaired")).to_be_visible()
    assert "token" not in await browser.kept("token")
    await popup.close()
    await page.close()


async def test_a_code_that_does_not_work_is_said_in_the_servers_own_words(browser: Reader, served: Served) -> None:
    page = await browser.open("options.html")
    await page.fill("#server", served.address)
    await page.fill("#code", "AAAA-AAAA")
    await page.press("#code", "Enter")
    await expect(page.locator("#said")).to_contain_text("this code does not work")
    await page.close()


async def test_an_account_made_on_the_spot_can_follow_and_be_joined_by_others(browser: Reader, served: Served) -> None:
    page = await browser.open("options.html")
    await page.fill("#server", served.address)
    await page.click("#begin")
    await expect(page.locator("#paired")).to_be_visible()
    await page.click("#join")
    await expect(page.locator("#joined")).to_contain_text(re.compile("[0-9A-Z]{4}-[0-9A-Z]{4}"))
    popup = await browser.open()
    await popup.fill("#panel input", "larks -owls")
    await popup.press("#panel input", "Enter")
    await expect(popup.locator("#toast")).to_contain_text("larks -owls")
    await expect(popup.locator("#profile option")).to_have_text(["All profiles", "larks -owls"])
    await browser.do(do="leave")
    await popup.close()
    await page.close()


# ── what matched ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_badge_counts_a_paper_that_matched_and_the_popup_says_why(somebody: Somebody) -> None:
    assert await somebody.reader.badge() == ("", "paperlark: nothing unread")
    await somebody.announce()
    await somebody.look()
    assert await somebody.reader.badge() == ("1", "paperlark: 1 unread paper")
    popup = await somebody.popup()
    paper = popup.locator("#unread article")
    await expect(paper).to_have_count(1)
    await expect(paper.locator("h2 mark")).to_have_text("larks")
    await expect(paper.locator(".why b")).to_have_text("larks")
    await expect(paper.locator(".why")).to_contain_text("“larks”")
    assert (await paper.locator("h2 a").get_attribute("href") or "").startswith("https://arxiv.org/abs/2603.")
    assert await popup.evaluate("document.activeElement.closest('article') !== null")


async def test_the_popup_paints_from_storage_before_the_server_answers(somebody: Somebody) -> None:
    await somebody.announce()
    await somebody.look()
    await somebody.served.go()
    try:
        popup = await somebody.reader.open()
        painted = await popup.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? performance.now()"
        )
        await expect(popup.locator("#unread article")).to_have_count(1)
        assert painted < 1000  # a tenth of it on a quiet machine
    finally:
        await somebody.served.come()


async def test_saving_and_dropping_by_key_reach_the_store(somebody: Somebody) -> None:
    second, first = sorted(await somebody.announce(2))
    await somebody.look()
    popup = await somebody.popup()
    shown = [str(await each.get_attribute("data-paper")) for each in await popup.locator("article").all()]
    assert sorted(shown) == sorted([first, second])
    await popup.keyboard.press("s")
    await expect(popup.locator("[aria-pressed=true]")).to_have_count(1)
    await popup.keyboard.press("j")
    await popup.keyboard.press("x")
    await expect(popup.locator("article")).to_have_count(1)
    await until(lambda: _has(somebody, shown[0], {MarkKind.SAVED}))
    await until(lambda: _has(somebody, shown[1], {MarkKind.DISMISSED}))
    assert (await somebody.reader.badge())[0] == ""
    await popup.click("#toast button")
    await expect(popup.locator("article")).to_have_count(2)
    await until(lambda: _has(somebody, shown[1], set()))


async def _has(somebody: Somebody, paper: str, marks: set[MarkKind]) -> bool:
    return await somebody.marks(paper) == marks


async def test_opening_a_paper_marks_it_read(somebody: Somebody) -> None:
    page = f"{somebody.served.address}/healthz"  # a page that is surely there
    recorded = await record(somebody.store, told("Larks at home", arxiv="2603.99999", url=page))
    await percolate(somebody.store)
    await somebody.look()
    popup = await somebody.popup()
    async with somebody.reader.context.expect_page() as opened:
        await popup.keyboard.press("o")
    assert (await opened.value).url == page
    await until(lambda: _has(somebody, str(recorded.papers[0]), {MarkKind.READ}))
    await expect(popup.locator("article.read")).to_have_count(1)


async def test_what_is_muted_reaches_the_store_and_leaves_the_list(somebody: Somebody) -> None:
    await somebody.announce()
    await somebody.look()
    popup = await somebody.popup()
    await popup.keyboard.press("m")
    await popup.get_by_role("button", name="the word “larks”").click()
    await expect(popup.locator("#unread article")).to_have_count(0)
    assert [str(each) for each in await mute.muted(somebody.store, somebody.account)] == ["word larks"]
    await popup.click("#toast button")
    await until(lambda: _nothing_muted(somebody))


async def _nothing_muted(somebody: Somebody) -> bool:
    return await mute.muted(somebody.store, somebody.account) == []


async def test_another_profile_is_chosen_and_shown_alone(somebody: Somebody) -> None:
    await follow.follow(somebody.store, somebody.account, "owls")
    await somebody.announce(2)
    await somebody.announce(1, "owls")
    await somebody.look()
    popup = await somebody.popup()
    await expect(popup.locator("#unread article")).to_have_count(3)
    await popup.select_option("#profile", label="owls")
    await expect(popup.locator("#unread article")).to_have_count(1)
    await expect(popup.locator("#unread h2 mark")).to_have_text("owls")
    assert (await somebody.reader.badge())[0] == "3"


async def test_the_archive_is_searched_and_a_query_that_cannot_be_read_says_what_would(somebody: Somebody) -> None:
    await somebody.announce(2, "kingfishers")
    popup = await somebody.reader.open()
    await popup.fill("#query", "kingfisher")
    await expect(popup.locator("#unread article")).to_have_count(2)
    await expect(popup.locator("#unread-heading")).to_have_text("2 papers found")
    await popup.fill("#query", '"kingfisher')
    await expect(popup.locator("#banner .fault")).to_contain_text("quote")
    await popup.click("#banner button")
    await expect(popup.locator("#query")).to_have_value('"kingfisher"')
    await popup.keyboard.press("Escape")


async def test_a_search_goes_on_in_other_words_and_from_a_paper_to_those_like_it(somebody: Somebody) -> None:
    await somebody.announce(3, "bowerbirds")
    popup = await somebody.reader.open()
    await popup.fill("#query", "bowerbird study nests")
    await expect(popup.locator("#panel h2")).to_have_text("Nothing found")
    await popup.get_by_role("button", name="In other words too").click()
    await expect(popup.locator("#unread article")).not_to_have_count(0)
    await expect(popup.locator("#banner")).to_contain_text("What is about this")
    await popup.get_by_role("button", name="In these words only").click()
    await expect(popup.locator("#panel h2")).to_have_text("Nothing found")
    await popup.fill("#query", "bowerbirds")
    await expect(popup.locator("#unread article")).to_have_count(3)
    first = popup.locator("#unread article").first
    title = await first.locator("h2").inner_text()
    await first.locator("[data-act=alike]").click()
    await expect(popup.locator("#banner")).to_contain_text(f"Papers like “{title}”")
    await expect(popup.locator("#unread .why", has_text="“bowerbirds”")).to_have_count(2)
    await popup.get_by_role("button", name="Back").click()
    await expect(popup.locator("#banner")).to_be_empty()


# ── trouble ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_done_while_the_server_is_gone_reaches_it_when_it_is_back(somebody: Somebody) -> None:
    (paper,) = await somebody.announce()
    await somebody.look()
    await somebody.served.go()
    try:
        popup = await somebody.popup()
        await expect(popup.locator("#banner")).to_contain_text("cannot be reached")
        await popup.keyboard.press("s")
        await expect(popup.locator("#banner")).to_contain_text("1 change waits")
        text, title = await somebody.reader.badge()
        assert (text, "cannot be reached" in title) == ("", True)
    finally:
        await somebody.served.come()
    await popup.click("#banner button")
    await expect(popup.locator("#banner")).to_be_empty()
    assert await somebody.marks(paper) == {MarkKind.SAVED}


async def test_a_token_that_was_taken_back_signs_the_browser_out(somebody: Somebody) -> None:
    from paperlark.readers import tokens

    await somebody.look()
    for each in await tokens.listed(somebody.store, somebody.account):
        await tokens.revoke(somebody.store, somebody.account, each.id)
    await somebody.served.go()  # a process remembers a good token for a few seconds
    await somebody.served.come()
    popup = await somebody.reader.open()
    await expect(popup.locator("#panel")).to_contain_text("Pair this browser")
    await until(lambda: _stands(somebody, "!", "paperlark: not paired with an account"))


async def _stands(somebody: Somebody, text: str, title: str) -> bool:
    return await somebody.reader.badge() == (text, title)


async def test_a_worker_that_was_killed_wakes_with_everything_it_knew(somebody: Somebody) -> None:
    await somebody.announce()
    await somebody.look()
    before = await somebody.reader.kept("kept")
    await somebody.reader.kill_worker()
    popup = await somebody.popup()
    await expect(popup.locator("#unread article")).to_have_count(1)
    await somebody.announce()
    await popup.click("#again")
    await expect(popup.locator("#unread article")).to_have_count(2)
    assert await somebody.reader.has_new_worker()
    worker = await somebody.reader.worker()
    assert (await somebody.reader.badge())[0] == "2"
    assert await worker.evaluate("chrome.alarms.get('round').then((alarm) => alarm.periodInMinutes)") >= 1
    assert before["kept"]["profiles"] == (await somebody.reader.kept("kept"))["kept"]["profiles"]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def moody() -> AsyncIterator[Moody]:
    server = Moody()
    await server.come()
    yield server
    await server.leave()


@pytest.mark.parametrize("state", STATES)
async def test_every_state_is_designed_and_fits_the_popup(browser: Reader, moody: Moody, state: str) -> None:
    page = await show(browser, moody, state)
    for part in ("html", "main"):
        assert await page.locator(part).evaluate("(each) => each.scrollWidth") <= 400
    small = await page.evaluate(
        "[...document.querySelectorAll('button, select, input')].filter((each) => each.checkVisibility())"
        ".map((each) => each.getBoundingClientRect()).filter(({width, height}) => width < 24 || height < 24).length"
    )
    assert small == 0  # WCAG 2.2, 2.5.8
    await page.close()


# ── following from a page ──────────────────────────────────────────────────────────────────────────────────────────

ARXIV = """<!doctype html><html><head><title>[2603.00001] Larks that sing</title>
<meta name="citation_title" content="Larks that sing">
<meta name="citation_author" content="Wren, Jenny"><meta name="citation_author" content="O'Hara, Finch">
</head><body><div id="abs"><h1 class="title mathjax"><span class="descriptor">Title:</span>Larks that sing</h1>
<div class="authors"><span class="descriptor">Authors:</span>
<a href="https://arxiv.org/search/q-bio?searchtype=author&amp;query=Wren,+J" rel="nofollow">Jenny Wren</a>,
<a href="https://arxiv.org/search/q-bio?searchtype=author&amp;query=O'Hara,+F" rel="nofollow">Finch O'Hara</a></div>
<blockquote class="abstract mathjax">We study dawn choruses of small birds.</blockquote>
<table><tr><td class="tablecell subjects"><span class="primary-subject">Populations (q-bio.PE)</span></td></tr></table>
</div></body></html>"""
"""What of arXiv's page of a paper matters here, written for this test."""


async def arxiv(reader: Reader) -> Page:
    """A paper's page at arXiv, as far as the browser can tell."""
    page = await reader.context.new_page()
    await page.route("https://arxiv.org/**", lambda route: route.fulfill(body=ARXIV, content_type="text/html"))
    await page.goto("https://arxiv.org/abs/2603.00001")
    return page


CLICK = "(info) => chrome.contextMenus.onClicked.dispatch(info, {id: 1})"


async def test_a_selection_is_followed_from_the_context_menu(somebody: Somebody) -> None:
    page = await arxiv(somebody.reader)
    await page.evaluate(
        "getSelection().setBaseAndExtent(document.querySelector('blockquote').firstChild, 9,"
        " document.querySelector('blockquote').firstChild, 22)"
    )
    selected = await page.evaluate("String(getSelection())")
    assert selected == "dawn choruses"
    worker = await somebody.reader.worker()
    for menu in ("words", "author", "author-link"):
        await worker.evaluate("(id) => chrome.contextMenus.update(id, {})", menu)  # it is there
    # A native menu cannot be clicked from here: its listener is told as the browser would tell it.
    await worker.evaluate(CLICK, {"menuItemId": "words", "selectionText": selected, "pageUrl": page.url})
    await until(lambda: _follows(somebody, '"dawn choruses"'))
    popup = await somebody.reader.open()
    await expect(popup.locator("#toast")).to_contain_text("Following “dawn choruses”")


async def test_an_author_is_followed_from_a_selection_and_from_a_link(somebody: Somebody) -> None:
    page = await arxiv(somebody.reader)
    address = await page.evaluate("document.querySelectorAll('.authors a')[1].href")
    worker = await somebody.reader.worker()
    await worker.evaluate(CLICK, {"menuItemId": "author", "selectionText": "Jenny Wren"})
    await until(lambda: _follows(somebody, 'author:"Jenny Wren"'))
    await worker.evaluate(CLICK, {"menuItemId": "author-link", "linkUrl": address})
    await until(lambda: _follows(somebody, 'author:"O\'Hara, F"'))


async def _follows(somebody: Somebody, text: str) -> bool:
    return text in {each.text for each, _ in await follow.listed(somebody.store, somebody.account)}


async def test_without_the_sites_permission_its_pages_are_left_alone(somebody: Somebody) -> None:
    page = await arxiv(somebody.reader)
    assert await page.locator(".paperlark-follow").count() == 0


async def test_with_the_sites_permission_its_pages_have_a_button_and_no_way_to_the_token(
    served: Served, tmp_path: Path
) -> None:
    chromium_or_skip()
    allowed = {
        "permissions": ["alarms", "storage", "contextMenus", "scripting"],
        "host_permissions": ["https://arxiv.org/*"],
    }
    async with reading(tmp_path, allowed=allowed) as reader:
        assert (await reader.do(do="begin", server=served.address))["kind"] == "given"
        page = await arxiv(reader)
        worlds = await _worlds(page)
        await page.click(".paperlark-follow > button")
        choices = page.locator(".paperlark-follow div button")
        await expect(choices).to_have_text(["Wren, Jenny", "O'Hara, Finch", "the subject q-bio.PE"])
        await choices.first.click()
        await expect(page.locator(".paperlark-follow [role=status]")).to_have_text(
            "Following “Wren, Jenny” from now on"
        )
        kept = (await reader.kept("kept"))["kept"]
        assert [each["name"] for each in kept["profiles"]] == ["Wren, Jenny"]
        for attempt in ("chrome.storage.local.get()", "chrome.runtime.sendMessage({do: 'leave'})"):
            said = await worlds(f"{attempt}.then(JSON.stringify, (fault) => `refused: ${{fault.message}}`)")
            assert said is None or "refused" in said, (attempt, said)
        assert (await reader.kept("token"))["token"].startswith("pl_live_")


async def _worlds(page: Page) -> Callable[[str], Awaitable[Any]]:
    """Says what an expression is worth where the content script runs."""
    session = await page.context.new_cdp_session(page)
    found: list[int] = []

    def note(created: dict[str, Any]) -> None:
        if (
            created["context"]["auxData"].get("type") == "isolated"
            and "chrome-extension" in created["context"]["origin"]
        ):
            found.append(created["context"]["id"])

    session.on("Runtime.executionContextCreated", note)
    await session.send("Runtime.enable")

    async def say(expression: str) -> Any:
        answer = await session.send(
            "Runtime.evaluate",
            {"expression": expression, "contextId": found[-1], "awaitPromise": True, "returnByValue": True},
        )
        return answer["result"].get("value")

    return say
