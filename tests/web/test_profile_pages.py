"""My profiles on the page: tried before they are kept, kept, changed, explained, removed; all without a script."""

from datetime import datetime, timedelta

from paperlark.model.readers import MarkKind
from paperlark.readers import follow, mark
from paperlark.store.database import Store
from tests.web.archive import Client, announcement, record
from tests.web.reading import signed_in


async def lately(store: Store, days: int = 1) -> datetime:
    """Some days ago."""
    async with store.reading() as tx:
        return await tx.now() - timedelta(days=days)


async def birds(store: Store) -> list[str]:
    """A few papers of the last days."""
    return await record(
        store,
        announcement("Larks sing at dawn", "A lark is heard.", at=await lately(store, 3)),
        announcement("More of larks", "Larks again.", at=await lately(store, 1)),
        announcement("Of wrens", "A wren is seen.", at=await lately(store, 1)),
    )


# ── trying ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_text_is_tried_before_it_is_kept(client_of_both: Client, store: Store) -> None:
    await birds(store)
    browser, account = await signed_in(client_of_both, store)
    blank = await browser.get("/profiles/new")
    assert blank.tree.css(".plot") == []
    tried = await browser.post("/profiles/new", **blank.fields("form.trying") | {"text": "larks OR wren", "do": "try"})
    assert tried.status == 200
    assert tried.says(".brings").endswith("'larks' alone brings 2 of 3.")
    assert len(tried.tree.css(".plot rect:not(.ground)")) == 2
    assert "3 papers from" in (tried.one(".plot svg").attributes["aria-label"] or "")
    assert len(tried.tree.css(".examples li")) == 3
    assert tried.fields("form.trying")["text"] == "larks OR wren"
    assert await follow.listed(store, account) == []


async def test_the_piece_that_a_script_asks_for_is_the_pages_own(client: Client, sqlite_store: Store) -> None:
    await birds(sqlite_store)
    browser, _ = await signed_in(client, sqlite_store)
    whole = await browser.post("/profiles/new", text="larks", do="try")
    piece = await browser.post("/profiles/preview", text="larks")
    assert piece.tree.css("header") == []
    assert folded(piece.tree.css("body")[0].html) == folded(f"<body>{inner(whole.one('#trial').html)}</body>")
    assert (await browser.post("/profiles/preview", text=" ")).tree.css("body > *") == []


def folded(html: str | None) -> str:
    return " ".join((html or "").split()).replace("> <", "><")


def inner(html: str | None) -> str:
    return (html or "").partition(">")[2].rpartition("</section>")[0]


async def test_a_text_that_cannot_be_read_says_where_and_offers_what_can(client: Client, sqlite_store: Store) -> None:
    browser, account = await signed_in(client, sqlite_store)
    text = 'larks\nagents "test-time'
    for do in ("try", "keep"):
        page = await browser.post("/profiles/new", text=text, name="Mine", do=do)
        assert page.status == 422
        assert "at line 2, column 8" in page.says(".unread p[data-sentence]")
        assert page.one(".unread mark").text() == '"'
        assert page.fields("form.trying") == {"text": text, "name": "Mine"}
        suggestion = page.one("button[name=instead]").attributes["value"] or ""
        better = await browser.post("/profiles/new", text=text, name="Mine", instead=suggestion)
        assert (better.status, better.fields("form.trying")["text"]) == (200, suggestion)
    assert await follow.listed(sqlite_store, account) == []


async def test_narrower_readings_are_buttons_that_try_them(client: Client, sqlite_store: Store) -> None:
    day = await lately(sqlite_store)
    told = [
        announcement(f"{'Agents' if n % 3 else 'Study'} {n}", "agents plan", at=day - timedelta(days=n % 20))
        for n in range(90)
    ]
    await record(sqlite_store, *told)
    browser, _ = await signed_in(client, sqlite_store)
    page = await browser.get("/profiles/new?text=agents")
    offered = [button.attributes["value"] or "" for button in page.tree.css(".readings button[name=instead]")]
    assert offered and all("agents" in each for each in offered)
    narrower = await browser.post("/profiles/new", text="agents", instead=offered[0])
    assert narrower.fields("form.trying")["text"] == offered[0]


async def test_what_it_misses_of_the_saved_papers_is_said(client: Client, sqlite_store: Store) -> None:
    _, _, wren = await birds(sqlite_store)
    browser, account = await signed_in(client, sqlite_store)
    await mark.mark(sqlite_store, account, wren, MarkKind.SAVED)
    assert "It misses 1 of the 1 paper" in (await browser.get("/profiles/new?text=larks")).says("#trial")
    assert "It meets the one paper" in (await browser.get("/profiles/new?text=wrens")).says("#trial")


HOSTILE = ("", "(", "a" * 4001, "\0", "\u202e(", "<script>(", "-x", "x\n(", '"' * 50)


async def test_no_text_breaks_the_page(client: Client, sqlite_store: Store) -> None:
    browser, account = await signed_in(client, sqlite_store)
    for path in ("/profiles/new", "/profiles/preview"):
        for text in HOSTILE:
            page = await browser.post(path, text=text, do="keep")
            assert page.status in (200, 422), (path, text)
            assert page.tree.css("script:not([src])") == []
    assert await follow.listed(sqlite_store, account) == []


# ── keeping ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_profile_is_kept_changed_and_removed(client_of_both: Client, store: Store) -> None:
    browser, account = await signed_in(client_of_both, store)
    page = await browser.post("/profiles/new", text="larks -finches", name="", do="keep")
    ((profile, _),) = await follow.listed(store, account)
    assert page.path == f"/profiles/{profile.id}?done=kept"
    assert page.says("[role=status].said") == "Kept. It counts from now on."
    assert page.fields("form.trying") == {"text": "larks -finches", "name": "larks -finches"}

    page = await browser.post(f"/profiles/{profile.id}", text="larks -finches", name="Birds", do="keep")
    assert (page.says("h1"), page.says("p.said")) == ("Birds", "Saved.")
    page = await browser.post(f"/profiles/{profile.id}", text="wrens", name="Birds", do="try")
    assert page.fields("form.trying")["text"] == "wrens"
    ((same, _),) = await follow.listed(store, account)
    assert (same.text, same.version) == ("larks -finches", 1)
    page = await browser.post(f"/profiles/{profile.id}", text="wrens", name="Birds", do="keep")
    assert page.says("p.said") == "Saved. The new text counts from now on."
    ((changed, _),) = await follow.listed(store, account)
    assert (changed.text, changed.version) == ("wrens", 2)

    page = await browser.post(f"/profiles/{profile.id}/remove")
    assert (page.path, page.says("p.said")) == ("/profiles?done=removed", "Removed, with its subscriptions.")
    assert await follow.listed(store, account) == []


async def test_a_name_that_is_taken_keeps_what_was_typed(client: Client, sqlite_store: Store) -> None:
    browser, account = await signed_in(client, sqlite_store)
    await follow.follow(sqlite_store, account, "larks", name="Birds")
    page = await browser.post("/profiles/new", text="wrens", name="birds", do="keep")
    assert page.status == 422
    assert "you already have a profile named" in page.says(".fault").casefold()
    assert page.fields("form.trying") == {"text": "wrens", "name": "birds"}
    assert page.says("#trial") != ""  # what it would bring is still shown


async def test_a_link_from_a_paper_writes_the_text(client: Client, sqlite_store: Store) -> None:
    browser, _ = await signed_in(client, sqlite_store)
    page = await browser.get("/profiles/new?text=author%3A%22Ada+Finch%22")
    assert page.fields("form.trying")["text"] == 'author:"Ada Finch"'
    assert page.tree.css("#trial .brings")


async def test_the_list_draws_each_profile(client: Client, sqlite_store: Store) -> None:
    await birds(sqlite_store)
    browser, account = await signed_in(client, sqlite_store)
    assert (await browser.get("/profiles")).says(".heading p") == "Nothing is followed yet."
    await follow.follow(sqlite_store, account, "larks", name="Birds")
    await follow.follow(sqlite_store, account, "dodo", name="Gone")
    page = await browser.get("/profiles")
    assert page.all("article h2") == ["Birds", "Gone"]
    assert page.all(".glance p") == ["About one paper every 2 days", "No paper in 30 days"]


# ── what else ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_suggestion_says_why_and_a_button_takes_it(client: Client, sqlite_store: Store) -> None:
    at = await lately(sqlite_store)
    explained = [announcement(f"Song {n}", "Bird language models (BLMs) of song.", at=at) for n in range(3)]
    await record(sqlite_store, *explained, announcement("Song", "Bird language models.", at=at))
    browser, account = await signed_in(client, sqlite_store)
    profile = await follow.follow(sqlite_store, account, "BLM", name="Birds")
    page = await browser.get(f"/profiles/{profile.id}/suggestions")
    assert page.all("h2")[0] == "bird language models"
    assert "3 abstracts explain “BLM” as “bird language models”." in page.says("main")
    changed = 'BLM, "bird language models"'
    assert page.fields("form.acts") == {"text": changed, "name": "Birds"}
    tried = await browser.post(f"/profiles/{profile.id}", text=changed, name="Birds", do="try")
    assert (tried.fields("form.trying")["text"], tried.status) == (changed, 200)
    taken = await browser.post(f"/profiles/{profile.id}", text=changed, name="Birds", do="keep")
    assert taken.says("p.said") == "Saved. The new text counts from now on."
    again = await browser.get(f"/profiles/{profile.id}/suggestions")
    assert "Nothing to suggest" in again.says(".note")
    assert f"/profiles/{profile.id}/suggestions" in [a.attributes["href"] for a in taken.tree.css("main a")]


# ── why ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_profile_says_why_a_paper_meets_it_or_not(client: Client, sqlite_store: Store) -> None:
    lark, _, wren = await birds(sqlite_store)
    browser, account = await signed_in(client, sqlite_store)
    profile = await follow.follow(sqlite_store, account, "larks", name="Birds")
    place = f"/profiles/{profile.id}/explain"
    met = await browser.get(f"{place}?paper={lark}")
    assert "It meets the profile" in met.says(".note")
    assert [node.text() for node in met.tree.css("h2 mark")] == ["Larks"]
    missed = await browser.get(f"{place}?paper={wren}")
    assert "It does not meet the profile" in missed.says(".note") and "larks" in missed.says(".note")
    assert missed.all(".verdict")
    absent = await browser.get(f"{place}?paper=2501.00001")
    assert "No source has told of 2501.00001 so far" in absent.says(".verdict")
    unknown = await browser.get(f"{place}?paper=nonsense")
    assert unknown.status == 422 and unknown.fields("form.line") == {"paper": "nonsense"}


# ── somebody else's ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_another_readers_profile_is_not_there(client: Client, sqlite_store: Store) -> None:
    _, ada = await signed_in(client, sqlite_store)
    eve, _ = await signed_in(client, sqlite_store)
    hers = (await follow.follow(sqlite_store, ada, "larks", name="Hers")).id
    for number in (hers, 1, "x", "9" * 30):
        seen = [await eve.get(f"/profiles/{number}"), await eve.get(f"/profiles/{number}/explain?paper=x")]
        seen += [await eve.post(f"/profiles/{number}", text="wrens", name="Mine", do="keep")]
        seen += [await eve.post(f"/profiles/{number}/remove"), await eve.get(f"/profiles/{number}/suggestions")]
        assert [page.status for page in seen] == [404] * 5
        assert {page.says("main") for page in seen} == {
            "No such profile You have no such profile. To the newest papers"
        }
    ((kept, _),) = await follow.listed(sqlite_store, ada)
    assert (kept.name, kept.text) == ("Hers", "larks")
