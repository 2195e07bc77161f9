"""Feeds out, through real HTTP: addresses made, read, moved on, revoked."""

import json
import zlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import feedparser
import pytest
import structlog
from aiohttp.test_utils import TestServer
from lxml import etree
from sqlalchemy import text

from paperlark.links import Links
from paperlark.model.readers import MarkKind, MuteKind
from paperlark.readers import feeds, follow, mark, mute
from paperlark.store import accounts
from paperlark.store.database import Store
from paperlark.store.tables import MARK
from paperlark.web import make_web
from tests.builders import Reader, numbered, percolate, reader, record, told
from tests.web.archive import Client
from tests.web.fitting import FittingClient

ALL = ("account:read", "account:write", "profiles:read", "profiles:write", "matches:read")


async def test_a_profile_can_be_read_as_atom_rss_and_json_feed(client_of_both: Client, store: Store) -> None:
    ann = await _with_matches(
        store, told("Larks at dawn", "All larks sing.", arxiv="2603.00001", authors=("Ada Finch",))
    )
    made = await _made(client_of_both, store, ann)
    assert made["addresses"].keys() == {"atom", "rss", "json"}
    for name, media in (("atom", "application/atom+xml"), ("rss", "application/rss+xml")):
        body, headers = await _read(client_of_both, made["addresses"][name])
        assert headers["Content-Type"] == f"{media}; charset=utf-8"
        read = feedparser.parse(BytesIO(body))
        assert not read.bozo
        assert (read.feed.title, [each.title for each in read.entries]) == ("larks", ["Larks at dawn"])
        assert [each.id for each in read.entries] == [
            f"tag:paperlark.invalid,2026:profile/{ann.profile.id}/paper/" + _paper(read)
        ]
        assert read.entries[0].link == "https://arxiv.org/abs/2603.00001"
        assert {link.rel: link.href for link in read.feed.links}["self"] == made["addresses"][name]
    body, headers = await _read(client_of_both, made["addresses"]["json"])
    said = json.loads(body)
    assert headers["Content-Type"] == "application/feed+json; charset=utf-8"
    assert said["items"][0]["summary"] == "because of larks: “Larks” in the title"
    assert "<strong>larks</strong>" in said["items"][0]["content_html"]
    assert headers["Referrer-Policy"] == "no-referrer" and headers["X-Robots-Tag"] == "noindex"


async def test_what_has_not_changed_is_not_sent_again(client: Client, sqlite_store: Store) -> None:
    ann = await _with_matches(sqlite_store, *numbered(2))
    address = (await _made(client, sqlite_store, ann))["addresses"]["atom"]
    _, headers = await _read(client, address)
    for known in ({"If-None-Match": headers["ETag"]}, {"If-Modified-Since": headers["Last-Modified"]}):
        async with client.get(_path(address), headers=known) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
    async with client.get(
        _path(address), headers={"If-None-Match": '"another"', "If-Modified-Since": headers["Last-Modified"]}
    ) as answer:
        assert answer.status == 200, "a tag says more than a time"
    await record(sqlite_store, told("Larks again", arxiv="2603.00099"))
    await percolate(sqlite_store)
    async with client.get(_path(address), headers={"If-None-Match": headers["ETag"]}) as answer:
        assert answer.status == 200


async def test_a_long_feed_is_read_on_without_a_paper_twice(client_of_both: Client, store: Store) -> None:
    ann = await _with_matches(store, *numbered(feeds.ENTRIES + 3))
    address = (await _made(client_of_both, store, ann))["addresses"]["json"]
    first = json.loads((await _read(client_of_both, address))[0])
    second = json.loads((await _read(client_of_both, first["next_url"]))[0])
    ids = [each["id"] for each in first["items"] + second["items"]]
    assert (len(first["items"]), len(second["items"]), len(set(ids))) == (feeds.ENTRIES, 3, feeds.ENTRIES + 3)
    assert "next_url" not in second and second["feed_url"] == first["next_url"]
    moments = [each["date_published"] for each in first["items"] + second["items"]]
    assert moments == sorted(moments, reverse=True)


@pytest.mark.parametrize("place", ["", "x", "1-", "-1", "1-2-3", "9" * 30 + "-1", "1-" + "9" * 30, "١-٢"])
async def test_a_place_that_is_none_is_refused(client: Client, sqlite_store: Store, place: str) -> None:
    ann = await _with_matches(sqlite_store, *numbered(1))
    address = (await _made(client, sqlite_store, ann))["addresses"]["atom"]
    async with client.get(_path(address), params={"before": place}) as answer:
        assert answer.status == 400


async def test_muted_and_dismissed_papers_are_left_out(client: Client, sqlite_store: Store) -> None:
    ann = await _with_matches(
        sqlite_store,
        told("Larks and drums", arxiv="2603.00001"),
        told("Larks asleep", arxiv="2603.00002"),
        told("Larks kept", arxiv="2603.00003"),
    )
    await mute.mute(sqlite_store, ann.account_id, MuteKind.WORD, "drums")
    await mark.mark(sqlite_store, ann.account_id, "2603.00002", MarkKind.DISMISSED)
    kept = await mark.mark(sqlite_store, ann.account_id, "2603.00003", MarkKind.SAVED)
    async with sqlite_store.transaction() as tx:  # as when two papers became one: the saved one counts
        both = {"account_id": ann.account_id, "paper_id": kept.paper.id, "kind": "dismissed", "at": await tx.now()}
        await tx.insert_new(MARK, [both])
    address = (await _made(client, sqlite_store, ann))["addresses"]["json"]
    said = json.loads((await _read(client, address))[0])
    assert [each["title"] for each in said["items"]] == ["Larks kept"]


async def test_a_page_full_of_muted_papers_does_not_end_a_feed(sqlite_store: Store) -> None:
    ann = await _with_matches(
        sqlite_store, *[told(f"Larks and {'drums' if n > 1 else 'flutes'} {n}", arxiv=f"2603.{n:05}") for n in range(9)]
    )
    await mute.mute(sqlite_store, ann.account_id, MuteKind.WORD, "drums")
    found = await feeds.issue_of(sqlite_store, ann.profile, limit=2)
    assert sorted(each.paper.title for each in found.told) == ["Larks and flutes 0", "Larks and flutes 1"]


async def test_a_profile_that_was_changed_shows_each_paper_once(client: Client, sqlite_store: Store) -> None:
    ann = await _with_matches(sqlite_store, told("Larks at dawn", arxiv="2603.00001"))
    await follow.edit(sqlite_store, ann.account_id, str(ann.profile.id), text="larks OR wrens")
    await record(sqlite_store, told("Larks at dawn", arxiv="2603.00001", occasion="replaced:v2", type="replace"))
    await record(sqlite_store, told("Wrens at dusk", arxiv="2603.00002"))
    await percolate(sqlite_store)
    address = (await _made(client, sqlite_store, ann))["addresses"]["json"]
    said = json.loads((await _read(client, address))[0])
    assert sorted(each["title"] for each in said["items"]) == ["Larks at dawn", "Wrens at dusk"]


# ── the list of all ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_address_lists_the_feeds_of_all_profiles(client_of_both: Client, store: Store) -> None:
    ann = await _with_matches(store, *numbered(1))
    headers = await _token(store, ann)
    async with client_of_both.post("/api/v1/feeds", headers=headers) as answer:
        made = await answer.json()
        assert (answer.status, made["profile_id"], list(made["addresses"])) == (201, None, ["opml"])
    await follow.follow(store, ann.account_id, "wrens", name="R&D of <wrens>")
    body, sent = await _read(client_of_both, made["addresses"]["opml"])
    assert sent["Content-Type"] == "text/x-opml; charset=utf-8"
    outlines = etree.fromstring(body).findall("body/outline")
    assert [(each.get("type"), each.get("text")) for each in outlines] == [("rss", "larks"), ("rss", "R&D of <wrens>")]
    first = feedparser.parse(BytesIO((await _read(client_of_both, str(outlines[0].get("xmlUrl"))))[0]))
    assert [each.title for each in first.entries] == ["Study 0 of larks at large"]


async def test_an_address_gives_only_what_it_is_of(client: Client, sqlite_store: Store) -> None:
    ann, bob = await _with_matches(sqlite_store, *numbered(1)), await reader(sqlite_store, "larks", "bob")
    one = _path((await _made(client, sqlite_store, ann))["addresses"]["atom"]).removesuffix(".atom")
    every = (await feeds.make(sqlite_store, ann.account_id)).secret
    for path in (
        f"{one}.opml",
        f"{one}/{ann.profile.id}.atom",
        f"/feeds/{every}.atom",
        f"/feeds/{every}/{bob.profile.id}.atom",
        f"/feeds/{every}/{2**63}.atom",
        f"/feeds/{every}/0.atom",
    ):
        async with client.get(path) as answer:
            assert answer.status == 410, path


# ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_every_address_that_is_no_more_answers_alike(client_of_both: Client, store: Store) -> None:
    ann = await _with_matches(store, *numbered(1))
    headers = await _token(store, ann)
    revoked, removed = await _made(client_of_both, store, ann), await _made(client_of_both, store, ann)
    never = f"pl_feed_{'A' * 32}{zlib.crc32(b'A' * 32):08x}"
    async with client_of_both.delete(f"/api/v1/feeds/{revoked['id']}", headers=headers) as answer:
        assert answer.status == 204
    await _read(client_of_both, removed["addresses"]["atom"])
    await follow.unfollow(store, ann.account_id, "larks")
    said = set()
    for path in (_path(revoked["addresses"]["atom"]), _path(removed["addresses"]["atom"]), f"/feeds/{never}.atom"):
        async with client_of_both.get(path) as answer:
            assert answer.status == 410
            page = await answer.text()
            said.add(page.replace(answer.headers["X-Request-Id"], ""))
            assert "larks" not in page and str(ann.account_id) not in page
    assert len(said) == 1
    async with client_of_both.get("/api/v1/feeds", headers=headers) as answer:
        assert (await answer.json())["data"] == [], "what gives nothing any more is not listed"


async def test_an_address_that_was_cut_off_is_told_apart(client: Client, sqlite_store: Store) -> None:
    ann = await _with_matches(sqlite_store, *numbered(1))
    path = _path((await _made(client, sqlite_store, ann))["addresses"]["atom"])
    for wrong in (path.replace(".atom", "x.atom"), path[:-8] + ".atom", "/feeds/x.atom", "/feeds/pl_feed_%C3%A9.atom"):
        async with client.get(wrong) as answer:
            assert answer.status == 404, wrong
    async with client.get(path.replace(".atom", ".gopher")) as answer:
        assert answer.status == 404


async def test_an_address_is_kept_as_a_hash_and_never_logged(client: Client, sqlite_store: Store) -> None:
    ann = await _with_matches(sqlite_store, *numbered(1))
    with structlog.testing.capture_logs() as logged:
        made = await _made(client, sqlite_store, ann)
        secret = _path(made["addresses"]["atom"]).split("/")[2].removesuffix(".atom")
        await _read(client, made["addresses"]["atom"])
        await _break(sqlite_store)
        async with client.get(_path(made["addresses"]["atom"])) as answer:
            assert answer.status == 503
    assert len(secret) >= 40
    assert [line["path"] for line in logged] == ["/feeds/{token}.{format}"]
    assert secret not in repr(logged)
    kept = b"".join(file.read_bytes() for file in _files(sqlite_store))
    assert accounts.hashed(secret).encode() in kept
    assert secret.encode() not in kept


async def test_addresses_are_listed_without_themselves_and_with_their_last_use(
    client: Client, sqlite_store: Store
) -> None:
    ann = await _with_matches(sqlite_store, *numbered(1))
    headers, made = await _token(sqlite_store, ann), await _made(client, sqlite_store, ann)
    await _read(client, made["addresses"]["rss"])
    async with client.get("/api/v1/feeds", headers=headers) as answer:
        (shown,) = (await answer.json())["data"]
    assert shown["read_at"] is not None and "addresses" not in shown
    assert (shown["id"], shown["profile_id"], shown["profile"]) == (made["id"], str(ann.profile.id), "larks")


async def test_nobody_makes_or_revokes_an_address_of_another(client: Client, sqlite_store: Store) -> None:
    ann, bob = await _with_matches(sqlite_store, *numbered(1)), await reader(sqlite_store, "wrens", "bob")
    made, theirs = await _made(client, sqlite_store, ann), await _token(sqlite_store, bob)
    async with client.post(f"/api/v1/profiles/{ann.profile.id}/feed", headers=theirs) as answer:
        assert answer.status == 404
    for wrong in (made["id"], "x", "9" * 30, "0"):
        async with client.delete(f"/api/v1/feeds/{wrong}", headers=theirs) as answer:
            assert answer.status == 404
    async with client.get("/api/v1/feeds", headers=theirs) as answer:
        assert (await answer.json())["data"] == []
    await _read(client, made["addresses"]["atom"])
    async with client.post("/api/v1/feeds", headers=await _token(sqlite_store, ann, "profiles:write")) as answer:
        assert answer.status == 403


async def test_addresses_begin_with_the_public_one_where_there_is_one(sqlite_store: Store) -> None:
    ann = await _with_matches(sqlite_store, *numbered(1))
    links = Links("a key that is long enough for this", "https://papers.example.org/lark/")
    async with FittingClient(TestServer(make_web(sqlite_store, {}, links=links))) as client:
        made = await _made(client, sqlite_store, ann)
        address = made["addresses"]["json"]
        assert address.startswith("https://papers.example.org/lark/feeds/pl_feed_")
        body, _ = await _read(client, address.replace("/lark/", "/"))
        assert json.loads(body)["feed_url"] == address
        assert json.loads(body)["home_page_url"] == "https://papers.example.org/lark/"


async def test_a_request_for_no_host_is_refused(client: Client, sqlite_store: Store) -> None:
    ann = await _with_matches(sqlite_store, *numbered(1))
    path = _path((await _made(client, sqlite_store, ann))["addresses"]["atom"])
    async with client.get(path, headers={"Host": "papers.example.org:99999"}) as answer:
        assert answer.status == 400


# ── what the tests share ──────────────────────────────────────────────────────────────────────────────────────────────


async def _with_matches(store: Store, *announcements: Any) -> Reader:
    """A reader who follows larks, and what was announced since."""
    ann = await reader(store, "larks")
    await record(store, *announcements)
    await percolate(store)
    return ann


async def _token(store: Store, whose: Reader, *scopes: str) -> dict[str, str]:
    async with store.transaction() as tx:
        now = await tx.now()
        made = await accounts.new_token(
            tx, whose.account_id, name="test", scopes=scopes or ALL, now=now, expires_at=now + timedelta(hours=1)
        )
    return {"Authorization": f"Bearer {made}"}


async def _made(client: Client, store: Store, whose: Reader) -> dict[str, Any]:
    async with client.post(f"/api/v1/profiles/{whose.profile.id}/feed", headers=await _token(store, whose)) as answer:
        assert answer.status == 201
        assert answer.headers["Cache-Control"] == "no-store"
        made: dict[str, Any] = await answer.json()
        return made


async def _read(client: Client, address: str) -> tuple[bytes, Mapping[str, str]]:
    async with client.get(_path(address)) as answer:
        assert answer.status == 200
        return await answer.read(), answer.headers


def _path(address: str) -> str:
    return "/" + address.split("/", 3)[3]


def _paper(read: Any) -> str:
    return str(read.entries[0].id.rpartition("/")[2])


async def _break(store: Store) -> None:
    """From now on the store has no table of profiles."""
    async with store.transaction() as tx:
        await tx.execute(text("ALTER TABLE profile RENAME TO elsewhere"))


def _files(store: Store) -> Iterable[Path]:
    """Everything that SQLite keeps of a store."""
    file = Path(store.url.removeprefix("sqlite+aiosqlite:///"))
    return file.parent.glob(f"{file.name}*")
