"""Queries tried out over HTTP, and papers held against profiles."""

from datetime import timedelta
from typing import Any

import pytest

from paperlark.store.database import Store
from tests.web.archive import Client, announcement, record, token

Headers = dict[str, str]


async def asked(client: Client, method: str, path: str, headers: Headers, **more: Any) -> tuple[int, Any]:
    """The status and what is said."""
    async with client.request(method, f"/api/v1{path}", headers=headers, **more) as answer:
        return answer.status, await answer.json()


async def archive(store: Store) -> list[str]:
    """Two papers of yesterday, one of them about larks."""
    at = await store.now() - timedelta(days=1)
    return await record(store, announcement("Lark song", "Larks sing at dawn.", at=at), announcement("Wrens", at=at))


async def test_a_query_is_tried_before_anybody_is_told(client_of_both: Client, store: Store) -> None:
    await archive(store)
    ada = await token(store)
    status, tried = await asked(client_of_both, "POST", "/preview", ada, json={"text": "larks", "days": 5})
    assert status == 200
    assert (tried["total"], tried["days"], len(tried["per_day"]), tried["floods"]) == (1, 5, 5, False)
    assert [day["papers"] for day in tried["per_day"]] == [0, 0, 0, 1, 0]
    (example,) = tried["examples"]
    assert example["paper"]["title"] == "Lark song"
    assert [span["text"] for span in example["matched"]] == ["Lark", "Larks"]
    assert tried["terms"] == [{"text": "larks", "papers": 1, "alone": 1}]

    status, profile = await asked(client_of_both, "POST", "/profiles", ada, json={"text": "larks"})
    status, same = await asked(client_of_both, "GET", f"/profiles/{profile['id']}/preview?days=5", ada)
    assert (status, same) == (200, tried)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"text": 'larks "wren'}, "#/text"),
        ({"text": ""}, "#/text"),
        ({"text": "larks", "days": 0}, "#/days"),
        ({"text": "larks", "days": 367}, "#/days"),
        ({"text": "larks", "occasions": []}, "#/occasions"),
        ({"text": "larks", "occasions": ["never"]}, "#/occasions/0"),
        ({"text": "x" * 4_001}, "#/text"),
    ],
)
async def test_a_bad_trial_is_pointed_at(
    client: Client, sqlite_store: Store, body: dict[str, Any], pointer: str
) -> None:
    status, said = await asked(client, "POST", "/preview", await token(sqlite_store), json=body)
    assert (status, [fault["pointer"] for fault in said["errors"]]) == (422, [pointer])


async def test_a_paper_is_explained_by_the_alternatives_that_it_meets(client_of_both: Client, store: Store) -> None:
    lark, wren = await archive(store)
    ada = await token(store)
    _, profile = await asked(client_of_both, "POST", "/profiles", ada, json={"text": "lark song, dawn -wren, owls"})
    place = f"/profiles/{profile['id']}/explain"
    status, why = await asked(client_of_both, "GET", f"{place}/{lark}", ada)
    assert (status, why["met"]) == (200, True)
    assert [each["text"] for each in why["alternatives"]] == ["lark song", "dawn -wren"]
    assert [(term["term"], [span["text"] for span in term["matched"]]) for term in why["alternatives"][1]["terms"]] == [
        ("dawn", ["dawn"]),
        ("-wren", []),
    ]
    status, why_not = await asked(client_of_both, "GET", f"{place}/{wren}", ada)
    assert (status, why_not["met"], why_not["alternatives"]) == (200, False, [])
    assert why_not["said"]


async def test_what_cannot_be_explained_says_which_is_missing(client: Client, sqlite_store: Store) -> None:
    lark, _ = await archive(sqlite_store)
    ada, eve = await token(sqlite_store), await token(sqlite_store, "eve")
    _, profile = await asked(client, "POST", "/profiles", ada, json={"text": "larks"})
    for path, headers, kind in (
        (f"/profiles/{profile['id']}/explain/123", ada, "no-such-paper"),
        (f"/profiles/{profile['id']}/explain/doi:%00", ada, "no-such-paper"),
        (f"/profiles/123/explain/{lark}", ada, "no-such-profile"),
        (f"/profiles/{profile['id']}/explain/{lark}", eve, "no-such-profile"),
        (f"/profiles/{profile['id']}/preview", eve, "no-such-profile"),
    ):
        status, said = await asked(client, "GET", path, headers)
        assert (status, said["type"]) == (404, f"urn:paperlark:problem:{kind}"), path
