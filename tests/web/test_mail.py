"""Papers by mail as readers see it: a form, a question in the mailbox, a digest, a link that ends it."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs

from paperlark.app import opened
from paperlark.channels.email import Email, Options
from paperlark.links import Links, Purpose
from paperlark.readers import subscribe
from paperlark.settings import load
from paperlark.store import retention
from paperlark.store.database import Store, open_store
from paperlark.store.tables import ACCOUNT, CONFIRMATION, DELIVERY, DESTINATION, IDENTITY, OWED, SUBSCRIPTION
from paperlark.testing.clock import FakeClock
from paperlark.testing.mail import MailServer
from paperlark.web import make_web
from tests.builders import count, numbered, percolate, reader, record, rows
from tests.web.archive import token
from tests.web.town import HOME, KEY, Town, link

MORNING = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)  # half past seven in Berlin
DAY = timedelta(days=1)


async def settle(url: str) -> AsyncIterator[Town]:
    clock = FakeClock(MORNING)
    store = await open_store(url, clock=clock)
    links = Links(KEY, HOME)
    async with MailServer() as server:
        options = Options("127.0.0.1", "papers@example.org", server.port, tls="none", timeout=5,
                          bounces="bounces@example.org")  # fmt: skip
        channel = Email(options)
        pages = make_web(store, {"email": channel}, links=links, trusted_proxies="127.0.0.1")
        async with TestClient(TestServer(pages)) as client:
            yield Town(store, clock, server, channel, links, client)
        await channel.close()
    await store.close()


@pytest.fixture
async def both(store_url: str) -> AsyncIterator[Town]:
    """On both databases."""
    async for town in settle(store_url):
        yield town


@pytest.fixture
async def town(sqlite: object) -> AsyncIterator[Town]:
    """On SQLite, for what is not about databases."""
    async for town in settle(sqlite()):  # type: ignore[operator]
        yield town


async def one_night(town: Town, start: int) -> None:
    """The next digest is planned, papers that nobody knew get votes, it is due and goes out."""
    await town.carry()
    town.clock.advance(hours=22)
    for votes in (1, 40, 80):
        papers = [replace(each, signals={"upvotes": votes + n}) for n, each in enumerate(numbered(3, start=start))]
        await record(town.store, *(replace(each, announced_at=town.clock()) for each in papers), source="hf_daily")
        town.clock.advance(minutes=30)
    await percolate(town.store)
    town.clock.advance(hours=1)
    await town.carry()


# ── the story ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_trending_papers_come_once_a_day_after_the_owner_confirmed_and_end_at_one_click(both: Town) -> None:
    assert await both.sign_up() == 200
    await both.carry()
    (question,) = both.server.received("ada@example.org")
    assert question.message["Subject"] == "Please confirm: papers by mail"
    assert "what is trending, daily at 08:00 (Europe/Berlin)" in " ".join(question.part("plain").split())
    await one_night(both, 1)
    assert len(both.server.mails) == 1  # unconfirmed: nothing else

    path = link(question, "c")
    status, shown = await both.get(path)
    assert (status, "Yes, send it to me" in shown, "a…@example.org" in shown) == (200, True, True)
    both.clock.advance(timedelta(minutes=1))
    await both.carry()
    assert len(both.server.mails) == 1  # a GET confirms nothing
    status, shown = await both.post(path)
    assert (status, "It begins" in shown) == (200, True)

    await one_night(both, 10)
    (digest,) = both.server.received("ada@example.org")[1:]
    assert "Study 10 of larks at large" in digest.part("plain")
    one_click = str(digest.message["List-Unsubscribe"]).strip("<>").removeprefix(HOME)
    assert digest.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert one_click == link(digest, "u")
    before = len(both.server.mails)
    assert (await both.post(one_click, **{"List-Unsubscribe": "One-Click"}))[0] == 200
    await one_night(both, 20)
    assert len(both.server.mails) == before
    assert "nothing to change" in (await both.get(link(digest, "m")))[1]


async def test_a_search_of_ones_own_is_told_from_the_confirmation_on(both: Town) -> None:
    await both.sign_up(query='"larks at large"', cadence="instant")
    await both.carry()
    await record(both.store, *numbered(2, at=both.clock()))
    await percolate(both.store)
    assert await count(both.store, OWED) == 0
    both.clock.advance(hours=1)
    assert (await both.post(link(both.server.mails[0], "c")))[0] == 200
    both.clock.advance(minutes=1)
    await record(both.store, *numbered(1, start=7, at=both.clock()))
    await percolate(both.store)
    await both.carry()
    both.clock.advance(minutes=6)
    await both.carry()
    told = [mail.message["Subject"] for mail in both.server.mails[1:]]
    assert told == ["Study 7 of larks at large"]


async def test_a_question_that_nobody_answers_is_forgotten_with_the_address(both: Town) -> None:
    await both.sign_up()
    await both.carry()
    path = link(both.server.mails[0], "c")
    both.clock.advance(timedelta(days=10))
    status, shown = await both.post(path)
    assert (status, "forgotten" in shown) == (410, True)
    for _ in range(3):
        async with both.store.transaction() as tx:
            await retention.forget(tx, await tx.now())
    for table in (CONFIRMATION, DESTINATION, IDENTITY, ACCOUNT, SUBSCRIPTION, DELIVERY):
        assert await count(both.store, table) == 0, table.name
    assert (await both.get(path))[0] == (await both.post(path))[0] == 410


async def test_an_unsubscribed_address_is_forgotten_after_ten_days(both: Town) -> None:
    await both.reader()
    place = (await rows(both.store, DESTINATION.select()))[0]
    unsubscribe = f"/u/{both.links.token(Purpose.UNSUBSCRIBE, place['account_id'], place['id'])}"
    assert (await both.post(unsubscribe, **{"List-Unsubscribe": "One-Click"}))[0] == 200
    both.clock.advance(timedelta(days=10, minutes=1))
    async with both.store.transaction() as tx:
        await retention.forget(tx, await tx.now())
    assert await count(both.store, DESTINATION) == await count(both.store, IDENTITY) == 0
    status, shown = await both.post(unsubscribe, **{"List-Unsubscribe": "One-Click"})
    assert (status, "You are unsubscribed" in shown) == (200, True)


async def test_a_link_confirms_once_and_says_so_again(town: Town) -> None:
    await town.sign_up()
    await town.carry()
    path = link(town.server.mails[0], "c")
    await town.post(path)
    place = (await rows(town.store, DESTINATION.select()))[0]
    leave = f"/u/{town.links.token(Purpose.UNSUBSCRIBE, place['account_id'], place['id'])}"
    await town.post(leave, **{"List-Unsubscribe": "One-Click"})
    assert (await town.post(path))[0] == 410  # an old link does not bring back what was ended
    assert await count(town.store, SUBSCRIPTION) == 0


async def test_confirming_twice_keeps_what_was_changed_meanwhile(town: Town) -> None:
    await town.reader()
    path = link(town.server.mails[0], "c")
    assert "This is confirmed" in (await town.get(path))[1]
    status, _ = await town.post(path)
    assert status == 200
    assert await count(town.store, SUBSCRIPTION) == 1


# ── who may not ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_known_and_unknown_addresses_are_answered_alike_and_after_the_same_time(town: Town) -> None:
    known = [f"ada{number}@example.org" for number in range(3)]
    for address in known:
        await town.reader(address)
    loop = asyncio.get_running_loop()
    pages, times = [], defaultdict[bool, list[float]](list)
    for address in (*known, *(f"bob{number}@example.org" for number in range(3)), known[0]):
        began = loop.time()
        async with town.client.post("/mail", data=form(address)) as answer:
            pages.append((answer.status, (await answer.text()).replace(address, "X"), len(answer.headers)))
        times[address in known].append(loop.time() - began)
    assert len(set(pages)) == 1
    least = [min(took) for took in times.values()]  # each asks for the first time; a busy machine adds to some
    assert max(least) - min(least) < 0.15 and min(least) >= 0.3


def form(address: str = "ada@example.org", **fields: str) -> dict[str, str]:
    return {"address": address, "cadence": "daily", "digest_at": "08:00", "zone": "UTC"} | fields


async def test_a_stranger_cannot_change_what_a_reader_gets(town: Town) -> None:
    await town.reader()
    before = await rows(town.store, DESTINATION.select()), await rows(town.store, SUBSCRIPTION.select())
    await town.sign_up(query="spam", digest_at="03:00")
    await town.carry()
    after = await rows(town.store, DESTINATION.select()), await rows(town.store, SUBSCRIPTION.select())
    assert after == before
    mail = town.server.mails[-1]
    assert "spam" not in mail.raw.decode().casefold()  # nobody writes to strangers through us
    assert "spam" in (await town.get(link(mail, "c")))[1]


async def test_a_mailbox_is_asked_five_times_a_day_however_it_is_spelt_and_nobody_sees_when_it_is_enough(
    town: Town,
) -> None:
    spellings = ("ada.l@example.org", "adal@example.org", "ADA.L+x@example.org", "a.d.a.l+y@example.org")
    for number in range(8):
        headers = {"X-Forwarded-For": f"192.0.2.{number}"}
        data = form(spellings[number % 4], query=f"larks {number}")
        async with town.client.post("/mail", data=data, headers=headers) as answer:
            assert answer.status == 200
    await town.carry()
    assert len(town.server.mails) == 5


async def test_one_client_signs_up_twenty_times_an_hour_whatever_it_says_of_itself(town: Town) -> None:
    statuses = []

    async def ask(number: int, address: str) -> None:
        headers = {"X-Forwarded-For": f"203.0.113.{number}, {address}"}  # only the last was written by our proxy
        async with town.client.post("/mail", data=form(f"r{number}@example.org"), headers=headers) as answer:
            statuses.append((answer.status, "Retry-After" in answer.headers))

    await asyncio.gather(*[ask(number, "198.51.100.7") for number in range(22)])
    assert sorted(statuses) == [(200, False)] * 20 + [(429, True)] * 2
    statuses.clear()
    await ask(30, "198.51.100.8")
    await ask(31, "2001:db8:1:2::7")
    assert statuses == [(200, False)] * 2


async def test_an_untrusted_proxys_word_is_not_taken(sqlite_store: Store) -> None:
    channel = Email(Options("mail.example.org", "papers@example.org"))
    pages = make_web(sqlite_store, {"email": channel}, links=Links(KEY, HOME))
    async with TestClient(TestServer(pages)) as client:

        async def ask(number: int) -> int:
            headers = {"X-Forwarded-For": f"198.51.100.{number}"}
            async with client.post("/mail", data=form(f"r{number}@example.org"), headers=headers) as answer:
                return answer.status

        assert sorted(await asyncio.gather(*map(ask, range(21)))) == [200] * 20 + [429]


async def test_an_address_that_a_token_holder_adds_waits_for_its_owner(both: Town) -> None:
    headers = await token(both.store)
    async with both.client.post("/api/v1/profiles", headers=headers, json={"text": "larks"}) as answer:
        profile = (await answer.json())["id"]
    body = {"profile_id": profile, "channel": "email", "address": "bob@example.org", "cadence": "instant"}
    for status in (201, 200):
        async with both.client.post("/api/v1/subscriptions", headers=headers, json=body) as answer:
            assert (answer.status, (await answer.json())["confirmed"]) == (status, False)
    await record(both.store, *numbered(1, at=both.clock()))
    await percolate(both.store)
    both.clock.advance(minutes=10)
    await both.carry()
    (question,) = both.server.mails  # once, though it was written down twice
    assert question.recipient == "bob@example.org" and "larks" not in question.part("plain")
    assert (await both.post(link(question, "c")))[0] == 200
    both.clock.advance(minutes=1)
    await record(both.store, *numbered(1, start=5, at=both.clock()))
    await percolate(both.store)
    await both.carry()
    both.clock.advance(minutes=10)
    await both.carry()
    assert [mail.message["Subject"] for mail in both.server.mails[1:]] == ["Study 5 of larks at large"]
    async with both.client.get("/api/v1/subscriptions", headers=headers) as answer:
        assert [each["confirmed"] for each in (await answer.json())["data"]] == [True]


async def test_whoever_added_an_address_cannot_undo_that_its_owner_unsubscribed(town: Town) -> None:
    ann = await reader(town.store, "larks", "desk", channel="console")
    wanted = {"channel": "email", "address": "bob@example.org", "wish": subscribe.Wish()}
    await subscribe.subscribe(town.store, ann.account_id, "larks", **wanted)  # type: ignore[arg-type]
    await town.carry()
    await town.post(link(town.server.mails[0], "c"))
    place = next(p for p in await subscribe.destinations(town.store, ann.account_id) if p.channel == "email")
    leave = f"/u/{town.links.token(Purpose.UNSUBSCRIBE, ann.account_id, place.id)}"
    await town.post(leave, **{"List-Unsubscribe": "One-Click"})
    await subscribe.resume(town.store, ann.account_id, place.id)
    _, again = await subscribe.subscribe(town.store, ann.account_id, "larks", **wanted)  # type: ignore[arg-type]
    assert again.confirm_by is not None
    await record(town.store, *numbered(1, at=town.clock()))
    await percolate(town.store)
    town.clock.advance(DAY)
    await town.carry()
    assert [mail.message["Subject"] for mail in town.server.mails] == ["Please confirm: papers by mail"] * 2


# ── links by the wire ──────────────────────────────────────────────────────────────────────────────────────────────


def url_encoded() -> tuple[bytes, str]:
    return b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"


def multipart() -> tuple[bytes, str]:
    body = '--xyz\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--xyz--\r\n'
    return body.encode(), "multipart/form-data; boundary=xyz"


@pytest.mark.parametrize("sent", [url_encoded, multipart])
async def test_one_click_acts_as_mail_programs_send_it_again_and_again(town: Town, sent: object) -> None:
    await town.reader()
    place = (await rows(town.store, DESTINATION.select()))[0]
    path = f"/u/{town.links.token(Purpose.UNSUBSCRIBE, place['account_id'], place['id'])}"
    body, kind = sent()  # type: ignore[operator]
    for _ in range(2):
        async with town.client.post(path, data=body, headers={"Content-Type": kind}, allow_redirects=False) as answer:
            assert (answer.status, answer.cookies) == (200, {})
        assert await count(town.store, SUBSCRIPTION) == 0


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"List-Unsubscribe=No", "application/x-www-form-urlencoded"),
        (b"--xyz\r\ngarbage", "multipart/form-data; boundary=xyz"),
        (b"\xff\xfe=\x00", "application/x-www-form-urlencoded; charset=nonsense"),
        (b"x", "multipart/form-data"),
        (b"{}", "application/json"),
    ],
)
async def test_any_other_post_ends_nothing(town: Town, body: bytes, kind: str) -> None:
    await town.reader()
    place = (await rows(town.store, DESTINATION.select()))[0]
    path = f"/u/{town.links.token(Purpose.UNSUBSCRIBE, place['account_id'], place['id'])}"
    async with town.client.post(path, data=body, headers={"Content-Type": kind}) as answer:
        assert answer.status == 400
    async with town.client.get(path) as answer:
        shown = await answer.text()
    assert (answer.status, "Send nothing more" in shown) == (200, True)
    assert await count(town.store, SUBSCRIPTION) == 1


async def test_a_link_of_another_purpose_or_of_nobody_finds_nothing(town: Town) -> None:
    await town.reader()
    place = (await rows(town.store, DESTINATION.select()))[0]
    whose = (place["account_id"], place["id"])
    forged = Links("another key, as long as the town's own", HOME)
    for purpose in Purpose:
        for made in (forged.token(purpose, *whose), "x", "a.b", "é", "x" * 500, town.links.token(purpose, *whose)[:-9]):
            for method in ("get", "post"):
                async with getattr(town.client, method)(f"/{purpose}/{made}") as answer:
                    assert answer.status == 404, (purpose, made)
        for other in set(Purpose) - {purpose}:
            assert (await town.post(f"/{purpose}/{town.links.token(other, *whose)}"))[0] == 404
    # Well signed, and of nothing that is there.
    assert (await town.post(f"/c/{town.links.token(Purpose.CONFIRM, 1, 2)}"))[0] == 410
    assert (await town.get(f"/m/{town.links.token(Purpose.PREFERENCES, 1, 2)}"))[0] == 410
    assert (await town.get(f"/u/{town.links.token(Purpose.UNSUBSCRIBE, 1, 2)}"))[0] == 200
    assert await count(town.store, SUBSCRIPTION) == 1


async def test_what_is_behind_a_link_is_kept_by_nobody_and_its_token_by_no_log_line(town: Town) -> None:
    await town.reader()
    place = (await rows(town.store, DESTINATION.select()))[0]
    secret = town.links.token(Purpose.PREFERENCES, place["account_id"], place["id"])
    async with town.client.get(f"/m/{secret}") as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "ada@example.org" not in await answer.text()
    await town.store.close()
    async with town.store.transaction() as tx:
        await tx.execute(DESTINATION.delete())
        await (await tx.connection()).exec_driver_sql("DROP TABLE destination")
    with capture_logs() as lines:
        assert (await town.get(f"/m/{secret}"))[0] == 503
    assert lines and secret not in repr(lines) and lines[0]["path"] == "/m/{token}"


# ── preferences ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_preferences_change_hour_zone_cadence_and_pause_without_a_script(town: Town) -> None:
    await town.reader()
    await town.reader(query="larks")
    place = (await rows(town.store, DESTINATION.select()))[0]
    path = f"/m/{town.links.token(Purpose.PREFERENCES, place['account_id'], place['id'])}"
    _, shown = await town.get(path)
    assert "<script" not in shown and "what is trending" in shown and "larks" in shown
    first, second = [row["id"] for row in await rows(town.store, SUBSCRIPTION.select().order_by(SUBSCRIPTION.c.id))]
    fields = {f"cadence-{first}": "weekly", f"cadence-{second}": "instant", "digest_at": "06:15", "weekday": "4",
              "zone": "Asia/Tokyo", "do": "save"}  # fmt: skip
    status, shown = await town.post(path, **fields)
    assert (status, "Saved." in shown) == (200, True)
    now = (await rows(town.store, DESTINATION.select()))[0]
    assert (now["zone"], now["digest_at"], now["weekday"]) == ("Asia/Tokyo", "06:15", 4)
    told = {row["id"]: row["cadence"] for row in await rows(town.store, SUBSCRIPTION.select())}
    assert told == {first: "weekly", second: "instant"}

    assert "Paused" in (await town.post(path, do="pause", days="14"))[1]
    paused = (await rows(town.store, DESTINATION.select()))[0]
    assert paused["paused_until"] == town.clock() + timedelta(days=14)
    assert "Paused:" not in (await town.post(path, do="resume"))[1]
    await town.post(path, do="save", **{f"end-{second}": "yes"})
    assert [row["id"] for row in await rows(town.store, SUBSCRIPTION.select())] == [first]
    assert "You are unsubscribed" in (await town.post(path, do="unsubscribe"))[1]
    assert await count(town.store, SUBSCRIPTION) == 0


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"do": "save", "zone": "Middle/Earth"}, 422, "unknown time zone"),
        ({"do": "save", "digest_at": "25:00"}, 422, "no hour of the day"),
        ({"do": "dance"}, 400, "press one of the buttons"),
        ({}, 400, "press one of the buttons"),
        ({"do": "save", "cadence-99": "weekly", "end-77": "yes", "weekday": "9"}, 200, "Saved."),
        ({"do": "pause", "days": "-5"}, 200, "Paused."),
    ],
)
async def test_odd_forms_are_told_what_is_wrong(town: Town, fields: dict[str, str], status: int, said: str) -> None:
    await town.reader()
    place = (await rows(town.store, DESTINATION.select()))[0]
    path = f"/m/{town.links.token(Purpose.PREFERENCES, place['account_id'], place['id'])}"
    got, shown = await town.post(path, **fields)
    assert (got, said.casefold() in shown.casefold()) == (status, True), shown
    assert await count(town.store, SUBSCRIPTION) == 1


async def test_one_readers_link_changes_no_other_subscription(town: Town) -> None:
    await town.reader("ada@example.org")
    await town.reader("bob@example.org")
    ada, bob = await rows(town.store, DESTINATION.select().order_by(DESTINATION.c.id))
    (of_bob,) = [row for row in await rows(town.store, SUBSCRIPTION.select()) if row["destination_id"] == bob["id"]]
    path = f"/m/{town.links.token(Purpose.PREFERENCES, ada['account_id'], ada['id'])}"
    await town.post(path, do="save", **{f"end-{of_bob['id']}": "yes", f"cadence-{of_bob['id']}": "weekly"})
    assert of_bob in await rows(town.store, SUBSCRIPTION.select())


# ── the form and the API ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"address": "no mailbox"}, "not a mail address"),
        ({"address": "a@example.org, b@example.org"}, "not a mail address"),
        ({"query": '"half'}, "column"),
        ({"cadence": "hourly"}, "choose how often"),
        ({"cadence": "instant"}, "comes as a digest"),
        ({"zone": "Berlin"}, "did you mean Europe/Berlin?"),
        ({"digest_at": "late"}, "no hour of the day"),
        ({"address": "<script>alert(1)</script>"}, "not a mail address"),
    ],
)
async def test_a_form_that_cannot_be_read_comes_back_as_it_was_filled_in(
    town: Town, fields: dict[str, str], said: str
) -> None:
    status, shown = await town.post("/mail", **form(**fields))
    assert (status, said.casefold() in shown.casefold()) == (422, True)
    assert "<script>alert" not in shown and f'value="{form(**fields)["zone"]}"' in shown
    assert await count(town.store, CONFIRMATION) == 0


async def test_programs_sign_up_too_and_learn_no_more(town: Town) -> None:
    body = {"address": "Ada@Example.org", "query": "larks", "cadence": "weekly", "weekday": 4}
    answers = []
    for _ in range(2):
        async with town.client.post("/api/v1/mail/subscriptions", json=body) as answer:
            answers.append((answer.status, await answer.json()))
    assert answers[0] == answers[1] and answers[0][0] == 202
    await town.carry()
    (question,) = town.server.mails
    assert question.recipient == "Ada@example.org"
    assert "every Friday at 08:00 (UTC)" in " ".join(question.part("plain").split())


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"address": "x"}, "#/address"),
        ({"query": '"half'}, "#/query"),
        ({"cadence": "instant"}, "#/cadence"),
        ({"cadence": "hourly"}, "#/cadence"),
        ({"zone": "Berlin"}, "#/zone"),
        ({"hour": 8}, "#/hour"),
    ],
)
async def test_a_body_at_fault_names_the_place(town: Town, change: dict[str, object], pointer: str) -> None:
    async with town.client.post("/api/v1/mail/subscriptions", json={"address": "a@example.org"} | change) as answer:
        problem = json.loads(await answer.read())
    assert (answer.status, problem["errors"][0]["pointer"]) == (422, pointer)


async def test_where_no_mail_is_sent_none_is_offered(sqlite_store: Store) -> None:
    channel = Email(Options("mail.example.org", "papers@example.org"))
    for channels, links in (({}, Links(KEY, HOME)), ({"email": channel}, Links(KEY, None)), ({"email": channel}, None)):
        async with TestClient(TestServer(make_web(sqlite_store, channels, links=links))) as client:
            async with client.get("/mail") as page, client.post("/mail", data=form()) as form_answer:
                assert (page.status, form_answer.status) == (404, 404)
            async with client.post("/api/v1/mail/subscriptions", json={"address": "a@example.org"}) as answer:
                assert (answer.status, answer.content_type) == (404, "application/problem+json")
            async with client.get("/") as page:
                assert 'href="/mail"' not in await page.text()


async def test_a_file_in_place_of_a_field_is_passed_over(town: Town) -> None:
    data = FormData()
    data.add_field("address", b"x", filename="a.txt")
    async with town.client.post("/mail", data=data) as answer:
        assert answer.status == 422


async def test_the_service_itself_asks_sends_and_signs_with_a_key_of_its_own(tmp_path: Path) -> None:
    async with MailServer() as server:
        env = {
            "PAPERLARK_DATABASE_URL": str(tmp_path / "papers.sqlite3"),
            "PAPERLARK_PUBLIC_URL": HOME,
            "PAPERLARK_SMTP_HOST": "127.0.0.1",
            "PAPERLARK_SMTP_PORT": str(server.port),
            "PAPERLARK_SMTP_TLS": "none",
            "PAPERLARK_SMTP_SENDER": "papers@example.org",
        }
        async with opened(load(env)) as app, TestClient(TestServer(app.web_application())) as client:
            async with client.post("/mail", data=form()) as answer:
                assert answer.status == 200
            await app.deliver()
        other = env | {"PAPERLARK_SECRET_KEY": "another key that the operator has set"}
        for settings, status in ((env, 200), (other, 404)):  # its own key was kept
            async with (
                opened(load(settings)) as app,
                TestClient(TestServer(app.web_application())) as client,
                client.post(link(server.mails[0], "c")) as answer,
            ):
                assert answer.status == status
    assert len(server.mails) == 1
