"""Webhooks over real HTTP, read as a receiver reads them: by the Standard Webhooks' own library."""

import base64
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook as Receiver
from standardwebhooks.webhooks import WebhookVerificationError
from structlog.testing import capture_logs

from paperlark.channels.webhook import BYTES, Options, Webhook
from paperlark.http import HostPace, Http
from paperlark.model.messages import Payload, Span
from paperlark.model.problems import DeliveryError, ReaderError
from paperlark.testing.sites import Reply, Site

from .digests import ALL, HOSTILE, digest, hostile, paper

OLD, NEW = ("whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


async def secrets(to: str) -> Sequence[str]:
    """Of the destination 7.9 both, of any other none."""
    return [NEW, OLD] if to == "7.9" else []


def channel(*, private: bool = True) -> Webhook:
    http = Http("https://paperlark.example.org", HostPace(), allow_private=private)
    return Webhook(Options(http, secrets, lambda: datetime.now(UTC), insecure=True))


PURE = channel()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as site:
        site.answers("/hook", Reply(status=204))
        yield site


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    opened = channel()
    await opened.open()
    yield opened
    await opened.close()


def told(payload: Payload) -> dict[str, Any]:
    """What a body says."""
    said: dict[str, Any] = json.loads(payload.content["body"])
    return said


def sealed(**changes: Any) -> Payload:
    """A message as it comes back from the store: through JSON, its keys in another order."""
    [payload] = PURE.render(digest(destination=(7, 9), **changes))
    return Payload(dict(sorted(json.loads(json.dumps(payload.content)).items(), reverse=True)))


# --- What is sent


async def test_a_receiver_can_verify_what_came_by_the_new_secret_and_by_the_old(site: Site, webhook: Webhook) -> None:
    await webhook.send(f"{site.url}/hook?to=me", sealed(), "1f-0")
    [asked] = site.asked
    for secret in (OLD, NEW):
        said = Receiver(secret).verify(asked.body, dict(asked.headers))
        assert [each["title"] for each in said["data"]["papers"]] == [paper().title] * 3
    assert (asked.headers["webhook-id"], asked.headers["Content-Type"]) == ("1f-0", "application/json")
    assert asked.query == {"to": "me"}


async def test_a_body_that_was_touched_on_the_way_is_noticed(site: Site, webhook: Webhook) -> None:
    await webhook.send(f"{site.url}/hook", sealed(), "1f-0")
    [asked] = site.asked
    with pytest.raises(WebhookVerificationError):
        Receiver(NEW).verify(asked.body.replace(b"Agents", b"agents"), dict(asked.headers))
    with pytest.raises(WebhookVerificationError):
        Receiver(NEW).verify(asked.body, {**asked.headers, "webhook-id": "1f-1"})


async def test_a_second_try_has_the_same_id_and_body_and_is_signed_anew(site: Site, webhook: Webhook) -> None:
    site.answers("/hook", Reply(status=500), Reply())
    payload = sealed()
    with pytest.raises(DeliveryError):
        await webhook.send(f"{site.url}/hook", payload, "1f-0")
    await webhook.send(f"{site.url}/hook", payload, "1f-0")
    first, second = site.asked
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    Receiver(NEW).verify(second.body, dict(second.headers))


async def test_where_there_is_no_secret_nothing_is_sent(site: Site, webhook: Webhook) -> None:
    for payload in (*PURE.render(digest(destination=(7, 8))), *PURE.render(digest())):
        with pytest.raises(DeliveryError, match="no secret") as caught:
            await webhook.send(f"{site.url}/hook", payload, "1f-0")
        assert caught.value.refused
    assert site.asked == []


# --- What is answered


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_taken(site: Site, webhook: Webhook, status: int) -> None:
    site.answers("/hook", Reply(status=status))
    await webhook.send(f"{site.url}/hook", sealed(), "1f-0")


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 413, 429, 500, 502, 503])
async def test_anything_else_failed_for_now_and_redirects_are_not_followed(
    site: Site, webhook: Webhook, status: int
) -> None:
    site.answers("/hook", Reply(b"not here", status, {"Location": f"{site.url}/other"}))
    with pytest.raises(DeliveryError, match=f"^webhook: {status} ") as caught:
        await webhook.send(f"{site.url}/hook", sealed(), "1f-0")
    error = caught.value
    assert not any((error.permanent, error.refused, error.channel, error.ambiguous, error.retry_after))
    assert len(site.asked) == 1


async def test_410_ends_it(site: Site, webhook: Webhook) -> None:
    site.answers("/hook", Reply(status=410))
    with pytest.raises(DeliveryError, match="410 Gone") as caught:
        await webhook.send(f"{site.url}/hook", sealed(), "1f-0")
    assert caught.value.permanent


@pytest.mark.parametrize("status", [429, 503])
async def test_a_wait_that_is_asked_for_is_honoured_for_that_address(site: Site, webhook: Webhook, status: int) -> None:
    site.answers("/hook", Reply(status=status, headers={"Retry-After": "90"}))
    with pytest.raises(DeliveryError) as caught:
        await webhook.send(f"{site.url}/hook", sealed(), "1f-0")
    assert (caught.value.retry_after, caught.value.of_address) == (timedelta(seconds=90), True)


async def test_a_server_that_hangs_up_or_is_not_there_is_tried_again(site: Site, webhook: Webhook) -> None:
    site.answers("/hook", Reply(b"x" * 8192, cut_after=1))
    await webhook.send(f"{site.url}/hook", sealed(), "1f-0")  # its status was well, and nobody reads the rest
    await site.close()
    with pytest.raises(DeliveryError, match="webhook: no connection") as caught:
        await webhook.send(f"{site.url}/hook", sealed(), "1f-0")
    assert not caught.value.permanent


async def test_a_server_that_does_not_answer_in_time_is_tried_again(site: Site) -> None:
    site.answers("/hook", Reply(wait=5))
    async with Http("https://paperlark.example.org", HostPace(), allow_private=True) as http:
        with pytest.raises(DeliveryError, match=r"^webhook: no answer within 0\.2 s$") as caught:
            await http.post(f"{site.url}/hook", b"{}", asker="webhook", timeout=0.2)
    assert not (caught.value.ambiguous or caught.value.permanent)


async def test_a_private_address_is_never_asked_and_the_reader_is_told(site: Site) -> None:
    guarded = channel(private=False)
    await guarded.open()
    for address in ("https://127.0.0.1/hook", "http://localhost/hook"):
        with pytest.raises(DeliveryError, match="not on the public internet") as caught:
            await guarded.send(address, sealed(), "1f-0")
        assert caught.value.permanent
    with pytest.raises(DeliveryError, match="port") as caught:
        await guarded.send(f"{site.url}/hook", sealed(), "1f-0")
    assert site.asked == []
    await guarded.close()


async def test_no_line_of_the_log_and_no_error_holds_an_address_or_a_secret(site: Site, webhook: Webhook) -> None:
    site.answers("/hush", Reply(status=500))
    with capture_logs() as lines, pytest.raises(DeliveryError) as caught:
        await webhook.send(f"{site.url}/hush?token=hush", sealed(), "1f-0")
    shown = f"{lines}{caught.value}{webhook._options}"
    assert lines and not [word for word in ("hush", "127.0.0.1", "whsec") if word in shown]


# --- What is said


def test_a_paper_is_told_whole_as_it_is_stored_and_its_spans_hold() -> None:
    one = paper(title=r"On $\tau$-bench: Tool Use", reasons=(replace(paper().reasons[0], spans=(
        Span("title", 17, 25, "Tool Use"), Span("abstract", 0, 6, "Agents"))),))  # fmt: skip
    [payload] = PURE.render(digest(one))
    said = told(payload)
    assert (said["type"], said["timestamp"], said["data"]["day"]) == ("digest", "2026-11-21T08:00:00Z", "2026-11-21")
    [shown] = said["data"]["papers"]
    assert (shown["id"], shown["title"], shown["abstract"]) == ("1", one.title, one.abstract)
    assert (shown["author_count"], shown["signals"]["upvotes"], shown["aliases"]) == (64, 35, ["arxiv:2511.00001"])
    [reason] = shown["reasons"]
    assert reason["profile"] == "Agents" and reason["because"] == "“Tool Use” in the title; “Agents” in the abstract"
    for span in reason["spans"]:
        assert shown[span["field"]][span["start"] : span["end"]] == span["text"]


def test_an_empty_digest_says_so() -> None:
    [payload] = PURE.render(ALL["empty"])
    data = told(payload)["data"]
    assert (data["papers"], data["note"], data["more"]) == ([], "Hugging Face had a quiet day.", 0)


@pytest.mark.parametrize("name", ALL)
def test_every_body_is_below_the_limit_and_numbered(name: str) -> None:
    payloads = [PURE.again(payload) for payload in PURE.render(ALL[name])]
    bodies = [told(payload)["data"] for payload in payloads]
    assert all(len(payload.content["body"].encode()) < BYTES for payload in payloads)
    assert [(body["part"], body["parts"]) for body in bodies] == [
        (number, len(bodies)) for number in range(1, len(bodies) + 1)
    ]
    shown = sum(len(body["papers"]) for body in bodies)
    assert {body["more"] for body in bodies} == {ALL[name].more + len(ALL[name].papers) - shown}


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=6000), st.integers(1, 8))
def test_whatever_a_paper_holds_it_fits_and_what_is_told_of_spans_holds(words: str, papers: int) -> None:
    for payload in PURE.render(digest(*(hostile(words, n) for n in range(papers)), title=words, health=words)):
        assert len(payload.content["body"].encode()) < BYTES
        for shown in told(payload)["data"]["papers"]:
            for span in (span for reason in shown["reasons"] for span in reason["spans"]):
                if span["field"] in ("title", "abstract"):
                    field = shown[span["field"]]
                    assert span["end"] <= len(field) and field[span["start"] : span["end"]] == span["text"]


@pytest.mark.parametrize("text", ["\x00\x01" * 3000, "𝔘" * 6000, '"\\' * 3000, HOSTILE["surrogate"] * 300])
def test_what_takes_most_room_fits(text: str) -> None:
    for payload in PURE.render(digest(*(hostile(text, n) for n in range(9)), title=text, health=text, page_url=text)):
        assert len(payload.content["body"].encode()) < BYTES


def test_two_hundred_papers_are_all_told() -> None:
    bodies = [told(payload)["data"] for payload in PURE.render(digest(*(paper(n) for n in range(200))))]
    assert [int(shown["id"]) for body in bodies for shown in body["papers"]] == list(range(200))


# --- Addresses


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://Example.ORG/Hook?a=B", "https://example.org/Hook?a=B"),
        (" https://example.org ", "https://example.org/"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://example.org:443/x", "https://example.org/x"),
    ],
)
def test_an_address_has_one_spelling(written: str, meant: str) -> None:
    assert PURE.check_address(written) == meant
    assert PURE.check_address(meant) == meant


@pytest.mark.parametrize(
    "written",
    ["", "example.org", "ftp://example.org/", "https://", "https://u:p@example.org/", "https://example.org/#part",
     "https://example.org/a b", "https://exam\nple.org/", "https://[::1", "https://example.org:99999/",
     "https://example.org/" + "x" * 1000, "javascript:alert(1)"],
)  # fmt: skip
def test_what_is_no_address_is_explained(written: str) -> None:
    with pytest.raises(ReaderError, match=r"^not a webhook: give an https or http address"):
        PURE.check_address(written)


def test_plain_http_is_taken_only_where_the_operator_lets_it() -> None:
    http = Http("https://paperlark.example.org", HostPace())
    careful = Webhook(Options(http, secrets, lambda: datetime.now(UTC)))
    with pytest.raises(ReaderError, match="give an https address"):
        careful.check_address("http://example.org/hook")


def test_the_standards_waits_are_stated() -> None:
    assert [wait.total_seconds() / 60 for wait in Webhook.retries[1:4]] == [5, 30, 120]
    assert sum(Webhook.retries, timedelta()) > timedelta(hours=75)
