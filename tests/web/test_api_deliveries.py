"""The outbox over HTTP: each account its own, page by page, and changed by who may."""

from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from paperlark.model.problems import DeliveryError
from paperlark.store.database import Store
from paperlark.testing.channels import FakeChannel
from paperlark.web import make_web
from tests.builders import deliver, percolate, reader, record, told
from tests.web.archive import Client, token

PATH = "/api/v1/deliveries"


class Anything:
    """A channel as the web sees it: every text is an address."""

    def check_address(self, address: str) -> str:
        """Never refuses."""
        return address


Headers = dict[str, str]


async def ann_and_bob(store: Store, *, dead: bool = False) -> tuple[Headers, Headers]:
    """Two readers, each told of a paper (Ann's delivery dead, if wished); their tokens."""
    channel = FakeChannel()
    if dead:
        channel.fail("ann", DeliveryError("fake: too long", refused=True))
    for name in ("ann", "bob"):
        await reader(store, "larks", name)
    await record(store, told("Larks that nest", arxiv="2603.00001", at=await store.now()))
    await percolate(store)
    await deliver(store, channel)
    return await token(store, "ann"), await token(store, "bob")


async def asked(client: Client, method: str, path: str, headers: Headers, **more: Any) -> tuple[int, Any]:
    """The status and what is said."""
    async with client.request(method, path, headers=headers, **more) as answer:
        return answer.status, await answer.json()


async def test_a_delivery_is_listed_and_shown_with_its_papers(client_of_both: Client, store: Store) -> None:
    ann, _ = await ann_and_bob(store)
    status, said = await asked(client_of_both, "GET", PATH, ann)
    (one,) = said["data"]
    assert (status, said["next"]) == (200, None)
    assert (one["state"], one["channel"], one["address"], one["parts"], one["parts_sent"], one["papers"]) == (
        "sent", "fake", "ann", 1, 1, 1)  # fmt: skip
    assert one["ended_at"].endswith("Z") and one["reason"] is None
    status, shown = await asked(client_of_both, "GET", f"{PATH}/{one['id']}", ann)
    assert status == 200 and shown | one == shown
    assert [(content["title"], content["fate"]) for content in shown["contents"]] == [("Larks that nest", "shown")]


async def test_a_dead_one_is_sent_again_and_another_dropped(client_of_both: Client, store: Store) -> None:
    client = client_of_both
    ann, _ = await ann_and_bob(store, dead=True)
    (one,) = (await asked(client, "GET", f"{PATH}?state=dead&channel=fake", ann))[1]["data"]
    assert one["reason"] == "fake: too long"
    status, again = await asked(client, "POST", f"{PATH}/{one['id']}/retry", ann)
    assert (status, again["state"], again["attempts"]) == (200, "pending", 0)
    status, gone = await asked(client, "POST", f"{PATH}/{one['id']}/drop", ann, json={"reason": "read it elsewhere"})
    assert (status, gone["state"], gone["reason"]) == (200, "dropped", "read it elsewhere")
    status, said = await asked(client, "POST", f"{PATH}/{one['id']}/retry", ann)
    assert (status, said["detail"]) == (422, "it was dropped: only what waits or is dead can be changed")


async def test_a_reason_may_be_left_out_and_nothing_else_may_be_said(client: Client, sqlite_store: Store) -> None:
    ann, _ = await ann_and_bob(sqlite_store, dead=True)
    (one,) = (await asked(client, "GET", PATH, ann))[1]["data"]
    wrong: list[Any] = [{"because": "x"}, {"reason": 7}, {"reason": "\0"}, []]
    for body in wrong:
        assert (await asked(client, "POST", f"{PATH}/{one['id']}/drop", ann, json=body))[0] == 422
    assert (await asked(client, "POST", f"{PATH}/{one['id']}/drop", ann))[1]["reason"] == "at your wish"


async def test_anothers_delivery_answers_as_if_it_did_not_exist(client: Client, sqlite_store: Store) -> None:
    ann, bob = await ann_and_bob(sqlite_store, dead=True)
    (one,) = (await asked(client, "GET", PATH, ann))[1]["data"]
    for number in (one["id"], "12", "0", "-1", "x", "9" * 30, "٣"):
        for method, verb in (("GET", ""), ("POST", "/retry"), ("POST", "/drop")):
            assert (await asked(client, method, f"{PATH}/{number}{verb}", bob))[0] == 404, (number, verb)
    assert (await asked(client, "GET", f"{PATH}/{one['id']}", ann))[1]["state"] == "dead"


async def test_pages_hold_every_delivery_once(client: Client, sqlite_store: Store) -> None:
    ann, bob = await ann_and_bob(sqlite_store)
    for number in range(2, 6):
        await reader(sqlite_store, "larks", f"ann{number}", account="ann")
    await record(sqlite_store, told("Larks again", arxiv="2603.00002", at=await sqlite_store.now()))
    await percolate(sqlite_store)
    await deliver(sqlite_store, FakeChannel())
    found, path = [], f"{PATH}?limit=2&state=sent&state=pending"
    while True:
        async with client.get(path, headers=ann) as answer:
            said = await answer.json()
            found += [one["id"] for one in said["data"]]
            if said["next"] is None:
                assert "Link" not in answer.headers
                break
            assert f"cursor={said['next']}" in answer.headers["Link"]
            path = f"{PATH}?limit=2&state=sent&state=pending&cursor={said['next']}"
    assert len(found) == len(set(found)) >= 5 and found == sorted(found, key=int, reverse=True)
    stale = path.replace("&state=pending", "")
    assert (await asked(client, "GET", stale, ann))[0] == 400
    assert (await asked(client, "GET", path, bob))[0] == 400  # a cursor is its account's


@pytest.mark.parametrize("query", ["state=gone", "state=sent&state=x", "limit=0", "limit=x", "cursor=x", "channel=%00"])
async def test_a_parameter_that_cannot_be_read_is_a_problem(client: Client, sqlite_store: Store, query: str) -> None:
    ann = await token(sqlite_store, "ann")
    assert (await asked(client, "GET", f"{PATH}?{query}", ann))[0] == 400


async def test_a_token_that_may_only_look_changes_nothing(client: Client, sqlite_store: Store) -> None:
    await ann_and_bob(sqlite_store, dead=True)
    looking = await token(sqlite_store, "ann", scopes=["profiles:read"])
    (one,) = (await asked(client, "GET", PATH, looking))[1]["data"]
    for verb in ("retry", "drop"):
        assert (await asked(client, "POST", f"{PATH}/{one['id']}/{verb}", looking))[0] == 403
    async with client.get(PATH) as answer:
        assert answer.status == 401


async def test_a_webhooks_secret_is_told_when_it_is_new_and_when_it_is_replaced(sqlite_store: Store) -> None:
    async def own_key() -> str:
        return "a key"

    ann = await token(sqlite_store, "ann")
    channels = {"webhook": Anything(), "birdcage": Anything()}
    async with TestClient(TestServer(make_web(sqlite_store, channels, own_key=own_key))) as client:
        _, profile = await asked(client, "POST", "/api/v1/profiles", ann, json={"text": "larks"})
        wish = {"profile_id": profile["id"], "channel": "webhook", "address": "https://example.org/"}
        status, made = await asked(client, "POST", "/api/v1/subscriptions", ann, json=wish)
        assert status == 201 and made["secret"].startswith("whsec_")
        assert "secret" not in (await asked(client, "POST", "/api/v1/subscriptions", ann, json=wish))[1]
        place = f"/api/v1/subscriptions/{made['id']}"
        assert "secret" not in (await asked(client, "GET", place, ann))[1]
        status, new = await asked(client, "POST", f"{place}/secret", ann)
        assert status == 200 and new["secret"].startswith("whsec_") and new["secret"] != made["secret"]
        bob = await token(sqlite_store, "bob")
        assert (await asked(client, "POST", f"{place}/secret", bob))[0] == 404
        _, caged = await asked(client, "POST", "/api/v1/subscriptions", ann, json=wish | {"channel": "birdcage"})
        assert "secret" not in caged
        assert (await asked(client, "POST", f"/api/v1/subscriptions/{caged['id']}/secret", ann))[0] == 422
