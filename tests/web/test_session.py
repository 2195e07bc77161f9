"""Signing in on a page, and what a form must bring with it to be taken."""

from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs

from paperlark.links import Links
from paperlark.readers import account, follow, link, session, tokens
from paperlark.store import accounts
from paperlark.store.database import Store, open_store
from paperlark.store.tables import ACCOUNT, TOKEN
from paperlark.testing.clock import FakeClock
from paperlark.web import make_web
from paperlark.web.access import READ, SCOPES
from paperlark.web.session import COOKIE, SECURE_COOKIE
from tests.builders import count
from tests.databases import Fresh
from tests.web.archive import DAY, Client, token
from tests.web.reading import OURS, Browser, signed_in

OTHERS = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
    {"Origin": "https://elsewhere.example"},
    {"Origin": "null"},
    {},
]


# ── in and out ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_new_reader_begins_with_one_button_and_a_profile(client: Client, sqlite_store: Store) -> None:
    browser = Browser(client)
    door = await browser.get("/profiles")
    assert (door.path, door.says("h1")) == ("/sign-in?next=/profiles", "Your own papers")
    page = await browser.post("/sign-in/new", next="")
    assert (page.status, page.path) == (200, "/profiles/new")
    assert await count(sqlite_store, ACCOUNT) == 1
    again = await browser.post("/sign-in/new", next="")  # pressed twice
    assert again.path == "/profiles/new"
    assert await count(sqlite_store, ACCOUNT) == 1


async def test_a_code_from_elsewhere_signs_in_once_and_leads_back(client_of_both: Client, store: Store) -> None:
    async with store.transaction() as tx:
        ada = await accounts.account_of(tx, "telegram", "7", name="ada", now=await tx.now())
    await follow.follow(store, ada, "larks", name="Birds")
    code = (await link.begin(store, ada)).text
    browser = Browser(client_of_both)
    door = await browser.get("/profiles")
    page = await browser.post("/sign-in", **door.fields("form[action='/sign-in']") | {"code": code.lower()})
    assert (page.path, page.all("h2")) == ("/profiles", ["Birds"])

    other = Browser(client_of_both)
    page = await other.post("/sign-in", code=code, next="/profiles")
    assert page.status == 422
    assert "this code does not work" in page.says(".fault").casefold()
    assert page.fields("form[action='/sign-in']") == {"code": code, "next": "/profiles"}
    assert (await other.get("/profiles")).path.startswith("/sign-in")


async def test_who_comes_in_who_fails_to_and_who_leaves_is_logged_without_what_they_came_by(
    client: Client, sqlite_store: Store
) -> None:
    browser = Browser(client)
    with capture_logs() as lines:
        await browser.post("/sign-in", code="AAAA-BBBB", next="")
        await browser.post("/sign-in/new", next="")
        await browser.post("/sign-out")
        async with client.post("/api/v1/pairing", json={"code": "AAAABBBB"}) as answer:
            assert answer.status == 422
        async with client.post("/api/v1/accounts", json={}) as answer:
            made = (await answer.json())["token"]
    assert [(line["event"], line.get("way")) for line in lines] == [
        ("sign-in failed", "code"),
        ("signed in", "new reader"),
        ("signed out", None),
        ("sign-in failed", "code for a program"),
        ("signed in", "new reader"),
    ]
    assert "AAAA" not in str(lines) and made not in str(lines)


async def test_signing_out_ends_the_session_everywhere(client: Client, sqlite_store: Store) -> None:
    browser, _ = await signed_in(client, sqlite_store)
    kept = dict(browser.cookies)
    assert (await browser.get("/profiles")).says("h1") == "My profiles"
    await browser.post("/sign-out")
    assert browser.cookies == {}
    assert await count(sqlite_store, TOKEN) == 0
    browser.cookies = kept  # somebody has copied it
    assert (await browser.get("/profiles")).path.startswith("/sign-in")


async def test_a_session_ends_after_thirty_days(sqlite: Fresh) -> None:
    clock = FakeClock(DAY)
    store = await open_store(sqlite(), clock=clock)
    ticks = lambda: clock().timestamp()  # noqa: E731 - the same time for what is kept in memory
    async with TestClient(TestServer(make_web(store, {}, ticks=ticks))) as client:
        browser, _ = await signed_in(client, store)
        for days, seconds in ((13, 0), (13, 0), (4, -1)):  # in use all the time
            clock.advance(timedelta(days=days, seconds=seconds))
            assert (await browser.get("/profiles")).says("h1") == "My profiles"
        clock.advance(timedelta(seconds=1))
        assert (await browser.get("/profiles")).path.startswith("/sign-in")
    await store.close()


async def test_a_session_that_nobody_uses_ends_after_fourteen_days_unless_it_is_the_only_way_in(sqlite: Fresh) -> None:
    clock = FakeClock(DAY)
    store = await open_store(sqlite(), clock=clock)
    ticks = lambda: clock().timestamp()  # noqa: E731
    async with TestClient(TestServer(make_web(store, {}, ticks=ticks))) as client:
        newcomer, account_id = await signed_in(client, store)
        used, never = [await by_code(client, store, account_id) for _ in range(2)]
        program = await tokens.make(store, account_id, name=session.PLATFORM, scopes=[READ], lasts=session.LIFE)
        clock.advance(timedelta(days=1))
        assert (await used.get("/profiles")).status == 200
        clock.advance(accounts.IDLE - timedelta(seconds=1))
        assert (await used.get("/profiles")).says("h1") == "My profiles"
        assert (await never.get("/profiles")).path.startswith("/sign-in")
        clock.advance(accounts.IDLE)
        assert (await used.get("/profiles")).path.startswith("/sign-in")
        assert (await newcomer.get("/profiles")).says("h1") == "My profiles"
        assert len(await tokens.listed(store, account_id)) == 2, "the program's, and the newcomer's"
        async with client.get("/api/v1/profiles", headers={"Authorization": f"Bearer {program.token}"}) as answer:
            assert answer.status == 200
    await store.close()


async def by_code(client: Client, store: Store, account_id: int) -> Browser:
    """A browser in which a reader has typed the code that another place showed."""
    browser = Browser(client)
    browser.cookies[COOKIE] = await session.sign_in(store, (await link.begin(store, account_id)).text, list(SCOPES))
    return browser


async def test_a_token_with_few_rights_opens_no_page(client: Client, sqlite_store: Store) -> None:
    browser = Browser(client)
    browser.cookies[COOKIE] = (await token(sqlite_store))["Authorization"].removeprefix("Bearer ")
    assert (await browser.get("/profiles")).path.startswith("/sign-in")


async def test_the_api_takes_no_cookie(client: Client, sqlite_store: Store) -> None:
    browser, _ = await signed_in(client, sqlite_store)
    assert (await browser.get("/api/v1/profiles")).status == 401


async def test_a_deleted_account_is_signed_in_nowhere(client: Client, sqlite_store: Store) -> None:
    browser, account_id = await signed_in(client, sqlite_store)
    await account.delete(sqlite_store, account_id)
    assert (await browser.get("/profiles")).path.startswith("/sign-in")


@pytest.mark.parametrize("home, secure", [("https://papers.example.org", True), ("http://127.0.0.1:8000", False)])
async def test_no_script_and_no_other_page_gets_the_cookie(sqlite_store: Store, home: str, secure: bool) -> None:
    async with (
        TestClient(TestServer(make_web(sqlite_store, {}, links=Links("key", home)))) as client,
        client.post("/sign-in/new", headers=OURS, allow_redirects=False) as answer,
    ):
        cookie = SimpleCookie(answer.headers["Set-Cookie"])[SECURE_COOKIE if secure else COOKIE]
        assert ("Strict-Transport-Security" in answer.headers) is secure
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/"
    assert bool(cookie["secure"]) is secure
    assert timedelta(seconds=int(cookie["max-age"])) == session.LIFE


async def test_signing_in_leads_nowhere_else(client: Client, sqlite_store: Store) -> None:
    browser, _ = await signed_in(client, sqlite_store)
    for onward in ("https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere", "", "/a\r\nb"):
        way = client.get("/sign-in", params={"next": onward}, cookies=browser.cookies, allow_redirects=False)
        async with way as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/for-you"), onward


async def test_guessing_codes_is_held_back(client: Client) -> None:
    browser = Browser(client)
    statuses = [(await browser.post("/sign-in", code=f"AAAA-{n:04}")).status for n in range(21)]
    assert statuses == [422] * 20 + [429]


async def test_new_readers_are_not_made_without_end(client: Client, sqlite_store: Store) -> None:
    statuses = [(await Browser(client).post("/sign-in/new")).status for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    assert await count(sqlite_store, ACCOUNT) == 10


# ── where forms come from ──────────────────────────────────────────────────────────────────────────────────────────


def posts(client: Client) -> list[str]:
    """Every address of a page that takes a form, with something in the place of its variables."""
    by_signed_link = ("/mail", "/u/", "/m/", "/c/")
    found = set()
    for route in client.app.router.routes():
        path = route.resource.canonical if route.resource else ""
        if route.method == "POST" and not path.startswith(("/api/", *by_signed_link)):
            found.add(path.replace("{id}", "1").replace("{platform}", "a"))
    return sorted(found)


async def test_a_form_from_elsewhere_is_refused_wherever_it_is_sent(client: Client, sqlite_store: Store) -> None:
    browser, _ = await signed_in(client, sqlite_store)
    everywhere = posts(client)
    assert len(everywhere) > 12
    for path in everywhere:
        for headers in OTHERS:
            page = await browser.post_from(headers, path)
            assert (page.status, page.says("h1")) == (403, "Not from here"), (path, headers)


async def test_a_form_of_ours_is_taken_from_old_browsers_and_behind_a_proxy(sqlite_store: Store) -> None:
    links = Links("key", "https://papers.example.org")
    async with TestClient(TestServer(make_web(sqlite_store, {}, links=links))) as client:
        own = f"http://{client.host}:{client.port}"
        for origin in (own, own.replace("http:", "https:"), "https://papers.example.org"):
            browser, account_id = await signed_in(client, sqlite_store, name=SECURE_COOKIE)
            await browser.post_from({"Origin": origin}, "/profiles/new", text="larks", do="keep")
            assert len(await follow.listed(sqlite_store, account_id)) == 1, origin


async def test_forms_can_say_where_they_come_from(client: Client, sqlite_store: Store) -> None:
    # With `no-referrer` browsers send forms with `Origin: null`.
    browser, _ = await signed_in(client, sqlite_store)
    for path in ("/sign-in", "/profiles", "/account"):
        async with client.get(path, cookies=browser.cookies, allow_redirects=False) as answer:
            assert answer.headers["Referrer-Policy"] == "same-origin"
            assert answer.headers["Cache-Control"] == "no-store"
    async with client.get("/") as answer:
        assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_every_scope_belongs_to_a_session(client: Client, sqlite_store: Store) -> None:
    browser, _ = await signed_in(client, sqlite_store)
    async with sqlite_store.reading() as tx:
        bearer = await accounts.bearer(tx, browser.cookies[COOKIE], await tx.now())
    assert bearer is not None and bearer.scopes == SCOPES.keys()


async def test_a_page_for_all_shows_who_is_signed_in_and_is_not_shared(client: Client, sqlite_store: Store) -> None:
    browser, _ = await signed_in(client, sqlite_store)
    page = await browser.get("/status")
    assert "Profiles" in page.all("nav.rooms a") and "Sign in" not in page.all("nav.rooms a")
    async with client.get("/status", cookies=browser.cookies) as answer:
        assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Sign in" in (await Browser(client).get("/status")).all("nav.rooms a")
