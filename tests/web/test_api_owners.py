"""Two accounts, and every operation that names one of an account's things: with the other's token nothing is read,
changed, ended, or even known to exist.

The walk is over the operations themselves: one that names something and stands in neither table fails the test.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from paperlark.model.problems import DeliveryError
from paperlark.store.database import Store
from paperlark.store.tables import METADATA
from paperlark.testing.channels import FakeChannel
from paperlark.web.access import SCOPES
from paperlark.web.api.operations import API, Operation
from paperlark.web.application import OPERATIONS
from tests.builders import deliver, percolate, reader, record, told
from tests.web.archive import Client, token

Headers = dict[str, str]

SHARED = {
    "papers.paper": "papers are everybody's",
    "papers.papers_like": "papers are everybody's",
    "days.day": "days are everybody's",
    "marks.put": "papers are everybody's, and marks are set on one's own account",
    "marks.remove": "papers are everybody's, and marks are taken from one's own account",
}
"""Operations that name what belongs to nobody."""


@dataclass
class House:
    """What one reader owns, by the names that the paths have for it."""

    client: Client
    headers: Headers
    profile: str = ""
    subscription: str = ""
    delivery: str = ""
    token: str = ""
    feed: str = ""
    paper: str = ""
    identity: tuple[str, str] = ("", "")

    async def asked(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """With this reader's token: the status and what is said."""
        async with self.client.request(method, API + path, headers=self.headers, **more) as answer:
            said = await answer.text()
            return answer.status, (await answer.json(content_type=None)) if said.startswith("{") else said


@dataclass(frozen=True)
class Named:
    """How an operation names something: the values of its path, and a good body."""

    values: Callable[[House], dict[str, str]]
    body: dict[str, Any] = field(default_factory=dict)


def profile(house: House) -> dict[str, str]:
    return {"id": house.profile, "paper": house.paper}


def subscription(house: House) -> dict[str, str]:
    return {"id": house.subscription}


def delivery(house: House) -> dict[str, str]:
    return {"id": house.delivery}


OWNED = {
    "profiles.show": Named(profile),
    "profiles.edit": Named(profile, {"name": "mine now"}),
    "profiles.remove": Named(profile),
    "previews.preview_of_profile": Named(profile),
    "previews.explain": Named(profile),
    "suggestions.suggest_for_profile": Named(profile),
    "subscriptions.show": Named(subscription),
    "subscriptions.edit": Named(subscription, {"cap": 3}),
    "subscriptions.remove": Named(subscription),
    "subscriptions.new_secret": Named(subscription),
    "deliveries.show": Named(delivery),
    "deliveries.retry": Named(delivery),
    "deliveries.drop": Named(delivery, {"reason": "mine now"}),
    "account.part": Named(lambda house: dict(zip(("platform", "id"), house.identity, strict=True))),
    "account.revoke": Named(lambda house: {"id": house.token}),
    "feeds.add": Named(profile),
    "feeds.remove": Named(lambda house: {"id": house.feed}),
    "exports.matches_as_bib": Named(profile),
    "exports.matches_as_ris": Named(profile),
    "exports.matches_as_json": Named(profile),
}
"""Operations that name what an account owns."""

NAMING = [each for table in OPERATIONS for each in table.listed if "{" in each.path]


async def furnished(client: Client, store: Store, name: str) -> House:
    """A reader with one of everything; the delivery is dead, so that it can be sent again."""
    made = await reader(store, "larks", name)
    house = House(client, await token(store, name, scopes=tuple(SCOPES)), identity=("test", name))
    house.profile, house.subscription = str(made.profile.id), str(made.subscription.id)
    for path, body, member in (
        ("/account/tokens", {"name": "another", "scopes": ["profiles:read"]}, "token"),
        (f"/profiles/{house.profile}/feed", None, "feed"),
    ):
        status, said = await house.asked("POST", path, json=body)
        assert status == 201, said
        setattr(house, member, said["id"])
    return house


async def two(client: Client, store: Store) -> tuple[House, House]:
    """Ada's house and Eve's, each with a delivery that died."""
    ada, eve = await furnished(client, store, "ada"), await furnished(client, store, "eve")
    channel = FakeChannel()
    for address in ("ada", "eve"):
        channel.fail(address, DeliveryError("fake: too long", refused=True))
    (paper,) = (await record(store, told("Larks that nest", arxiv="2603.00001", at=await store.now()))).papers
    await percolate(store)
    await deliver(store, channel)
    for house in (ada, eve):
        house.paper = str(paper)
        _, said = await house.asked("GET", "/deliveries")
        house.delivery = said["data"][0]["id"]
    return ada, eve


async def kept(store: Store) -> dict[str, list[Any]]:
    """All that the store holds, but for the moment at which a token was used."""
    found = {}
    async with store.reading() as tx:
        for name, table in METADATA.tables.items():
            columns = [column for column in table.c if column.name not in ("used_at", "free_at")]
            found[name] = sorted(map(repr, await tx.execute(select(*columns))))
    return found


def test_every_operation_that_names_something_is_walked() -> None:
    names = {each.name for each in NAMING}
    assert names == OWNED.keys() | SHARED.keys()
    assert not OWNED.keys() & SHARED.keys()
    assert all(each.scope is not None for each in NAMING if each.name in OWNED)


async def test_with_the_others_token_nothing_is_read_changed_or_ended(client_of_both: Client, store: Store) -> None:
    ada, eve = await two(client_of_both, store)
    before = await kept(store)
    for each in _owned():
        status, said = await _asked(eve, each, ada)
        assert status == 404, f"{each.name}: {status} {said}"
        _, absent = await _asked(eve, each, _nobody(eve))
        assert _plain(said, ada) == _plain(absent, ada), f"{each.name} tells what exists from what does not"
    assert await kept(store) == before


REFUSED = {"subscriptions.new_secret": 422, "account.part": 422}
"""What Ada herself may not do: her channel is no webhook, and she is known by one identity alone."""


async def test_with_ones_own_token_each_of_them_is_answered(client: Client, sqlite_store: Store) -> None:
    ada, _ = await two(client, sqlite_store)
    for each in sorted(_owned(), key=lambda each: (each.method == "DELETE", each.name == "profiles.remove")):
        status, said = await _asked(ada, each, ada)
        assert status == REFUSED.get(each.name, each.status), f"{each.name}: {status} {said}"


def _owned() -> list[Operation]:
    return [each for each in NAMING if each.name in OWNED]


def _nobody(house: House) -> House:
    """A house whose things never were."""
    ids = dict.fromkeys(("profile", "subscription", "delivery", "token", "feed"), "123")
    return House(house.client, {}, paper=house.paper, identity=("test", "nobody"), **ids)


async def _asked(house: House, operation: Operation, owner: House) -> tuple[int, Any]:
    named = OWNED[operation.name]
    path = operation.path
    for name, value in named.values(owner).items():
        path = path.replace(f"{{{name}:.+}}", value).replace(f"{{{name}}}", value)
    assert "{" not in path
    body = {"json": named.body} if operation.body is not None else {}
    return await house.asked(operation.method, path, **body)


def _plain(said: Any, owner: House) -> Any:
    """A problem without what differs from request to request; and nothing of the owner's in it."""
    assert isinstance(said, dict), said
    plain = {name: value for name, value in said.items() if name not in ("request_id", "instance")}
    assert not [word for word in ("ada", "larks", owner.profile, owner.delivery) if word in str(plain)]
    return plain
