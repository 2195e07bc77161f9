"""The account on its page: places, tokens, feeds, everything as a file, the end."""

import json
import re

from paperlark.readers import account as accounts_of
from paperlark.readers import follow, link
from paperlark.store import accounts
from paperlark.store.database import Store
from paperlark.store.tables import ACCOUNT
from tests.builders import count
from tests.web.archive import Client
from tests.web.reading import fields_of, signed_in


async def test_a_code_makes_a_bot_the_same_reader(client_of_both: Client, store: Store) -> None:
    browser, account = await signed_in(client_of_both, store)
    page = await browser.post("/account/code")
    code = page.says(".big code")
    assert re.fullmatch("[0-9A-Z]{4}-[0-9A-Z]{4}", code)
    assert f"/link {code}" in page.says("dl") and "Good for ten minutes" in page.says(".heading")
    assert await link.redeem(store, code, "telegram", "7") == account
    page = await browser.get("/account")
    assert [each.split(" since")[0] for each in page.all("[aria-labelledby=link] li > span")] == [
        "Browser",
        "Telegram 7",
    ]
    (_, form) = page.tree.css("[aria-labelledby=link] li form")
    page = await browser.post("/account/identities", **fields_of(form))
    assert page.says("p.said").startswith("Unlinked")
    page = await browser.post("/account/identities", platform="browser", id="x")
    assert page.status == 422
    async with store.reading() as tx:
        assert await accounts.known(tx, "telegram", "7") is None


async def test_too_many_codes_are_refused_in_a_line(client: Client, sqlite_store: Store) -> None:
    browser, _ = await signed_in(client, sqlite_store)
    statuses = [(await browser.post("/account/code")).status for _ in range(6)]
    assert statuses == [200] * 5 + [422]


async def test_a_token_is_shown_once_works_and_is_revoked(client: Client, sqlite_store: Store) -> None:
    browser, _ = await signed_in(client, sqlite_store)
    page = await browser.get("/account")
    form = page.fields("form[action='/account/tokens']")
    del form["scope-profiles:write"]
    page = await browser.post("/account/tokens", **form | {"name": "script"})
    secret = page.says(".shown code")
    bearer = {"Authorization": f"Bearer {secret}"}
    async with client.get("/api/v1/profiles", headers=bearer) as answer:
        assert answer.status == 200
    async with client.post("/api/v1/profiles", headers=bearer, json={"text": "larks"}) as answer:
        assert answer.status == 403
    page = await browser.get("/account")
    assert secret not in (page.tree.html or "")
    (entry,) = [each for each in page.tree.css("[aria-labelledby=programs] li") if "script" in each.text()]
    assert entry.css("code")[0].text() == f"{secret[:12]}…"
    page = await browser.post(entry.css("form")[0].attributes["action"] or "")
    assert page.says("p.said").startswith("Revoked")
    async with client.get("/api/v1/profiles", headers=bearer) as answer:
        assert answer.status == 401


async def test_a_token_that_cannot_be_leaves_the_form_as_it_was(client: Client, sqlite_store: Store) -> None:
    browser, _ = await signed_in(client, sqlite_store)
    whole = {"name": "script", "lasts": "30", "scope-matches:read": "yes"}
    for wrong in (whole | {"name": " "}, whole | {"name": "x" * 101}, {"name": "script", "lasts": "30"}):
        page = await browser.post("/account/tokens", **wrong)
        assert page.status == 422 and page.says("#fault-tokens")
        assert page.fields("form[action='/account/tokens']") == wrong


async def test_a_feeds_address_is_shown_once_read_and_ended(client: Client, sqlite_store: Store) -> None:
    browser, account = await signed_in(client, sqlite_store)
    profile = await follow.follow(sqlite_store, account, "larks", name="Birds")
    page = await browser.post("/account/feeds", profile=str(profile.id))
    addresses = page.all("dd.shown")
    assert len(addresses) == 3
    path = "/feeds/" + addresses[0].rpartition("/feeds/")[2]
    async with client.get(path) as answer:
        assert answer.status == 200
    page = await browser.post("/account/feeds", profile="")
    assert page.all("dt") == ["OPML"]
    page = await browser.get("/account")
    assert [each.split(" made")[0] for each in page.all("[aria-labelledby=feeds] li > span")] == [
        "Birds",
        "All profiles",
    ]
    page = await browser.post(page.tree.css("[aria-labelledby=feeds] li form")[0].attributes["action"] or "")
    assert page.says("p.said").startswith("Ended")
    async with client.get(path) as answer:
        assert answer.status == 410


async def test_everything_is_a_file_of_its_own_reader(client: Client, sqlite_store: Store) -> None:
    browser, account = await signed_in(client, sqlite_store)
    await follow.follow(sqlite_store, account, "larks", name="Birds")
    async with client.get("/account/export", cookies=browser.cookies) as answer:
        assert "attachment" in answer.headers["Content-Disposition"]
        assert answer.headers["Cache-Control"] == "no-store"
        kept = json.loads(await answer.text())
    assert [each["name"] for each in kept["profiles"]] == ["Birds"]
    assert kept["account"]["id"] == str(account)


async def test_an_account_is_deleted_only_where_the_word_is_typed(client: Client, sqlite_store: Store) -> None:
    browser, account = await signed_in(client, sqlite_store)
    page = await browser.post("/account/delete", confirm="yes")
    assert page.status == 422 and "Type “delete”" in page.says("#fault-delete")
    assert (await accounts_of.about(sqlite_store, account)).id == account
    page = await browser.post("/account/delete", confirm=" Delete ")
    assert page.says("h1") == "Forgotten"
    assert "Sign in" in page.all("nav.rooms a")
    assert browser.cookies == {} and await count(sqlite_store, ACCOUNT) == 0


async def test_another_readers_tokens_and_feeds_are_not_there(client: Client, sqlite_store: Store) -> None:
    ada, account = await signed_in(client, sqlite_store)
    eve, _ = await signed_in(client, sqlite_store)
    await ada.post("/account/feeds", profile="")
    page = await ada.get("/account")
    feed = page.tree.css("[aria-labelledby=feeds] li form")[0].attributes["action"] or ""
    async with sqlite_store.reading() as tx:
        (token,) = await accounts.tokens(tx, account, await tx.now())
    for path in (feed, f"/account/tokens/{token.id}", "/account/feeds/x", f"/account/feeds/{'9' * 19}"):
        assert (await eve.post(path)).status == 404
    assert (await ada.get("/account")).tree.css("[aria-labelledby=feeds] li form")
