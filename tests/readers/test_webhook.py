"""The secrets of webhooks: each destination's own, and replaced without a gap. On both databases."""

import base64
from datetime import timedelta

import pytest

from paperlark.model.problems import ReaderError
from paperlark.readers import webhook
from paperlark.store.database import Store
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, Reader, reader

HOOK = "https://example.org/hook"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


def of(who: Reader) -> tuple[int, int]:
    return who.account_id, who.destination.id


async def test_a_secret_stays_the_same_and_is_of_one_reader_one_address_and_one_key(store: Store) -> None:
    ann, bob = [await reader(store, address=HOOK, channel="webhook", account=name) for name in ("ann", "bob")]
    first = await webhook.secret(store, *of(ann), key="key")
    assert first == await webhook.secret(store, *of(ann), key="key")
    assert first.startswith("whsec_") and len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32
    others = {await webhook.secret(store, *of(bob), key="key"), await webhook.secret(store, *of(ann), key="other")}
    assert len(others | {first}) == 3
    assert await webhook.signing(store, *of(ann), key="key") == [first]


async def test_the_one_before_signs_along_for_a_day(store: Store, clock: FakeClock) -> None:
    ann = await reader(store, address=HOOK, channel="webhook")
    first = await webhook.secret(store, *of(ann), key="key")
    second = await webhook.new_secret(store, *of(ann), key="key")
    assert await webhook.secret(store, *of(ann), key="key") == second != first
    assert await webhook.signing(store, *of(ann), key="key") == [second, first]
    clock.advance(timedelta(hours=23, minutes=59))
    assert await webhook.signing(store, *of(ann), key="key") == [second, first]
    clock.advance(timedelta(minutes=1))
    assert await webhook.signing(store, *of(ann), key="key") == [second]


async def test_only_webhooks_have_secrets(store: Store) -> None:
    ann = await reader(store)
    for verb in (webhook.secret, webhook.new_secret, webhook.signing):
        with pytest.raises(ReaderError, match="a fake address has no secret"):
            await verb(store, *of(ann), key="key")
