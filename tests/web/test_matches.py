"""A reader's matches over HTTP: papers as everywhere, tags that tell a change, marks, mutes, and whose they are."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.channels.text import own_page
from paperlark.store import accounts
from paperlark.store.database import Store, open_store
from paperlark.testing.clock import FakeClock
from paperlark.web.access import SCOPES
from paperlark.web.api.spliced import page, quoted
from tests.builders import MONDAY, Reader, numbered, percolate, reader, record, told
from tests.databases import Fresh
from tests.web.archive import Client

MATCHES = "/api/v1/matches"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


@pytest.fixture
async def sqlite_store(sqlite: Fresh, clock: FakeClock) -> AsyncIterator[Store]:
    opened = await open_store(sqlite(), clock=clock)
    yield opened
    await opened.close()


@dataclass
class Program:
    """A program that speaks for one reader."""

    client: Client
    store: Store
    clock: FakeClock
    reader: Reader
    headers: dict[str, str]

    async def tell(self, *announcements: object, source: str = "arxiv") -> list[str]:
        """Papers are announced, a minute after whatever was before, and percolated; their ids."""
        self.clock.advance(minutes=1)
        recorded = await record(self.store, *announcements, source=source)  # type: ignore[arg-type]
        await percolate(self.store)
        self.clock.advance(minutes=1)
        return [str(number) for number in recorded.papers]

    async def ask(self, path: str, method: str = "GET", **more: Any) -> tuple[int, Any]:
        """The status and what is said."""
        headers = self.headers | more.pop("headers", {})
        async with self.client.request(method, path, headers=headers, **more) as answer:
            return answer.status, await answer.json() if answer.content_length else None

    async def get(self, path: str = MATCHES) -> Any:
        """What is said, which must be well."""
        status, said = await self.ask(path)
        assert status == 200, said
        return said

    async def tag(self, path: str = MATCHES) -> str:
        async with self.client.get(path, headers=self.headers) as answer:
            return answer.headers["ETag"]

    async def is_still(self, tag: str, path: str = MATCHES) -> bool:
        async with self.client.get(path, headers=self.headers | {"If-None-Match": tag}) as answer:
            assert answer.status in (200, 304)
            return answer.status == 304


async def program(client: Client, store: Store, clock: FakeClock, name: str = "ann", query: str = "larks") -> Program:
    ann = await reader(store, query, name)
    async with store.transaction() as tx:
        token = await accounts.new_token(
            tx, ann.account_id, name="test", scopes=list(SCOPES), now=clock(), expires_at=None
        )
    return Program(client, store, clock, ann, {"Authorization": f"Bearer {token}"})


@pytest.fixture
async def ann(client: Client, sqlite_store: Store, clock: FakeClock) -> Program:
    return await program(client, sqlite_store, clock)


@pytest.fixture
async def ann_on_both(client_of_both: Client, store: Store, clock: FakeClock) -> Program:
    return await program(client_of_both, store, clock)


def papers(said: dict[str, Any]) -> list[str]:
    return [each["paper"]["id"] for each in said["data"]]


# ── what is said ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_matched_paper_is_told_as_everywhere_else(ann_on_both: Program) -> None:
    ann = ann_on_both
    odd = [
        told("Larks", "", arxiv="2603.00001"),
        told(
            'Larks "quoted" \\ and $\\beta$ — ünïcode 🐦 </script>',
            "two\nlines\tand a tab \x7f\u2028",
            arxiv="2603.00002",
            doi="10.1234/Lark",
            hf="2603.00002",
            authors=('Ada "A" Wren', "Łucja Zięba"),
            author_count=7,
            organisation='The "Nest"',
            categories=("cs.CL", "q-bio.PE"),
            keywords=("song", "flight"),
            address="https://birds.example.org/a b?x=ü#y",
            url="http://Birds.example.org:8080/ü?x=1",
            code_url="javascript:alert(1)",
            published_at=MONDAY + timedelta(microseconds=1234),
            signals={"upvotes": 3, "comments": 1},
        ),
    ]
    ids = await ann.tell(*odd)
    before = MONDAY - timedelta(microseconds=5)
    await ann.tell(told("Larks", "Of larks.", arxiv="2603.00001", signals={"upvotes": 9}, at=before), source="hf_daily")
    later = told("Larks", "Of larks.", arxiv="2603.00001", signals={"upvotes": 4, "stars": 1})
    await ann.tell(later, source="hf_daily")
    said = await ann.get()
    assert sorted(papers(said)) == sorted(ids)
    for each in said["data"]:
        assert each["paper"] == await ann.get(f"/api/v1/papers/{each['paper']['id']}")
        assert each["profiles"] == [
            {"id": str(ann.reader.profile.id), "name": "larks", "matched_at": "2026-03-02T09:01:00Z"}
        ]
        assert (each["matched_at"], each["marks"]) == ("2026-03-02T09:01:00Z", {})


@given(st.one_of(st.text(), st.from_regex(r"https?://[a-zA-Z0-9.-]{1,20}(:[0-9]+)?/[!-~]*", fullmatch=True)))
def test_an_address_is_spliced_as_it_would_be_told(address: str) -> None:
    assert json.loads(page(quoted(address))) == own_page(address)


async def test_a_list_is_read_on_by_its_cursor_and_its_link(ann: Program) -> None:
    there = await ann.tell(*numbered(5))
    seen: list[str] = []
    path = f"{MATCHES}?limit=2"
    while path:
        async with ann.client.get(path, headers=ann.headers) as answer:
            said = await answer.json()
            link = answer.links.get("next")
            path = link["url"].path_qs if link is not None else ""  # type: ignore[union-attr]
            assert (said["next"] is not None) == bool(path)
        seen += papers(said)
        assert said["unread"] == 5
    assert sorted(seen) == sorted(there) and len(set(seen)) == 5


@pytest.mark.parametrize(
    "query",
    ["state=lost", "limit=0", "limit=101", "cursor=x", "since=x", "profile=123", "profile=x", "why=perhaps", "x=1"],
)
async def test_what_cannot_be_asked_is_refused(ann: Program, query: str) -> None:
    assert (await ann.ask(f"{MATCHES}?{query}"))[0] == 400


async def test_a_cursor_belongs_to_its_list(ann: Program) -> None:
    await ann.tell(*numbered(3))
    said = await ann.get(f"{MATCHES}?limit=1")
    assert (await ann.ask(f"{MATCHES}?limit=1&state=any&cursor={said['next']}"))[0] == 400
    assert (await ann.ask(f"{MATCHES}?since={said['next']}"))[0] == 400
    assert (await ann.ask(f"{MATCHES}?since={said['since']}&cursor={said['next']}"))[0] == 400


async def test_why_names_the_words_that_met(ann: Program) -> None:
    await ann.tell(told("Larks in flight", "", arxiv="2603.00001"))
    (entry,) = (await ann.get(f"{MATCHES}?why=true"))["data"]
    (why,) = entry["why"]
    assert (why["profile"], why["text"]) == ("larks", "larks")
    assert why["matched"] == [{"field": "title", "text": "Larks", "start": 0, "end": 5}]
    assert "why" not in (await ann.get())["data"][0]


async def test_since_its_mark_a_program_is_told_what_is_new_and_only_that(ann_on_both: Program) -> None:
    ann = ann_on_both
    await ann.tell(*numbered(2))
    said = await ann.get()
    mark = said["since"]
    nothing = await ann.get(f"{MATCHES}?since={mark}")
    assert (nothing["data"], nothing["next"], nothing["unread"]) == ([], None, 2)
    (new,) = await ann.tell(*numbered(1, start=9))
    for since in (mark, nothing["since"]):
        said = await ann.get(f"{MATCHES}?since={since}")
        assert (papers(said), said["unread"]) == ([new], 3)
    assert (await ann.get(f"{MATCHES}?since={said['since']}"))["data"] == []


# ── tags ───────────────────────────────────────────────────────────────────────────────────────────────────────────

Change = Callable[[Program, str], Awaitable[object]]


def asked(method: str, path: str, **more: Any) -> Change:
    async def change(ann: Program, paper: str) -> None:
        status, said = await ann.ask(path.format(paper=paper, profile=ann.reader.profile.id), method, **more)
        assert status < 300, said

    return change


def announced(source: str = "arxiv", title: str = "Larks", **fields: Any) -> Change:
    async def change(ann: Program, paper: str) -> None:
        await ann.tell(told(title, "Of larks.", **{"arxiv": "2603.00001", **fields}), source=source)

    return change


async def retitled(ann: Program, paper: str) -> None:
    for source in ("arxiv", "hf_daily"):
        await announced(source, "Larks, revised")(ann, paper)


CHANGES: dict[str, Change] = {
    "another match": announced(arxiv="2603.00009"),
    "a mark": asked("PUT", "/api/v1/papers/{paper}/marks/read"),
    "a mute": asked("POST", "/api/v1/mutes", json={"kind": "word", "value": "larks"}),
    "a name": asked("PATCH", "/api/v1/profiles/{profile}", json={"name": "Birds"}),
    "a new count": announced("hf_daily", signals={"upvotes": 8}),
    "a new title": retitled,
    "another source": announced("rss"),
    "another name": announced(doi="10.1234/larks"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_whatever_changes_what_is_said_changes_the_tag(ann: Program, change: Change) -> None:
    (paper,) = await ann.tell(told("Larks", "Of larks.", arxiv="2603.00001"))
    await ann.tell(told("Larks", "Of larks.", arxiv="2603.00001", signals={"upvotes": 3}), source="hf_daily")
    tag, why = await ann.tag(), await ann.tag(f"{MATCHES}?why=true")
    assert tag.startswith("W/") and await ann.is_still(tag) and await ann.is_still(why, f"{MATCHES}?why=true")
    before = await ann.get()
    await change(ann, paper)
    after = await ann.get()
    assert before | {"since": ""} != after | {"since": ""}
    assert not await ann.is_still(tag) and not await ann.is_still(why, f"{MATCHES}?why=true")


async def test_what_others_do_changes_no_tag(ann_on_both: Program) -> None:
    ann = ann_on_both
    bob = await program(ann.client, ann.store, ann.clock, "bob", "owls")
    (paper,) = await ann.tell(told("Larks", "Of larks.", arxiv="2603.00001"))
    tag = await ann.tag()
    await ann.tell(told("Owls", "", arxiv="2603.00002"))
    await bob.ask(f"/api/v1/papers/{paper}/marks/dismissed", "PUT")
    assert await ann.is_still(tag) and await ann.is_still("*")
    assert not await ann.is_still('W/"0"')


# ── marks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_mark_is_put_and_taken_off_as_often_as_one_likes(ann_on_both: Program) -> None:
    ann = ann_on_both
    (paper,) = await ann.tell(told("Larks", "", arxiv="2603.00001"))
    place = f"/api/v1/papers/{paper}/marks"
    at = "2026-03-02T09:02:00Z"
    for _ in range(2):
        assert await ann.ask(f"{place}/saved", "PUT") == (200, {"paper_id": paper, "marks": {"saved": at}})
    assert (await ann.get(f"{MATCHES}?state=saved"))["data"][0]["marks"] == {"saved": at}
    assert (await ann.ask(f"{place}/read", "PUT"))[1]["marks"] == {"read": at, "saved": at}
    assert (await ann.ask(f"{place}/dismissed", "PUT"))[1]["marks"] == {"dismissed": at, "read": at}
    assert (await ann.get(f"{MATCHES}/unread"), (await ann.get())["data"]) == ({"unread": 0}, [])
    for _ in range(2):
        assert (await ann.ask(f"{place}/dismissed", "DELETE"))[1]["marks"] == {"read": at}
    assert (await ann.ask("/api/v1/papers/2603.00001/marks/read", "DELETE"))[1] == {"paper_id": paper, "marks": {}}
    assert await ann.get(f"{MATCHES}/unread") == {"unread": 1}


async def test_nothing_that_is_not_there_can_be_marked(ann: Program) -> None:
    (paper,) = await ann.tell(told("Larks", "", arxiv="2603.00001"))
    for path in (f"{paper}/marks/lost", "123/marks/read", "x/marks/read", "a%00b/marks/read", f"{'9' * 30}/marks/read"):
        for method in ("PUT", "DELETE"):
            assert (await ann.ask(f"/api/v1/papers/{path}", method))[0] == 404


async def test_saved_papers_are_read_newest_first_while_more_are_saved(ann: Program) -> None:
    there = await ann.tell(*numbered(4))
    for paper in there[:3]:
        ann.clock.advance(minutes=1)
        await ann.ask(f"/api/v1/papers/{paper}/marks/saved", "PUT")
    first = await ann.get("/api/v1/saved?limit=2")
    assert papers(first) == [there[2], there[1]]
    assert first["data"][0]["paper"] == await ann.get(f"/api/v1/papers/{there[2]}")
    await ann.ask(f"/api/v1/papers/{there[3]}/marks/saved", "PUT")
    rest = await ann.get(f"/api/v1/saved?limit=2&cursor={first['next']}")
    assert (papers(rest), rest["next"]) == ([there[0]], None)


async def test_a_mute_has_one_spelling_and_can_be_lifted(ann: Program) -> None:
    await ann.tell(told("Larks and owls", "", arxiv="2603.00001"))
    status, made = await ann.ask("/api/v1/mutes", "POST", json={"kind": "word", "value": " Owls "})
    assert (status, made["kind"], made["value"]) == (201, "word", "owls")
    assert (await ann.get("/api/v1/mutes"))["data"] == [made]
    said = await ann.get()
    assert (said["data"], said["unread"]) == ([], 0)
    lift = "/api/v1/mutes?kind=word&value=OWLS"
    assert (await ann.ask(lift, "DELETE"), (await ann.ask(lift, "DELETE"))[0]) == ((204, None), 404)
    assert (await ann.get())["unread"] == 1


@pytest.mark.parametrize(
    "body", [{}, {"kind": "colour", "value": "x"}, {"kind": "word", "value": ""}, {"kind": "source", "value": "nobody"}]
)
async def test_what_cannot_be_muted_is_pointed_at(ann: Program, body: dict[str, str]) -> None:
    status, said = await ann.ask("/api/v1/mutes", "POST", json=body)
    assert status == 422 and said["errors"][0]["pointer"] in ("#/kind", "#/value")


# ── whose they are ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_nothing_of_another_reader_is_seen_or_changed(ann: Program) -> None:
    eve = await program(ann.client, ann.store, ann.clock, "eve", "owls")
    (paper,) = await ann.tell(told("Larks", "", arxiv="2603.00001"))
    await ann.ask(f"/api/v1/papers/{paper}/marks/saved", "PUT")
    await ann.ask("/api/v1/mutes", "POST", json={"kind": "word", "value": "owls"})
    for path in (f"{MATCHES}?state=any", "/api/v1/saved", "/api/v1/mutes"):
        assert (await eve.get(path))["data"] == []
    theirs, nobodys = f"{MATCHES}?profile={ann.reader.profile.id}", f"{MATCHES}?profile=123"
    answers = [await eve.ask(path) for path in (theirs, nobodys)]
    for _, said in answers:
        said.pop("request_id")
    assert answers[0] == answers[1]
    assert (await eve.ask(f"/api/v1/papers/{paper}/marks/saved", "DELETE"))[1]["marks"] == {}
    assert (await eve.ask("/api/v1/mutes?kind=word&value=owls", "DELETE"))[0] == 404
    assert (await ann.get("/api/v1/saved"))["data"] and (await ann.get("/api/v1/mutes"))["data"]
