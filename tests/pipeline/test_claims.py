"""The short form of `make bench ARGS=claims`: some hundred deliveries due at once."""

from tests.bench.claims import AT_ONCE, compared
from tests.databases import Fresh


async def test_ours_and_the_bare_queue_claim_as_many_of_what_is_due(fresh: Fresh) -> None:
    taken = await compared(fresh, 8 * AT_ONCE, rounds=1)
    assert {"ours", "a bare queue"} <= taken.keys() and all(taken.values())
