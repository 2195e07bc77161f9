"""References of any list, through real HTTP."""

import json

import pytest

from paperlark.model.papers import Alias
from paperlark.model.readers import MarkKind
from paperlark.readers import mark
from paperlark.store import accounts
from paperlark.store.database import Store
from paperlark.web import exports
from paperlark.web.session import COOKIE
from tests.builders import numbered, percolate, reader
from tests.builders import record as announce
from tests.web.archive import Client, announcement, record, token

FORMATS = {
    "bib": ("application/x-bibtex", "@misc{"),
    "ris": ("application/x-research-info-systems", "TY  - "),
    "json": ("application/vnd.citationstyles.csl+json", '"id": '),
}


@pytest.mark.parametrize("suffix", FORMATS)
async def test_a_search_a_day_and_a_paper_as_references(client: Client, sqlite_store: Store, suffix: str) -> None:
    await record(
        sqlite_store,
        announcement("Larks of the valley", authors=("Ada Finch",), aliases=(Alias("arxiv", "2603.00001"),)),
        announcement("Wrens of the wood", authors=("Bob Wren",), aliases=(Alias("doi", "10.1000/x.json"),)),
    )
    media, begin = FORMATS[suffix]
    for path, references in (
        (f"/export/search.{suffix}?q=larks", 1),
        (f"/export/search.{suffix}?author=Finch&since=2026-03-04&until=2026-03-04", 1),
        (f"/export/search.{suffix}", 2),
        (f"/export/search.{suffix}?q=larks&since=2027-01-01", 0),
        (f"/export/day/2026-03-04.{suffix}", 2),
        (f"/export/day/2026-03-05.{suffix}", 0),
        (f"/export/papers/2603.00001.{suffix}", 1),
        (f"/export/papers/10.1000/x.json.{suffix}", 1),
    ):
        async with client.get(path) as answer:
            assert answer.status == 200, path
            assert answer.headers["Content-Type"] == f"{media}; charset=utf-8"
            assert answer.headers["Content-Disposition"].endswith(f'.{suffix}"')
            assert (await answer.text()).count(begin) == references, path
        async with client.get(path, headers={"If-None-Match": answer.headers["ETag"]}) as again:
            assert again.status == 304


async def test_what_cannot_be_read_is_refused(client: Client, sqlite_store: Store) -> None:
    await record(sqlite_store, announcement("Larks"))
    for path, status in (
        ("/export/search.bib?q=(larks", 400),
        ("/export/search.bib?limit=0", 400),
        (f"/export/search.bib?limit={exports.AT_MOST + 1}", 400),
        ("/export/search.bib?colour=blue", 400),
        ("/export/search.bib?cat=%22", 400),
        ("/export/day/2026-02-30.bib", 404),
        ("/export/day/today.ris", 404),
        ("/export/papers/9999.99999.json", 404),
        ("/export/papers/%00.json", 404),
        ("/export/search.docx", 404),
    ):
        async with client.get(path) as answer:
            assert answer.status == status, path


async def test_saved_papers_for_programs(client_of_both: Client, store: Store) -> None:
    headers = await token(store, scopes=["matches:read"])
    await record(store, announcement("Larks", aliases=(Alias("arxiv", "2603.00001"),)))
    await record(store, announcement("Wrens", aliases=(Alias("arxiv", "2603.00002"),)))
    async with store.reading() as tx:
        ada = await accounts.known(tx, "test", "ada")
    assert ada is not None
    await mark.mark(store, ada, "2603.00001", MarkKind.SAVED)
    for suffix, (media, begin) in FORMATS.items():
        async with client_of_both.get(f"/api/v1/saved.{suffix}", headers=headers) as answer:
            assert answer.headers["Content-Type"] == f"{media}; charset=utf-8"
            assert answer.headers["Cache-Control"] == "private, no-cache"
            assert (await answer.text()).count(begin) == 1
    async with client_of_both.get(
        "/api/v1/saved.bib", headers=await token(store, "bob", scopes=["matches:read"])
    ) as answer:
        assert await answer.text() == ""
    async with client_of_both.get("/api/v1/saved.bib", headers=await token(store)) as answer:
        assert answer.status == 403
    async with client_of_both.get("/api/v1/saved.bib") as answer:
        assert answer.status == 401


async def test_what_a_profile_met_for_its_own_reader_only(client: Client, sqlite_store: Store) -> None:
    ann = await reader(sqlite_store, "larks")
    await announce(sqlite_store, *numbered(3))
    await percolate(sqlite_store)
    path = f"/api/v1/profiles/{ann.profile.id}/matches.json"
    async with client.get(path, headers=await token(sqlite_store, "ann", scopes=["matches:read"])) as answer:
        assert len(json.loads(await answer.text())) == 3
    async with client.get(path, headers=await token(sqlite_store, "bob", scopes=["matches:read"])) as answer:
        assert answer.status == 404


async def test_a_signed_in_reader_takes_their_lists_from_pages(client: Client, sqlite_store: Store) -> None:
    ann = await reader(sqlite_store, "larks")
    await announce(sqlite_store, *numbered(2))
    await percolate(sqlite_store)
    await mark.mark(sqlite_store, ann.account_id, "2603.00000", MarkKind.SAVED)
    paths = {"/export/saved.bib": 1, f"/export/profiles/{ann.profile.id}.bib": 2}
    for path in paths:
        async with client.get(path, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"][:8]) == (303, "/sign-in")
    everything = ("account:read", "account:write", "profiles:read", "profiles:write", "matches:read", "marks:write")
    session = (await token(sqlite_store, "ann", scopes=everything))["Authorization"].removeprefix("Bearer ")
    for path, references in paths.items():
        async with client.get(path, cookies={COOKIE: session}) as answer:
            assert answer.status == 200
            assert (await answer.text()).count("@misc{") == references
            assert "private" in answer.headers["Cache-Control"] or "no-store" in answer.headers["Cache-Control"]
