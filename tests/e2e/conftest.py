"""One house and one browser for all who look at pages; each test has a context of its own, with its own cookies."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.e2e.extension_browser import CHROMIUM, chromium_or_skip
from tests.e2e.house import House, house


@pytest.fixture(scope="session")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A furnished house. Nobody who looks at it changes anything."""
    with house(tmp_path_factory.mktemp("house")) as standing:
        yield standing


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    chromium_or_skip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def nobody(chromium: Browser, lively: House) -> Iterator[BrowserContext]:
    """A browser that is not signed in."""
    with_nothing = chromium.new_context(base_url=lively.home, viewport={"width": 1000, "height": 800})
    with_nothing.set_default_timeout(10_000)
    yield with_nothing
    with_nothing.close()


@pytest.fixture
def ada(nobody: BrowserContext, lively: House) -> BrowserContext:
    """The browser of the reader who lives in the house."""
    nobody.add_cookies([{"name": "paperlark_session", "value": lively.cookie, "url": lively.home}])
    return nobody
