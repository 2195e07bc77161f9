"""Where and when a reader is told, by forms; and what was sent."""

from datetime import time

from sqlalchemy import update

from paperlark.model.readers import TRENDING, Cadence, EmptyPolicy, QuietHours, Rhythm
from paperlark.readers import follow, subscribe
from paperlark.store.database import Store
from paperlark.store.tables import DELIVERY
from paperlark.testing.channels import FakeChannel
from tests.builders import deliver, deliveries, percolate, record, told
from tests.web.archive import Client
from tests.web.reading import Browser, Page, signed_in

FINCH = {"channel": "birdcage", "address": "Finch"}


async def follower(client: Client, store: Store) -> tuple[Browser, int, str]:
    """A reader with a profile, and its id."""
    browser, account = await signed_in(client, store)
    profile = await follow.follow(store, account, "larks", name="Birds")
    return browser, account, str(profile.id)


async def subscribed(browser: Browser, profile: str, **fields: str) -> Page:
    """The form as it stands, filled in and sent."""
    blank = await browser.get(f"/subscriptions/new?profile={profile}")
    assert blank.fields("form.fields")["profile"] == profile
    return await browser.post("/subscriptions/new", **blank.fields("form.fields") | FINCH | fields)


# ── subscribing ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_profile_is_told_somewhere_as_the_form_says(client_of_both: Client, store: Store) -> None:
    browser, account, profile = await follower(client_of_both, store)
    page = await subscribed(
        browser,
        profile,
        cadence="weekly",
        weekday="4",
        digest_at="17:30",
        zone="Europe/Berlin",
        quiet_from="22:00",
        quiet_to="07:00",
        cap="7",
        empty="note",
        **{"occasion-replace": "yes"},
    )
    assert page.path == "/subscriptions?done=subscribed"
    ((subscription, place),) = await subscribe.subscriptions(store, account)
    assert (place.channel, place.address, place.cap, place.empty) == ("birdcage", "finch", 7, EmptyPolicy.NOTE)
    assert place.rhythm == Rhythm("Europe/Berlin", time(17, 30), 4, QuietHours(time(22), time(7)))
    assert (subscription.cadence, subscription.occasions) == (Cadence.WEEKLY, frozenset({"new", "cross", "replace"}))
    assert "Birds, every Friday at 17:30" in page.says("article")
    assert "quiet 22:00–07:00, at most 7 papers a digest" in page.says("article")


WRONG = (
    ("address", "two words", "not a bird"),
    ("address", "", "give an address"),
    ("channel", "telegram", "choose where"),
    ("channel", "nowhere", "choose where"),
    ("profile", "1", "choose what is to be told"),
    ("zone", "Atlantis", "unknown time zone"),
    ("zone", "Berlin", "Europe/Berlin"),
    ("digest_at", "25:00", "no hour of the day"),
    ("weekday", "7", "day of the week"),
    ("quiet_from", "22:00", "a beginning and an end"),
    ("cap", "0", "between 1 and 200"),
    ("cap", "²", "between 1 and 200"),
    ("cap", "9" * 500, "between 1 and 200"),
    ("empty", "never", "empty day"),
    ("cadence", "hourly", "how often"),
)


async def test_what_cannot_be_is_said_beside_its_field_and_nothing_typed_is_lost(
    client: Client, sqlite_store: Store
) -> None:
    browser, account, profile = await follower(client, sqlite_store)
    blank = (await browser.get(f"/subscriptions/new?profile={profile}")).fields("form.fields")
    for wrong, value, said in WRONG:
        typed = blank | FINCH | {"cap": "9", "zone": "Europe/Paris", wrong: value}
        page = await browser.post("/subscriptions/new", **typed)
        assert page.status == 422, wrong
        (fault,) = page.all("form.fields .fault")
        assert said.casefold() in fault.casefold()
        fields = page.tree.css("[aria-invalid=true]")
        assert fields or wrong in ("empty", "cadence")  # of buttons to choose from the group says it
        assert all(page.says(f"#{field.attributes['aria-describedby']}") == fault for field in fields)
        again = page.fields("form.fields")
        assert all(again[name] == typed[name] for name in ("cap", "zone"))
    assert await subscribe.subscriptions(sqlite_store, account) == []


async def test_a_known_address_keeps_its_own_hours(client: Client, sqlite_store: Store) -> None:
    browser, account, profile = await follower(client, sqlite_store)
    await subscribed(browser, profile, zone="Europe/Berlin", cap="7")
    ((_, place),) = await subscribe.subscriptions(sqlite_store, account)
    page = await subscribed(browser, "0", place=str(place.id), address="", zone="Atlantis", cap="x", cadence="weekly")
    assert page.path == "/subscriptions?done=subscribed"
    _, (trending, same) = await subscribe.subscriptions(sqlite_store, account)
    assert (trending.profile_id, trending.cadence) == (TRENDING, Cadence.WEEKLY)
    assert (same.rhythm.zone, same.cap) == ("Europe/Berlin", 7)


async def test_an_address_that_is_typed_is_meant_whatever_is_chosen_above_it(
    client: Client, sqlite_store: Store
) -> None:
    browser, account, profile = await follower(client, sqlite_store)
    await subscribed(browser, profile)
    ((_, place),) = await subscribe.subscriptions(sqlite_store, account)
    await subscribed(browser, profile, place=str(place.id), address="wren")
    assert {place.address for _, place in await subscribe.subscriptions(sqlite_store, account)} == {"finch", "wren"}


async def test_trending_does_not_come_at_once(client: Client, sqlite_store: Store) -> None:
    browser, account, _ = await follower(client, sqlite_store)
    page = await subscribed(browser, "0", cadence="instant")
    assert page.status == 422 and "daily or weekly, not instant" in page.says("#fault-form")
    assert await subscribe.subscriptions(sqlite_store, account) == []


# ── changing ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_subscription_is_changed_and_ended(client_of_both: Client, store: Store) -> None:
    browser, account, profile = await follower(client_of_both, store)
    await subscribed(browser, profile)
    ((before, _),) = await subscribe.subscriptions(store, account)
    path = f"/subscriptions/{before.id}"
    form = (await browser.get(path)).fields("form.fields")
    assert (form["cadence"], form["occasion-new"], form["zone"]) == ("daily", "yes", "UTC")
    page = await browser.post(
        path, **form | {"cadence": "instant", "cap": "3", "quiet_from": "23:00", "quiet_to": "6:30"}
    )
    assert page.says("p.said") == "Saved."
    ((after, place),) = await subscribe.subscriptions(store, account)
    assert (after.cadence, after.began_at, place.cap) == (Cadence.INSTANT, before.began_at, 3)
    assert place.rhythm.quiet == QuietHours(time(23), time(6, 30))
    del form["occasion-new"], form["occasion-cross"]
    page = await browser.post(path, **form)
    assert page.status == 422 and page.all("form.fields .fault") == ["Choose at least one."]
    page = await browser.post(f"{path}/end")
    assert page.says("p.said") == "Ended."
    assert await subscribe.subscriptions(store, account) == []
    assert len(await follow.listed(store, account)) == 1


async def test_a_pause_outlasts_a_change_and_ends_by_its_button(client: Client, sqlite_store: Store) -> None:
    browser, account, profile = await follower(client, sqlite_store)
    await subscribed(browser, profile)
    ((mine, place),) = await subscribe.subscriptions(sqlite_store, account)
    page = await browser.post(f"/places/{place.id}", do="pause")
    assert page.says(".state") == "paused"
    form = (await browser.get(f"/subscriptions/{mine.id}")).fields("form.fields")
    await browser.post(f"/subscriptions/{mine.id}", **form | {"cap": "5"})
    ((_, there),) = await subscribe.subscriptions(sqlite_store, account)
    assert (there.cap, there.paused_reason) == (5, "at your wish")
    page = await browser.post(f"/places/{place.id}", do="resume")
    assert page.tree.css(".state") == []
    ((_, there),) = await subscribe.subscriptions(sqlite_store, account)
    assert there.paused_reason is None


# ── what was sent ──────────────────────────────────────────────────────────────────────────────────────────────────


async def one_delivery(browser: Browser, store: Store, profile: str) -> str:
    """A paper is announced and owed; its delivery's id."""
    await subscribed(browser, profile, cadence="instant")
    async with store.reading() as tx:
        now = await tx.now()
    await record(store, told("Larks in flight", "Larks.", at=now, arxiv="2603.00001"))
    await percolate(store)
    await deliver(store, FakeChannel())  # plans it; the birdcage is nobody's to send to
    ((row),) = await deliveries(store)
    return str(row["id"])


async def test_what_waits_can_be_dropped_and_what_died_be_sent_again(client: Client, sqlite_store: Store) -> None:
    browser, _, profile = await follower(client, sqlite_store)
    number = await one_delivery(browser, sqlite_store, profile)
    page = await browser.get("/deliveries")
    assert page.all("article .state") == ["waits"]
    async with sqlite_store.transaction() as tx:
        await tx.execute(update(DELIVERY).values(state="dead", reason="the cage is shut", ended_at=await tx.now()))
    page = await browser.get("/deliveries?state=dead")
    assert "The cage is shut" in page.says("article")
    page = await browser.post(f"/deliveries/{number}", do="retry")
    assert page.says("p.said").startswith("It is sent again")
    page = await browser.post(f"/deliveries/{number}", do="drop")
    assert page.says("p.said") == "Dropped."
    assert (await browser.get("/deliveries?state=pending")).says(".note") == "None."
    assert (await browser.post(f"/deliveries/{number}", do="retry")).status == 422


async def test_what_waits_is_sent_at_once_when_asked(client: Client, sqlite_store: Store) -> None:
    browser, account, profile = await follower(client, sqlite_store)
    await subscribed(browser, profile)
    ((_, place),) = await subscribe.subscriptions(sqlite_store, account)
    async with sqlite_store.reading() as tx:
        now = await tx.now()
    await record(sqlite_store, told("Larks in flight", "Larks.", at=now, arxiv="2603.00001"))
    await percolate(sqlite_store)
    page = await browser.get("/subscriptions")
    assert "1 paper" in page.says("article dl")
    page = await browser.post(f"/places/{place.id}", do="now")
    assert page.says("p.said") == "What waits is on its way."
    ((row),) = await deliveries(sqlite_store)
    assert row["slot"].startswith("asked for at ")


# ── somebody else's ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_another_readers_things_are_not_there(client: Client, sqlite_store: Store) -> None:
    ada, account, profile = await follower(client, sqlite_store)
    number = await one_delivery(ada, sqlite_store, profile)
    ((mine, place),) = await subscribe.subscriptions(sqlite_store, account)
    eve, eves, hers = await follower(client, sqlite_store)
    for found in (
        await eve.get(f"/subscriptions/{mine.id}"),
        await eve.post(f"/subscriptions/{mine.id}", cadence="weekly"),
        await eve.post(f"/subscriptions/{mine.id}/end"),
        await eve.post(f"/places/{place.id}", do="pause"),
        await eve.get(f"/deliveries/{number}"),
        await eve.post(f"/deliveries/{number}", do="drop"),
        await eve.get("/deliveries/x"),
        await eve.get(f"/deliveries/{'9' * 19}"),
    ):
        assert found.status == 404 and found.says("main").endswith("To the newest papers")
    assert (await eve.get("/deliveries")).tree.css("article") == []
    page = await subscribed(eve, hers, place=str(place.id), address="")
    assert page.status == 422  # a place that she does not know is no place
    assert await subscribe.subscriptions(sqlite_store, eves) == []
    ((same, _),) = await subscribe.subscriptions(sqlite_store, account)
    assert same == mine
