"""Where and when a reader is told: subscribe, unsubscribe, destinations."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from paperlark.model.problems import ReaderError
from paperlark.model.readers import USUAL_WISHES, WISHES, Cadence, Destination, EmptyPolicy, Rhythm, Subscription
from paperlark.readers.follow import show
from paperlark.schedule import zone
from paperlark.store import profiles
from paperlark.store.database import Store

CAP_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Wish:
    """How a destination wants to be told, and which announcements of a paper: occasions are some of WISHES."""

    cadence: Cadence = Cadence.DAILY
    rhythm: Rhythm = field(default_factory=Rhythm)
    cap: int = 20
    empty: EmptyPolicy = EmptyPolicy.SILENT
    occasions: Sequence[str] = USUAL_WISHES


async def subscribe(
    store: Store, account_id: int, profile: str, *, channel: str, address: str, wish: Wish
) -> tuple[Subscription, Destination]:
    """Tell an address (already in its channel's spelling) of a profile's papers from now on.

    The same again changes how, not since when. Raises ReaderError: unknown profile, zone, occasion, or a bad cap.
    """
    check(wish)
    chosen, _ = await show(store, account_id, profile)
    async with store.transaction() as tx:
        now = await tx.now()
        destination = await profiles.put_destination(
            tx, account_id, channel, address, rhythm=wish.rhythm, cap=wish.cap, empty=wish.empty, now=now
        )
        subscription = await profiles.subscribe(
            tx, account_id, chosen.id, destination.id, cadence=wish.cadence, occasions=wish.occasions, now=now
        )
    return subscription, destination


async def unsubscribe(store: Store, account_id: int, subscription_id: int) -> None:
    """End a subscription. Raises ReaderError: unknown, or somebody else's."""
    async with store.transaction() as tx:
        await profiles.unsubscribe(tx, account_id, subscription_id)


async def subscriptions(store: Store, account_id: int) -> list[tuple[Subscription, Destination]]:
    """An account's subscriptions, each with its destination."""
    async with store.reading() as tx:
        places = {place.id: place for place in await profiles.destinations(tx, account_id)}
        return [(s, places[s.destination_id]) for s in await profiles.subscriptions(tx, account_id)]


def check(wish: Wish) -> None:
    """Could a destination be told like this? Raises ReaderError: an unknown zone or occasion, a bad cap."""
    zone(wish.rhythm.zone)
    unknown = [occasion for occasion in wish.occasions if occasion not in WISHES]
    if unknown or not wish.occasions:
        raise ReaderError(f"an occasion is one of {', '.join(WISHES)}, not {unknown[0] if unknown else 'nothing'!r}")
    if not 1 <= wish.cap <= CAP_LIMIT:
        raise ReaderError(f"a digest holds between 1 and {CAP_LIMIT} papers, not {wish.cap}")
