"""An account over HTTP: come in, pair, hold tokens, take everything along, leave for good."""

from collections.abc import Sequence
from typing import Any

import pytest

from paperlark.readers import link
from paperlark.readers.tokens import TOKENS_LIMIT
from paperlark.store import accounts
from paperlark.store.database import Store
from paperlark.web.access import SCOPES
from paperlark.web.api.account import ACCOUNTS_AN_HOUR, CODES_AN_HOUR, USUAL
from tests.web.archive import Client
from tests.web.archive import token as token_of

API = "/api/v1"
Headers = dict[str, str]


async def asked(client: Client, method: str, path: str, headers: Headers | None = None, **more: Any) -> tuple[int, Any]:
    """The status and what is said."""
    async with client.request(method, API + path, headers=headers or {}, **more) as answer:
        return answer.status, await answer.json() if answer.content_type.endswith("json") else None


async def begun(client: Client, **said: Any) -> tuple[str, Headers]:
    """A new account on the spot, and its token as a header."""
    status, made = await asked(client, "POST", "/accounts", json=said)
    assert status == 201, made
    return made["account_id"], {"Authorization": f"Bearer {made['token']}"}


@pytest.fixture
async def ada(client: Client) -> Headers:
    """A new reader's token, which may do everything."""
    return (await begun(client))[1]


async def made(client: Client, headers: Headers, scopes: Sequence[str], **said: Any) -> dict[str, Any]:
    status, token = await asked(
        client, "POST", "/account/tokens", headers, json={"name": "a program", "scopes": list(scopes), **said}
    )
    assert status == 201, token
    found: dict[str, Any] = token
    return found


# ── coming in ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_new_account_is_made_on_the_spot_and_owns_nothing(client_of_both: Client, store: Store) -> None:
    client = client_of_both
    number, headers = await begun(client, name="Ada")
    status, about = await asked(client, "GET", "/account", headers)
    assert (status, about["id"], about["name"]) == (200, number, "Ada")
    assert about["scopes"] == sorted(SCOPES)
    assert [each["platform"] for each in about["identities"]] == ["browser"]
    assert await asked(client, "GET", "/profiles", headers) == (200, {"data": [], "next": None})
    assert (await begun(client))[0] != number


async def test_a_code_shown_elsewhere_makes_a_token_of_that_reader(client_of_both: Client, store: Store) -> None:
    client = client_of_both
    headers = await token_of(store, "ada", scopes=list(SCOPES))
    status, code = await asked(client, "POST", "/account/pairing", headers)
    assert status == 201
    said = {"code": code["code"].lower(), "name": "my laptop"}
    status, paired = await asked(client, "POST", "/pairing", json=said)
    assert (status, paired["scopes"]) == (201, sorted(USUAL))
    theirs = {"Authorization": f"Bearer {paired['token']}"}
    assert (await asked(client, "GET", "/account", theirs))[1]["id"] == paired["account_id"]
    assert (await asked(client, "POST", "/account/pairing", theirs))[0] == 403
    listed = (await asked(client, "GET", "/account/tokens", headers))[1]["data"]
    assert [each["name"] for each in listed] == ["test", "my laptop"]
    for wrong in (said, {"code": "0000-0000"}, {"code": "?"}):
        status, refused = await asked(client, "POST", "/pairing", json=wrong)
        assert (status, refused["errors"]) == (422, [{"pointer": "#/code", "detail": link.NO_CODE}])


async def test_who_comes_in_too_often_is_held_back(client: Client) -> None:
    for path, often, body in (("/accounts", ACCOUNTS_AN_HOUR, {}), ("/pairing", CODES_AN_HOUR, {"code": "x"})):
        statuses = [(await asked(client, "POST", path, json=body))[0] for _ in range(often + 1)]
        assert statuses.count(429) == 1 and statuses[-1] == 429


# ── tokens ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_token_is_seen_once_and_known_again_by_its_first_letters(client: Client, ada: Headers) -> None:
    new = await made(client, ada, ["matches:read", "account:read", "matches:read"], days=3)
    secret = new.pop("token")
    assert secret.startswith(new["prefix"]) and len(new["prefix"]) < len(secret) / 3
    assert new["scopes"] == ["account:read", "matches:read"]
    theirs = {"Authorization": f"Bearer {secret}"}
    async with client.get(f"{API}/account/tokens", headers=theirs) as answer:
        text = await answer.text()
        listed = (await answer.json())["data"]
    assert secret not in text
    assert listed[-1] | {"used_at": None} == new and listed[-1]["used_at"] is not None


async def test_a_revoked_token_is_good_for_nothing_at_once(client: Client, ada: Headers) -> None:
    new = await made(client, ada, ["account:read"])
    theirs = {"Authorization": f"Bearer {new['token']}"}
    assert (await asked(client, "GET", "/account", theirs))[0] == 200
    place = f"/account/tokens/{new['id']}"
    assert (await asked(client, "DELETE", place, ada), (await asked(client, "DELETE", place, ada))[0]) == (
        (204, None),
        404,
    )
    assert (await asked(client, "GET", "/account", theirs))[0] == 401


@pytest.mark.parametrize("number", ["", "0", "%25", "_" * 16, "f" * 15, "f" * 17, "٣" * 16, "a%00b"])
async def test_what_is_no_tokens_id_revokes_none(client: Client, ada: Headers, number: str) -> None:
    assert (await asked(client, "DELETE", f"/account/tokens/{number}", ada))[0] in (404, 405)
    assert (await asked(client, "GET", "/account", ada))[0] == 200


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"scopes": []}, "#/scopes"),
        ({"scopes": ["everything"]}, "#/scopes/0"),
        ({"name": ""}, "#/name"),
        ({"name": "x" * 101}, "#/name"),
        ({"days": 0}, "#/days"),
        ({"days": 10**9}, "#/days"),
        ({"colour": "red"}, "#/colour"),
    ],
)
async def test_a_wish_that_cannot_be_is_pointed_at(
    client: Client, ada: Headers, wrong: dict[str, Any], pointer: str
) -> None:
    body = {"name": "a program", "scopes": ["matches:read"], **wrong}
    status, said = await asked(client, "POST", "/account/tokens", ada, json=body)
    assert (status, said["errors"][0]["pointer"]) == (422, pointer)


async def test_an_account_has_so_many_tokens(client: Client, sqlite_store: Store) -> None:
    number, headers = await begun(client)
    async with sqlite_store.transaction() as tx:
        for _ in range(TOKENS_LIMIT - 1):
            await accounts.new_token(
                tx, int(number), name="x", scopes=["account:read"], now=await tx.now(), expires_at=None
            )
    status, said = await asked(client, "POST", "/account/tokens", headers, json={"name": "y", "scopes": list(USUAL)})
    assert status == 422 and "100" in said["detail"]


# ── identities, everything, and the end ────────────────────────────────────────────────────────────────────────────


async def test_an_identity_is_parted_from_but_never_the_last(client_of_both: Client, store: Store) -> None:
    client = client_of_both
    headers = await token_of(store, "ada", scopes=list(SCOPES))
    last = "/account/identities/test/ada"
    assert (await asked(client, "DELETE", last, headers))[0] == 422
    account = int((await asked(client, "GET", "/account", headers))[1]["id"])
    code = await link.begin(store, account)
    await link.redeem(store, code.text, "email", "ada/wren@example.org")
    both = (await asked(client, "GET", "/account", headers))[1]["identities"]
    assert [(each["platform"], each["id"]) for each in both] == [("test", "ada"), ("email", "ada/wren@example.org")]
    assert (await asked(client, "DELETE", "/account/identities/test/eve", headers))[0] == 404
    assert (await asked(client, "DELETE", last, headers))[0] == 204
    assert (await asked(client, "DELETE", last, headers))[0] == 404
    async with store.reading() as tx:
        assert await accounts.known(tx, "test", "ada") is None


async def test_an_export_is_everything_and_no_secret(client: Client, ada: Headers) -> None:
    await asked(client, "POST", "/profiles", ada, json={"text": "larks", "name": "Birds"})
    async with client.get(f"{API}/account/export", headers=ada) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        text, said = await answer.text(), await answer.json()
    assert said["format"] == "paperlark export 1"
    assert [each["name"] for each in said["profiles"]] == ["Birds"]
    assert ada["Authorization"].split()[1] not in text


async def test_a_deleted_account_is_gone_with_all_its_tokens(client_of_both: Client, store: Store) -> None:
    client = client_of_both
    number, headers = await begun(client)
    other, theirs = await begun(client)
    for wrong in ({}, {"confirm": other}, {"confirm": "yes"}):
        assert (await asked(client, "DELETE", "/account", headers, json=wrong))[0] == 422
    assert (await asked(client, "GET", "/account", headers))[0] == 200
    assert await asked(client, "DELETE", "/account", headers, json={"confirm": number}) == (204, None)
    for path in ("/account", "/matches", "/account/export"):
        assert (await asked(client, "GET", path, headers))[0] == 401
    assert (await asked(client, "GET", "/account", theirs))[0] == 200


async def test_nobody_sees_or_revokes_another_readers_tokens(client: Client, ada: Headers) -> None:
    mine = await made(client, ada, list(USUAL))
    _, eve = await begun(client)
    assert (await asked(client, "DELETE", f"/account/tokens/{mine['id']}", eve))[0] == 404
    assert len((await asked(client, "GET", "/account/tokens", eve))[1]["data"]) == 1
    identity = (await asked(client, "GET", "/account", ada))[1]["identities"][0]
    path = f"/account/identities/{identity['platform']}/{identity['id']}"
    assert (await asked(client, "DELETE", path, eve))[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/account", "account:read"),
        ("GET", "/account/tokens", "account:read"),
        ("GET", "/account/export", "account:read"),
        ("POST", "/account/tokens", "account:write"),
        ("POST", "/account/pairing", "account:write"),
        ("DELETE", "/account", "account:write"),
        ("DELETE", "/account/identities/browser/x", "account:write"),
        ("GET", "/matches", "matches:read"),
        ("GET", "/matches/unread", "matches:read"),
        ("GET", "/matches/stream", "matches:read"),
        ("GET", "/saved", "matches:read"),
        ("GET", "/mutes", "matches:read"),
        ("POST", "/mutes", "marks:write"),
        ("PUT", "/papers/1/marks/read", "marks:write"),
    ],
)
async def test_each_thing_needs_its_scope(
    client: Client, sqlite_store: Store, method: str, path: str, scope: str
) -> None:
    others = await token_of(sqlite_store, "ada", scopes=[each for each in SCOPES if each != scope])
    status, said = await asked(client, method, path, others)
    assert (status, said["type"]) == (403, "urn:paperlark:problem:insufficient-scope")
    assert (await asked(client, method, path))[0] == 401
