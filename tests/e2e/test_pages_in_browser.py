"""The pages in a real browser: by keyboard, in the dark, on paper, with formulas, and without any script."""

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.house import House


def focused(page: Page) -> str:
    """What the keyboard is on: its words, or its label's."""
    said: str = page.evaluate(
        "(({activeElement: at}) => (at.labels?.[0] ?? at).innerText || at.getAttribute('aria-label') || at.tagName)"
        "(document)"
    )
    return " ".join(said.split())


def test_the_keyboard_skips_to_the_papers_and_walks_on_in_order(nobody: BrowserContext) -> None:
    page = nobody.new_page()
    page.goto("/")
    page.keyboard.press("Tab")
    skip = page.locator("a.skip")
    expect(skip).to_be_focused()
    box = skip.bounding_box()
    assert box is not None and box["x"] >= 0  # it is seen as soon as it is reached
    walked = []
    for _ in range(6):
        page.keyboard.press("Tab")
        walked.append(focused(page))
    assert walked == ["paperlark", "Search all papers", "Search", "Today", "Trending", "Sign in"]
    page.goto("/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    assert "Mar" in focused(page)  # the day before: the head was skipped
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_a_search_is_typed_narrowed_and_marked(nobody: BrowserContext) -> None:
    page = nobody.new_page()
    page.goto("/")
    page.get_by_label("Search all papers").fill("agent*")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("agent*")
    expect(page.locator(".papers mark").first).to_be_visible()
    everything = page.locator(".papers > li").count()
    page.get_by_text("Narrow it").click()
    page.get_by_label("Announced from").fill("2026-03-12")
    page.locator(".narrow button").click()
    expect(page.locator("#n-since")).to_have_value("2026-03-12")
    assert 0 < page.locator(".papers > li").count() < everything
    expect(page.locator("#q")).to_have_value("agent*")


def test_formulas_are_drawn_and_votes_are_plotted(nobody: BrowserContext, lively: House) -> None:
    page = nobody.new_page()
    page.goto(lively.everybody["/papers/{id}"][0])
    fraction = page.locator("math mfrac").first
    box, letter = fraction.bounding_box(), page.locator(".abstract math mi").first.bounding_box()
    assert box is not None and letter is not None and box["height"] > letter["height"]
    assert page.locator("h1 math").count() == 2
    expect(page.locator("svg.votes-line")).to_have_attribute("aria-label", "from 12 upvotes on Monday 9 March 2026 "
                                                             "to 71 on Wednesday 11 March 2026")  # fmt: skip
    expect(page.locator("dd", has_text="version 2")).to_contain_text("arXiv cs.CL")


def test_the_dark_theme_is_dark_and_paper_is_white(nobody: BrowserContext) -> None:
    page = nobody.new_page()
    page.goto("/")

    def ground() -> list[int]:
        said: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return [int(part) for part in said.removeprefix("rgb(").removesuffix(")").split(",")]

    assert min(ground()) > 230
    page.emulate_media(color_scheme="dark")
    assert max(ground()) < 40
    page.emulate_media(color_scheme="light", media="print")
    assert ground() == [255, 255, 255]
    for gone in ("header form", "nav.days", "footer", ".by-mail", ".ways"):
        expect(page.locator(gone).first).to_be_hidden()
    expect(page.locator(".papers h2").first).to_be_visible()


def test_everything_is_there_without_a_script(chromium: Browser, lively: House) -> None:
    context = chromium.new_context(base_url=lively.home, java_script_enabled=False)
    page = context.new_page()
    page.goto("/month/2026-03")
    page.locator(".calendar td a").first.click()
    expect(page.locator("h1")).to_contain_text("March 2026")
    page.get_by_role("link", name="Abstract and more").first.click()
    expect(page.locator(".abstract")).to_be_visible()
    context.close()
