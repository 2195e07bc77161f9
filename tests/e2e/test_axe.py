"""Every page, signed in and not, can be used by everyone: axe-core finds nothing in either theme, nothing is wider than
a phone, and the browser has nothing to complain of (a script, a style or a request that the policy forbids).

The pages are those of the application's own router: a page that nobody put on the list fails the first test.
"""

import json
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, ViewportSize

from tests.e2e.house import Addresses, House

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
PHONE = ViewportSize(width=360, height=740)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = {"runOnly": ["color-contrast"]}  # what another theme can change


def test_every_page_of_the_router_is_looked_at(lively: House) -> None:
    assert set(lively.everybody) | set(lively.reader) == lively.routes


@pytest.mark.timeout(300)
def test_axe_finds_nothing_for_everybody(nobody: BrowserContext, lively: House) -> None:
    assert _faults(nobody, lively.everybody) == []


@pytest.mark.timeout(300)
def test_axe_finds_nothing_for_a_reader(ada: BrowserContext, lively: House) -> None:
    assert _faults(ada, lively.reader) == []


@pytest.mark.parametrize("fault", ["<img src=x>", "<p style='color:#888;background:#fff'>soft</p>"])
def test_axe_would_find_it(nobody: BrowserContext, fault: str) -> None:
    page = nobody.new_page()
    page.goto("/status")
    page.evaluate("html => document.querySelector('main').insertAdjacentHTML('beforeend', html)", fault)
    assert _violations(page, {"runOnly": RULES}) or "style" in fault  # the policy itself forbids a style attribute


def _faults(context: BrowserContext, addresses: Addresses) -> list[str]:
    """What is wrong with any of the pages, a line each."""
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    faults: list[str] = []
    shown_first = {several[0] for several in addresses.values()}
    for address in (address for several in addresses.values() for address in several):
        page.set_viewport_size(PHONE)
        answer = page.goto(address)
        assert answer is not None
        expected = f"status of {answer.status}"  # Chromium notes a page's own 404
        faults += [f"{address}: {line}" for line in said if expected not in line or answer.status < 400]
        said.clear()
        faults += [f"{address}: {found}" for found in _violations(page, {"runOnly": RULES})]
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > PHONE["width"]:
            faults.append(f"{address}: {wide} wide on a phone")
        if address in shown_first:
            page.emulate_media(color_scheme="dark")
            faults += [f"{address} in the dark: {found}" for found in _violations(page, COLOURS)]
            page.emulate_media(color_scheme="light")
    page.close()
    return faults


def _violations(page: Page, options: dict[str, Any]) -> list[str]:
    page.evaluate(AXE)
    told = json.dumps({"resultTypes": ["violations"], **options})
    found: list[dict[str, Any]] = page.evaluate(f"axe.run(document, {told}).then(found => found.violations)")
    return [
        f"{each['id']}: {node['html'][:120]} {node['failureSummary'][:200]}" for each in found for node in each["nodes"]
    ]
