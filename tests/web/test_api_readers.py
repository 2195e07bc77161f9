"""Profiles and subscriptions over HTTP: each account its own, and what cannot be done said plainly."""

from datetime import timedelta
from typing import Any

import pytest

from paperlark.store.database import Store
from tests.web.archive import Client, token

PROFILES = "/api/v1/profiles"
SUBSCRIPTIONS = "/api/v1/subscriptions"
Headers = dict[str, str]


@pytest.fixture
async def ada(sqlite_store: Store) -> Headers:
    """A reader's token, as a header."""
    return await token(sqlite_store, "ada")


@pytest.fixture
async def eve(sqlite_store: Store) -> Headers:
    """Another reader's."""
    return await token(sqlite_store, "eve")


async def asked(client: Client, method: str, path: str, headers: Headers, **more: Any) -> tuple[int, Any]:
    """The status and what is said."""
    async with client.request(method, path, headers=headers, **more) as answer:
        return answer.status, await answer.json() if answer.content_length else None


async def made(client: Client, path: str, headers: Headers, **said: Any) -> dict[str, Any]:
    async with client.post(path, headers=headers, json=said) as answer:
        assert answer.status == 201, await answer.text()
        new: dict[str, Any] = await answer.json()
        assert answer.headers["Location"] == f"{path}/{new['id']}"
        return new


def pointers(said: dict[str, Any]) -> list[str]:
    return [fault["pointer"] for fault in said["errors"]]


# ── profiles ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_profile_lives_its_whole_life(client_of_both: Client, store: Store) -> None:
    client, ada = client_of_both, await token(store, "ada")
    profile = await made(client, PROFILES, ada, text="larks -finches", name="Birds")
    place = f"{PROFILES}/{profile['id']}"
    assert (profile["name"], profile["text"], profile["version"]) == ("Birds", "larks -finches", 1)
    assert await asked(client, "GET", PROFILES, ada) == (200, {"data": [profile], "next": None})

    status, renamed = await asked(client, "PATCH", place, ada, json={"name": "Morning birds"})
    assert (status, renamed) == (200, profile | {"name": "Morning birds"})
    _, changed = await asked(client, "PATCH", place, ada, json={"text": "larks"})
    assert (changed["version"], changed["text"], changed["name"]) == (2, "larks", "Morning birds")
    assert await asked(client, "GET", place, ada) == (200, changed)

    assert await asked(client, "DELETE", place, ada) == (204, None)
    for method in ("GET", "DELETE"):
        assert (await asked(client, method, place, ada))[0] == 404
    assert await asked(client, "GET", PROFILES, ada) == (200, {"data": [], "next": None})


async def test_another_accounts_ids_answer_as_if_they_did_not_exist(client: Client, ada: Headers, eve: Headers) -> None:
    profile = await made(client, PROFILES, ada, text="larks")
    subscription = await made(client, SUBSCRIPTIONS, ada, profile_id=profile["id"], channel="birdcage", address="wren")
    for path, number in ((PROFILES, profile["id"]), (SUBSCRIPTIONS, subscription["id"])):
        change = {"name": "mine"} if path == PROFILES else {"cap": 3}
        for method, body in (("GET", None), ("PATCH", change), ("PATCH", {"cap": 0}), ("DELETE", None)):
            answers = [await asked(client, method, f"{path}/{n}", eve, json=body) for n in (number, "123")]
            for status, said in answers:
                assert status == (422 if body == {"cap": 0} else 404)  # a bad body is one whoever's id it is
                said.pop("request_id"), said.pop("instance")
            assert answers[0] == answers[1]
        assert await asked(client, "GET", path, eve) == (200, {"data": [], "next": None})
    theirs = {"profile_id": profile["id"], "channel": "birdcage", "address": "wren"}
    status, said = await asked(client, "POST", SUBSCRIPTIONS, eve, json=theirs)
    assert (status, pointers(said)) == (422, ["#/profile_id"])
    assert (await asked(client, "GET", f"{PROFILES}/{profile['id']}", ada))[0] == 200
    assert (await asked(client, "GET", f"{SUBSCRIPTIONS}/{subscription['id']}", ada))[0] == 200


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 19, "9" * 30, "1%00", "٣", "1.0"])
async def test_what_is_no_id_is_nobodys_profile(client: Client, ada: Headers, number: str) -> None:
    await made(client, PROFILES, ada, text="larks", name="x")
    for path in (PROFILES, SUBSCRIPTIONS):
        assert (await asked(client, "GET", f"{path}/{number}", ada))[0] == 404


async def test_a_text_that_cannot_be_read_says_where(client: Client, ada: Headers) -> None:
    status, said = await asked(client, "POST", PROFILES, ada, json={"text": 'larks\n"wrens'})
    assert (status, said["type"]) == (422, "urn:paperlark:problem:bad-query")
    (fault,) = said["errors"]
    assert (fault["pointer"], fault["line"], fault["column"]) == ("#/text", 2, 1)
    assert fault["suggestion"] == 'larks\n"wrens"'


async def test_a_name_is_taken_once(client: Client, ada: Headers) -> None:
    await made(client, PROFILES, ada, text="larks", name="Birds")
    status, said = await asked(client, "POST", PROFILES, ada, json={"text": "wrens", "name": "birds"})
    assert status == 422
    assert "already" in said["detail"]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["#/text"]),
        ({"text": 7}, ["#/text"]),
        ({"text": "larks", "name": None, "a/b~c": 1}, ["#/a~1b~0c"]),
        ({"text": "larks", "name": ["x"]}, ["#/name"]),
        ({"text": "larks \0", "name": "\0"}, ["#/text", "#/name"]),
        ([], ["#"]),
        ("larks", ["#"]),
    ],
)
async def test_a_body_is_checked_and_each_fault_pointed_at(
    client: Client, ada: Headers, body: Any, wrong: list[str]
) -> None:
    status, said = await asked(client, "POST", PROFILES, ada, json=body)
    assert (status, pointers(said)) == (422, wrong)
    assert (await asked(client, "GET", PROFILES, ada))[1]["data"] == []


@pytest.mark.parametrize("body", [b"", b"{", b'{"text": "\xff"}', b'{"text": "\\ud800"}', b"[" * 60_000])
async def test_what_is_no_json_is_a_problem(client: Client, ada: Headers, body: bytes) -> None:
    headers = ada | {"Content-Type": "application/json"}
    status, said = await asked(client, "POST", PROFILES, headers, data=body)
    assert (status, said["type"]) == (400, "urn:paperlark:problem:bad-json")


async def test_a_body_has_a_type_and_a_size(client: Client, ada: Headers) -> None:
    assert (await asked(client, "POST", PROFILES, ada, data="text=larks"))[0] == 415
    fits = {"text": "larks", "name": "x" * (63 * 1024)}
    assert (await asked(client, "POST", PROFILES, ada, json=fits))[0] == 422
    status, said = await asked(client, "POST", PROFILES, ada, json={"text": "larks", "name": "x" * (65 * 1024)})
    assert (status, said["detail"]) == (413, "a body has at most 64 KiB")


async def test_a_change_must_change_something(client: Client, ada: Headers) -> None:
    profile = await made(client, PROFILES, ada, text="larks")
    assert (await asked(client, "PATCH", f"{PROFILES}/{profile['id']}", ada, json={}))[0] == 422


async def test_answers_to_an_account_are_private_and_tagged(client: Client, ada: Headers) -> None:
    await made(client, PROFILES, ada, text="larks")
    async with client.get(PROFILES, headers=ada) as answer:
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert answer.headers["Vary"] == "Authorization, Origin"
        tag = answer.headers["ETag"]
    async with client.get(PROFILES, headers=ada | {"If-None-Match": tag}) as answer:
        assert (answer.status, answer.headers["Cache-Control"]) == (304, "private, no-cache")


# ── tokens ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer pl_live_nobody", "Bearer x", "Basic YTpi", "pl_live_x", "Bearer pl_live_ü"],
)
async def test_without_a_good_token_nothing_is_said(client: Client, header: str) -> None:
    for path in (PROFILES, SUBSCRIPTIONS, f"{PROFILES}/1"):
        async with client.get(path, headers={"Authorization": header} if header else {}) as answer:
            assert answer.status == 401
            assert answer.content_type == "application/problem+json"
            assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="paperlark"')


async def test_an_expired_token_is_no_token(client: Client, sqlite_store: Store) -> None:
    expired = await token(sqlite_store, "ada", lasts=timedelta(seconds=-1))
    valid = await token(sqlite_store, "ada", lasts=timedelta(hours=1))
    assert (await asked(client, "GET", PROFILES, expired))[0] == 401
    assert (await asked(client, "GET", PROFILES, valid))[0] == 200


async def test_a_token_does_what_its_scopes_say(client: Client, sqlite_store: Store) -> None:
    reading = await token(sqlite_store, "ada", scopes=["profiles:read"])
    writing = await token(sqlite_store, "ada", scopes=["profiles:write"])
    profile = await made(client, PROFILES, writing, text="larks")
    place = f"{PROFILES}/{profile['id']}"
    assert (await asked(client, "GET", place, reading))[0] == 200
    assert (await asked(client, "GET", place, writing))[0] == 403
    for method, path in (("POST", PROFILES), ("PATCH", place), ("DELETE", place), ("POST", SUBSCRIPTIONS)):
        async with client.request(method, path, headers=reading, json={"text": "wrens"}) as answer:
            assert answer.status == 403
            assert 'scope="profiles:write"' in answer.headers["WWW-Authenticate"]
    assert await asked(client, "GET", place, reading) == (200, profile)


# ── subscriptions ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_subscription_lives_its_whole_life(client_of_both: Client, store: Store) -> None:
    client, ada = client_of_both, await token(store, "ada")
    profile = await made(client, PROFILES, ada, text="larks")
    wish = {
        "profile_id": profile["id"],
        "channel": "birdcage",
        "address": "Wren",
        "cadence": "weekly",
        "occasions": ["published", "new"],
        "rhythm": {
            "zone": "Europe/Berlin",
            "digest_at": "07:30",
            "weekday": 4,
            "quiet": {"start": "22:00", "end": "06:00"},
        },
        "cap": 7,
        "empty": "note",
    }
    new = await made(client, SUBSCRIPTIONS, ada, **wish)
    assert {name: new[name] for name in wish} == wish | {"address": "wren", "occasions": ["new", "published"]}
    place = f"{SUBSCRIPTIONS}/{new['id']}"
    assert await asked(client, "GET", SUBSCRIPTIONS, ada) == (200, {"data": [new], "next": None})
    assert await asked(client, "GET", place, ada) == (200, new)

    change = {"cadence": "instant", "rhythm": {"quiet": None}}
    status, changed = await asked(client, "PATCH", place, ada, json=change)
    assert (status, changed) == (200, new | {"cadence": "instant", "rhythm": new["rhythm"] | {"quiet": None}})

    assert await asked(client, "DELETE", place, ada) == (204, None)
    assert (await asked(client, "DELETE", place, ada))[0] == 404


async def test_a_wish_left_out_is_the_usual_one(client: Client, ada: Headers) -> None:
    profile = await made(client, PROFILES, ada, text="larks")
    new = await made(client, SUBSCRIPTIONS, ada, profile_id=profile["id"], channel="birdcage", address="wren")
    assert (new["cadence"], new["occasions"], new["cap"], new["empty"]) == ("daily", ["cross", "new"], 20, "silent")
    assert new["rhythm"] == {"zone": "UTC", "digest_at": "08:00", "weekday": 0, "quiet": None}


async def test_a_second_profile_at_an_address_keeps_the_addresses_settings(client: Client, ada: Headers) -> None:
    first, second = [await made(client, PROFILES, ada, text=text) for text in ("larks", "wrens")]
    there = {"channel": "birdcage", "address": "wren"}
    await made(client, SUBSCRIPTIONS, ada, profile_id=first["id"], **there, cap=3, rhythm={"zone": "Asia/Tokyo"})
    other = await made(client, SUBSCRIPTIONS, ada, profile_id=second["id"], **there, rhythm={"digest_at": "06:00"})
    assert (other["cap"], other["rhythm"]["zone"], other["rhythm"]["digest_at"]) == (3, "Asia/Tokyo", "06:00")


async def test_subscribing_again_changes_how_and_makes_no_second(client: Client, ada: Headers) -> None:
    profile = await made(client, PROFILES, ada, text="larks")
    wish = {"profile_id": profile["id"], "channel": "birdcage", "address": "wren", "cadence": "instant"}
    first = await made(client, SUBSCRIPTIONS, ada, **wish)
    status, again = await asked(client, "POST", SUBSCRIPTIONS, ada, json=wish | {"address": "WREN", "cap": 5})
    assert (status, again) == (200, first | {"cap": 5})
    assert len((await asked(client, "GET", SUBSCRIPTIONS, ada))[1]["data"]) == 1


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"profile_id": "1"}, "#/profile_id"),
        ({"profile_id": 1}, "#/profile_id"),
        ({"channel": "pigeon"}, "#/channel"),
        ({"address": "two birds"}, "#/address"),
        ({"cadence": "hourly"}, "#/cadence"),
        ({"occasions": []}, "#/occasions"),
        ({"occasions": ["new", "never"]}, "#/occasions/1"),
        ({"cap": 0}, "#/cap"),
        ({"cap": 201}, "#/cap"),
        ({"cap": True}, "#/cap"),
        ({"empty": "loud"}, "#/empty"),
        ({"rhythm": {"zone": "Europe/Atlantis"}}, "#/rhythm/zone"),
        ({"rhythm": {"digest_at": "24:00"}}, "#/rhythm/digest_at"),
        ({"rhythm": {"weekday": 7}}, "#/rhythm/weekday"),
        ({"rhythm": {"quiet": {"start": "22:00"}}}, "#/rhythm/quiet/end"),
        ({"cadense": "daily"}, "#/cadense"),
    ],
)
async def test_a_bad_wish_is_pointed_at(client: Client, ada: Headers, wrong: dict[str, Any], pointer: str) -> None:
    profile = await made(client, PROFILES, ada, text="larks")
    wish = {"profile_id": profile["id"], "channel": "birdcage", "address": "wren"} | wrong
    status, said = await asked(client, "POST", SUBSCRIPTIONS, ada, json=wish)
    assert (status, pointers(said)) == (422, [pointer])
    assert (await asked(client, "GET", SUBSCRIPTIONS, ada))[1]["data"] == []
