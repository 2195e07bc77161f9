"""For you, saved, mutes: what met a reader's profiles, and what they do with it, by buttons that need no script."""

from paperlark.model.readers import MarkKind, MuteKind
from paperlark.readers import follow, mark, mute
from paperlark.store.database import Store
from tests.builders import percolate, record, stored, told
from tests.web.archive import Client
from tests.web.reading import Browser, Page, fields_of, signed_in


async def announced(store: Store, *titles: str, **fields: object) -> list[str]:
    """Papers that are announced now, and held against every profile; their ids."""
    before = {paper.id for paper in await stored(store)}
    async with store.reading() as tx:
        now = await tx.now()
    papers = [
        told(title, f"It tells of {title}.", at=now, arxiv=f"2603.{len(before) + n:05}", **fields)  # type: ignore[arg-type]
        for n, title in enumerate(titles)
    ]
    await record(store, *papers)
    await percolate(store)
    return [str(paper.id) for paper in await stored(store) if paper.id not in before]


async def follower(client: Client, store: Store) -> tuple[Browser, int]:
    """A reader of larks and of wrens."""
    browser, account = await signed_in(client, store)
    await follow.follow(store, account, "larks", name="Larks")
    await follow.follow(store, account, "wrens OR dawn", name="Small birds")
    return browser, account


def titles(page: Page) -> list[str]:
    return page.all(".papers h2")


async def press(browser: Browser, page: Page, title: str, button: str, **more: str) -> Page:
    """Press a button under a paper, as a browser does that runs no script."""
    (entry,) = [each for each in page.tree.css(".mine > li") if title in each.text()]
    (form,) = entry.css("form.marks")
    (pressed,) = [each for each in form.css("button") if " ".join(each.text().split()).startswith(button)]
    assert form.attributes["action"] == "/marks"
    return await browser.post("/marks", **fields_of(form), do=pressed.attributes["value"] or "", **more)


# ── what met ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_paper_comes_once_with_every_reason(client_of_both: Client, store: Store) -> None:
    browser, _ = await follower(client_of_both, store)
    await announced(store, "Larks at dawn", "Of wrens", "Of owls")
    page = await browser.get("/for-you")
    assert sorted(titles(page)) == ["Larks at dawn", "Of wrens"]
    assert page.says(".heading p") == "2 unread"
    (reason,) = [each for each in page.all(".why") if "Larks" in each]
    assert reason == "because of Larks: “Larks” in the title · Small birds: “dawn” in the title"
    assert {node.text() for node in page.tree.css("h2 mark")} == {"Larks", "dawn", "wrens"}
    async with store.reading() as tx:
        today = (await tx.now()).date()
    assert str(today.year) in page.says("h2.day")


async def test_what_a_reader_did_with_a_paper_moves_it(client: Client, sqlite_store: Store) -> None:
    browser, account = await follower(client, sqlite_store)
    lark, *_ = await announced(sqlite_store, "A larks' song", "A wrens' song", "Larks and wrens")
    page = await browser.get("/for-you")
    page = await press(browser, page, "A larks' song", "Save")
    assert (page.path, sorted(titles(page))) == ("/for-you", ["A wrens' song", "Larks and wrens"])
    page = await press(browser, page, "A wrens' song", "Not relevant")
    page = await press(browser, page, "Larks and wrens", "Read")
    assert (titles(page), page.says(".heading p")) == ([], "All read.")
    for state, found in (("saved", "A larks' song"), ("dismissed", "A wrens' song"), ("read", "Larks and wrens")):
        assert titles(await browser.get(f"/for-you?state={state}")) == [found]
    assert len(titles(await browser.get("/for-you?state=any"))) == 3
    page = await press(browser, await browser.get("/for-you?state=dismissed"), "A wrens' song", "Take it back")
    assert page.path == "/for-you?state=dismissed"
    assert titles(await browser.get("/for-you")) == ["A wrens' song"]
    page = await press(browser, await browser.get("/saved"), "A larks' song", "Saved")
    assert (page.path, titles(page)) == ("/saved", [])
    assert (await mark.marked(sqlite_store, account, lark)).marks == {}


async def test_a_papers_own_page_has_its_buttons_for_who_is_signed_in(client: Client, sqlite_store: Store) -> None:
    browser, account = await follower(client, sqlite_store)
    (paper,) = await announced(sqlite_store, "Larks")
    assert (await Browser(client).get(f"/papers/{paper}")).tree.css("form.marks") == []
    page = await browser.get(f"/papers/{paper}")
    page = await browser.post("/marks", **page.fields("form.marks"), do="save")
    assert page.path == f"/papers/{paper}" and page.one("form.marks button[value=unsave]")
    ((kept),) = (await mark.saved(sqlite_store, account)).kept
    assert str(kept.paper.id) == paper


async def test_a_script_gets_the_papers_buttons_alone(client: Client, sqlite_store: Store) -> None:
    browser, _ = await follower(client, sqlite_store)
    await announced(sqlite_store, "Larks")
    page = await browser.get("/for-you")
    piece = await press(browser, page, "Larks", "Save", piece="yes")
    assert piece.tree.css("header, article") == []
    assert piece.one("form.marks").attributes["data-mark"] == "saved"
    assert piece.one("form.marks button[value=unsave]")
    assert fields_of(piece.one("form")) == fields_of(page.one("form.marks"))


async def test_all_that_is_shown_is_read_at_once_and_nothing_else(client: Client, sqlite_store: Store) -> None:
    browser, _ = await follower(client, sqlite_store)
    await announced(sqlite_store, *(f"Larks {n}" for n in range(33)))
    page = await browser.get("/for-you")
    shown = set(titles(page))
    assert len(shown) == 30
    form = page.one("form.after")
    assert "Mark these 30 as read" in form.text()
    await announced(sqlite_store, "Larks come late")
    page = await browser.post("/for-you", **fields_of(form))
    assert page.says(".heading p") == "4 unread"
    assert len(titles(page)) == 4 and not shown & set(titles(page))
    assert titles(page)[0] == "Larks come late"


async def test_a_long_list_is_read_on_and_holds_each_paper_once(client: Client, sqlite_store: Store) -> None:
    browser, _ = await follower(client, sqlite_store)
    await announced(sqlite_store, *(f"Larks {n}" for n in range(35)))
    seen: list[str] = []
    path = "/for-you?state=any"
    for _ in range(2):
        page = await browser.get(path)
        seen += titles(page)
        await announced(sqlite_store, f"Larks meanwhile {len(seen)}")
        path = next(iter(page.links(".pages a[rel=next]")), "")
    assert path == "" and sorted(seen) == sorted(f"Larks {n}" for n in range(35))
    assert (await browser.get("/for-you?cursor=nonsense")).status == 400


async def test_one_profile_alone_can_be_looked_at(client: Client, sqlite_store: Store) -> None:
    browser, account = await follower(client, sqlite_store)
    await announced(sqlite_store, "Larks", "Wrens")
    larks, small = [profile for profile, _ in await follow.listed(sqlite_store, account)]
    assert titles(await browser.get(f"/for-you?profile={small.id}")) == ["Wrens"]
    assert (await browser.get("/for-you?profile=")).status == 200  # the form's "every profile"
    eve, _ = await signed_in(client, sqlite_store)
    for wrong in (str(larks.id), "x", "9" * 30):
        assert (await eve.get(f"/for-you?profile={wrong}")).status == 404
    assert titles(await eve.get("/for-you")) == []


async def test_whoever_follows_nothing_is_shown_how_to_begin(client: Client, sqlite_store: Store) -> None:
    browser, account = await signed_in(client, sqlite_store)
    assert (await browser.get("/for-you")).links(".note a") == ["/profiles/new"]
    await follow.follow(sqlite_store, account, "larks")
    assert (await browser.get("/for-you")).links(".note a") == ["/for-you?state=any"]


async def test_no_button_marks_nothing(client: Client, sqlite_store: Store) -> None:
    browser, account = await follower(client, sqlite_store)
    await announced(sqlite_store, "Larks")
    for fields in ({}, {"do": "save"}, {"do": "burn", "paper": "1"}, {"do": "save", "paper": "\0"}):
        assert (await browser.post("/marks", **fields)).status in (400, 422), fields
    assert (await mark.saved(sqlite_store, account)).kept == ()


async def test_a_mark_leads_back_to_pages_of_ours_only(client: Client, sqlite_store: Store) -> None:
    browser, _ = await follower(client, sqlite_store)
    (paper,) = await announced(sqlite_store, "Larks")
    page = await browser.post("/marks", paper=paper, do="read", back="https://elsewhere.example/")
    assert page.path == "/for-you"


# ── saved ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_saved_papers_are_read_on_and_exported(client: Client, sqlite_store: Store) -> None:
    browser, account = await follower(client, sqlite_store)
    numbers = await announced(sqlite_store, *(f"Larks {n}" for n in range(31)))
    assert "Nothing is saved yet." in (await browser.get("/saved")).says(".note")
    for number in numbers:
        await mark.mark(sqlite_store, account, number, MarkKind.SAVED)
    page = await browser.get("/saved")
    (older,) = page.links(".pages a[rel=next]")
    assert len(titles(page)) == 30 and len(titles(await browser.get(older))) == 1
    for export in page.links(".heading a"):
        assert (await browser.get(export)).status == 200
    eve, _ = await signed_in(client, sqlite_store)
    assert (await eve.get(older)).status == 400  # a cursor is of one reader's list


# ── mutes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_a_paper_is_about_is_muted_by_a_button(client: Client, sqlite_store: Store) -> None:
    browser, account = await follower(client, sqlite_store)
    (paper,) = await announced(sqlite_store, "Larks feathers", authors=("Ada Finch",))
    page = await browser.get("/for-you")
    (choose,) = page.links(".marks a")
    assert choose == f"/mutes?paper={paper}"
    page = await browser.get(choose)
    assert page.all(".acts button") == ["Mute “feathers”", "Mute Ada Finch"]
    for form in page.tree.css(".acts form"):
        page = await browser.post("/mutes", **fields_of(form), do="mute")
        assert page.says("p.said").startswith("Muted")
    assert {(each.kind, each.value) for each in await mute.muted(sqlite_store, account)} == {
        (MuteKind.WORD, "feathers"),
        (MuteKind.AUTHOR, "finch, ada"),
    }
    assert titles(await browser.get("/for-you")) == []
    page = await browser.get("/mutes")
    assert [each.split(" author")[0].split(" word")[0] for each in page.all(".rows li > span")] == [
        "Ada Finch",
        "feathers",
    ]
    for form in page.tree.css(".rows form"):
        page = await browser.post("/mutes", **fields_of(form), do="unmute")
    assert page.says("p.said").startswith("It may come again")
    assert titles(await browser.get("/for-you")) == ["Larks feathers"]


async def test_what_cannot_be_muted_is_said_and_kept_in_the_form(client: Client, sqlite_store: Store) -> None:
    browser, account = await follower(client, sqlite_store)
    for kind, value, said in (
        ("word", "", "say what"),
        ("word", "a OR b", "cannot be muted"),
        ("author", '"', "no name"),
        ("colour", "red", "say what"),
    ):
        page = await browser.post("/mutes", kind=kind, value=value, do="mute")
        assert page.status == 422 and said in page.says(".fault").casefold()
        assert page.fields("form.line")["value"] == value
    assert await mute.muted(sqlite_store, account) == []
