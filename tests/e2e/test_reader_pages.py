"""What a script adds to a reader's pages: a text is tried while it is typed, marks are made in place. Whatever a test
marks it takes back, because others look at the same house."""

import re

from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect

from tests.e2e.house import House


def writing(ada: BrowserContext) -> Page:
    """A new profile's page."""
    page = ada.new_page()
    page.goto("/profiles/new")
    return page


def test_a_text_is_tried_while_it_is_typed(ada: BrowserContext) -> None:
    page = writing(ada)
    expect(page.get_by_role("button", name="Try it")).to_be_hidden()
    page.get_by_label("What you look for").press_sequentially("agent*", delay=20)
    expect(page.locator(".brings")).to_contain_text("About one paper")
    expect(page.locator("[data-told]")).to_contain_text("About one paper")  # which a screen reader says
    expect(page.get_by_role("img")).to_have_attribute("aria-label", re.compile("papers from .* the most"))
    page.get_by_label("What you look for").fill("")
    expect(page.locator(".trial > *")).to_have_count(0)
    page.close()


def test_a_text_that_cannot_be_read_is_mended_by_a_press(ada: BrowserContext) -> None:
    page = writing(ada)
    text = page.get_by_label("What you look for")
    text.fill('agents "tool use')
    expect(page.locator(".unread")).to_contain_text("column 8")
    expect(text).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name='agents "tool use"').click()
    expect(text).to_have_value('agents "tool use"')
    expect(text).to_be_focused()
    expect(page.locator(".brings")).to_be_visible()
    expect(text).not_to_have_attribute("aria-invalid", "true")
    page.close()


def test_a_later_text_gives_up_the_one_before(ada: BrowserContext) -> None:
    page = writing(ada)
    given_up: list[str | None] = []
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if not held:
            held.append(route)
        else:
            route.continue_()

    def note(request: Request) -> None:
        given_up.append(request.post_data)

    page.route("**/profiles/preview", hold_the_first)
    page.on("requestfailed", note)
    text = page.get_by_label("What you look for")
    with page.expect_request("**/profiles/preview"):
        text.fill("dodo")
    expect(page.locator(".trial")).to_have_attribute("aria-busy", "true")
    text.fill("agent*")
    expect(page.locator(".brings")).to_contain_text("About one paper")
    expect(page.locator(".trial")).not_to_have_attribute("aria-busy", "true")
    assert given_up == ["text=dodo"]
    page.close()


def test_a_server_that_is_gone_is_said_and_tried_again(ada: BrowserContext) -> None:
    page = writing(ada)
    page.route("**/profiles/preview", lambda route: route.abort())
    text = page.get_by_label("What you look for")
    text.fill("agents")
    expect(page.locator("[data-told]")).to_have_text("This could not be tried just now.")
    page.unroute("**/profiles/preview")
    text.press_sequentially(" ")
    expect(page.locator(".brings")).to_be_visible()
    page.close()


def test_marks_are_made_in_place_and_the_keyboard_stays_where_it_was(ada: BrowserContext) -> None:
    page = ada.new_page()
    page.goto("/for-you")
    first = page.locator(".mine > li").first
    address = page.url
    first.get_by_role("button", name="Not relevant").click()
    expect(first.get_by_role("button", name="Take it back")).to_be_focused()
    page.keyboard.press("Enter")
    expect(first.get_by_role("button", name="Save")).to_be_visible()
    first.get_by_role("button", name="Save").click()
    first.get_by_role("button", name="Saved").click()
    expect(first.locator("form")).to_have_attribute("data-mark", "open")
    assert page.url == address
    page.close()


def test_the_browsers_own_zone_stands_in_a_new_form(chromium: Browser, lively: House) -> None:
    berlin = chromium.new_context(base_url=lively.home, timezone_id="Europe/Berlin")
    berlin.add_cookies([{"name": "paperlark_session", "value": lively.cookie, "url": lively.home}])
    page = berlin.new_page()
    page.goto("/subscriptions/new")
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    berlin.close()
