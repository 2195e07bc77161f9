"""Every message for Discord is one by Discord's own description of its API: of real records, and of hostile ones."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from paperlark.channels import _discord_message as message
from paperlark.channels.discord import nonce
from paperlark.model.messages import Digest, DigestPaper, Payload, Reason, Span
from paperlark.model.papers import Alias
from tests.amounts import one_in

from .digests import ALL
from .discord_spec import faults

DATA = Path("../shared/data")
DAY = date(2025, 7, 1)
TOGETHER = 20  # papers of a digest


def checked(payload: Payload, *, buttons: bool = True) -> int:
    """A sealed message is valid, and within the limits that the description leaves out. Returns how many papers it
    tells of. buttons: they too; the description takes its time over them, and they are alike."""
    body = message.body(message.again(payload))
    if not buttons:
        del body["components"]
    sent = {**body, "nonce": nonce("k"), "enforce_nonce": True}
    assert faults("MessageCreateRequest", sent) == []
    assert message.units(body["content"]) <= 2000 and message._size(body["embeds"]) <= 6000
    return sum("title" in embed for embed in body["embeds"])


def read(title: str, abstract: str, number: int, **fields: Any) -> DigestPaper:
    at = title.lower().find("model")
    spans = (Span("title", at, at + 5, title[at : at + 5]),) if at >= 0 else ()
    plain: dict[str, Any] = {
        "author_count": None,
        "organisation": None,
        "categories": (),
        "url": None,
        "code_url": None,
        "announced_at": datetime(2025, 7, 1, tzinfo=UTC),
        "sources": ("arxiv",),
        "signals": {},
        "reasons": (Reason("Models", spans),),
    }
    return DigestPaper(id=number, title=title, abstract=abstract, **(plain | fields))


def bulk() -> Iterator[DigestPaper]:
    with gzip.open(next((DATA / "arxiv_bulk").iterdir()), "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            record = json.loads(line)
            yield read(
                " ".join(record["title"].split()),
                " ".join(record["summary"].split()),
                number,
                authors=tuple(record["authors"][:5]),
                author_count=len(record["authors"]),
                aliases=(Alias("arxiv", record["id"]),),
            )


def listing() -> Iterator[DigestPaper]:
    for file in sorted((DATA / "hf_daily_api").iterdir()):
        body = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        records = json.loads(body)
        for record in records if isinstance(records, list) else ():
            if not isinstance(record, dict):
                continue
            known = record["paper"]
            yield read(
                " ".join(known["title"].split()),
                " ".join(known["summary"].split()),
                int(known["id"].replace(".", "")),
                authors=tuple(author["name"] for author in known["authors"]),
                aliases=(Alias("arxiv", known["id"]), Alias("hf", known["id"])),
                signals={"upvotes": known["upvotes"], "comments": record["numComments"]},
                sources=("hf_daily",),
            )


@pytest.fixture(autouse=True)
def data() -> None:
    if not DATA.exists():
        pytest.skip("test data not found: ../shared/data")


@pytest.mark.parametrize("name", ALL)
def test_every_odd_digest_is_valid(name: str) -> None:
    payloads = message.rendered(ALL[name])
    for payload in payloads:
        checked(payload)
        post = {"name": payload.content["post"], "message": message.body(payload), "applied_tags": ["5"]}
        assert faults("CreateForumThreadRequest", post) == []
        assert faults("MessageCreateRequest", message.plain_body(payload)) == []


def test_every_real_record_is_a_valid_alert() -> None:
    told, papers = 0, list(listing())
    assert len(papers) == 1746
    for number, one in enumerate(papers[:: one_in(5)]):
        for payload in message.rendered(Digest("Models", DAY, (one,))):
            told += checked(payload, buttons=number % 50 == 0)
    assert told == len(papers[:: one_in(5)])


def test_papers_of_a_season_are_in_valid_digests() -> None:
    papers = list(bulk())
    assert len(papers) == 20_000
    told, starts = 0, range(0, len(papers), TOGETHER * one_in(10))
    for start in starts:
        for payload in message.rendered(Digest("Models", DAY, tuple(papers[start : start + TOGETHER]))):
            told += checked(payload, buttons=start == 0)
    assert told == len(starts) * TOGETHER
