"""Suggestions over HTTP."""

from datetime import timedelta
from typing import Any

from paperlark.store.database import Store
from tests.web.archive import Client, announcement, record, token


async def asked(client: Client, method: str, path: str, headers: dict[str, str], **more: Any) -> tuple[int, Any]:
    """The status and what is said."""
    async with client.request(method, f"/api/v1{path}", headers=headers, **more) as answer:
        return answer.status, await answer.json()


async def test_a_profile_and_a_text_get_the_same_suggestions_and_one_is_followed(
    client_of_both: Client, store: Store
) -> None:
    at = await store.now() - timedelta(days=1)
    explained = [announcement(f"Song {n}", "Bird language models (BLMs) of song.", at=at) for n in range(3)]
    await record(store, *explained, announcement("Song", "Bird language models.", at=at))
    ada = await token(store)
    status, found = await asked(client_of_both, "POST", "/suggestions", ada, json={"text": "BLM"})
    assert (status, found["total"], found["days"]) == (200, 3, 30)
    (offered,) = [each for each in found["suggestions"] if each["kind"] == "acronym"]
    assert (offered["text"], offered["more"]) == ('BLM, "bird language models"', 1)
    assert offered["reason"] == "3 abstracts explain “BLM” as “bird language models”"
    assert offered["said"].startswith("adds about one paper")

    _, profile = await asked(client_of_both, "POST", "/profiles", ada, json={"text": "BLM"})
    place = f"/profiles/{profile['id']}"
    assert await asked(client_of_both, "GET", f"{place}/suggestions", ada) == (200, found)
    status, changed = await asked(client_of_both, "PATCH", place, ada, json={"text": offered["text"]})
    assert (status, changed["version"], changed["text"]) == (200, 2, offered["text"])
    _, after = await asked(client_of_both, "GET", f"{place}/suggestions", ada)
    assert [each for each in after["suggestions"] if each["kind"] == "acronym"] == []


async def test_a_text_that_cannot_be_read_is_pointed_at(client: Client, sqlite_store: Store) -> None:
    headers = await token(sqlite_store)
    status, said = await asked(client, "POST", "/suggestions", headers, json={"text": '"larks'})
    assert (status, [fault["pointer"] for fault in said["errors"]]) == (422, ["#/text"])
