"""The account as a whole at the command line: link, export, delete, sign-out."""

import asyncio
import json
from pathlib import Path

import pytest

from paperlark.readers import link, session
from paperlark.settings import load
from paperlark.store import accounts
from paperlark.store.database import open_store
from paperlark.web.access import READ
from tests.cli.conftest import Lark


def test_a_code_is_shown_and_a_wrong_one_refused(lark: Lark) -> None:
    code = lark.well("link").out.splitlines()[0]
    assert len(code) == 9
    assert len(lark.well("link", "--json").record["code"]) == 9
    assert lark("link", code).err.startswith("paperlark: this code does not work")  # the second ended it


def test_a_code_of_ones_own_links_to_oneself(lark: Lark) -> None:
    lark.well("profiles", "add", "larks")
    code = lark.well("link", "--json").record["code"]
    assert lark.well("link", code.lower()).out == "linked: what you follow there, you follow here\n"
    assert lark.well("profiles").out.startswith("larks\t")


def test_everything_is_exported_as_one_document(lark: Lark, database: Path) -> None:
    document = json.loads(lark.well("export").out)
    assert [profile["name"] for profile in document["profiles"]] == ["agents"]
    assert [place["channel"] for place in document["destinations"]] == ["console"]
    assert [identity["platform"] for identity in document["identities"]] == ["local"]


def test_deleting_asks_first_and_leaves_nothing(lark: Lark, database: Path) -> None:
    refused = lark("delete")
    assert (refused.status, "say --yes where nobody can be asked" in refused.err) == (2, True)
    assert lark.well("profiles", "--json").records != []
    assert lark.well("delete", "--yes").out == "you are forgotten; nothing stays\n"
    assert lark.well("profiles", "--json").records == []
    for verb in (("export",), ("delete", "--yes")):
        done = lark(*verb)
        assert (done.status, done.err) == (1, "paperlark: you have no account here: nothing is kept of you\n")
    assert lark.well("papers", "--json").records != []


async def signed_in(database: Path, platform: str, name: str) -> str:
    """A session of somebody who is known on a platform."""
    store = await open_store(load({"PAPERLARK_DATABASE_URL": str(database)}).database_url)
    async with store.transaction() as tx:
        account_id = await accounts.account_of(tx, platform, name, name=name, now=await tx.now())
    code = await link.begin(store, account_id)
    made = await session.sign_in(store, code.text, [READ])
    await store.close()
    return made


async def good(database: Path, *made: str) -> list[bool]:
    """Which of these sessions and tokens are good."""
    store = await open_store(load({"PAPERLARK_DATABASE_URL": str(database)}).database_url)
    async with store.reading() as tx:
        found = [await accounts.bearer(tx, each, await tx.now()) is not None for each in made]
    await store.close()
    return found


def test_an_operator_signs_one_reader_out_or_everyone(lark: Lark) -> None:
    mine = lark.well("token", "--json").record["token"]
    ann, again = (asyncio.run(signed_in(lark.database, "telegram", "77")) for _ in range(2))
    bob = asyncio.run(signed_in(lark.database, "email", "b@x.example"))
    code = lark.well("link").out.splitlines()[0]
    assert lark.well("sign-out", "telegram", "77").out == "2 sessions and tokens ended\n"
    assert asyncio.run(good(lark.database, ann, again, bob, mine)) == [False, False, True, True]
    assert lark.well("sign-out", "email", "B@x.example", "--json").record == {"ended": 1}
    assert asyncio.run(good(lark.database, bob, mine)) == [False, True]
    assert lark.well("sign-out", "--everyone", "--json").record == {"ended": 1}
    assert asyncio.run(good(lark.database, mine)) == [False]
    assert lark("link", code).err.startswith("paperlark: this code does not work")
    assert lark.well("sign-out", "--everyone").out == "0 sessions and tokens ended\n"


@pytest.mark.parametrize("given", [(), ("telegram",), ("telegram", "77", "--everyone"), ("telegram", "--everyone")])
def test_it_is_said_who_is_to_be_signed_out(lark: Lark, given: tuple[str, ...]) -> None:
    done = lark("sign-out", *given)
    assert done.status == 2 and "give a platform and a name, or --everyone" in done.err


def test_nobody_is_signed_out_who_is_not_known(lark: Lark) -> None:
    done = lark("sign-out", "telegram", "78")
    assert (done.status, done.err) == (1, "paperlark: nobody is known there by that name: telegram 78\n")
