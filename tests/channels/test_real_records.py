"""Real records, told by every channel within its limits, alone and in digests; hostile ones stand in `digests`.

Telegram and Discord are held against their platforms' own words besides: `test_tdlib`, `test_discord_spec`.
"""

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from paperlark.channels.apprise import LETTERS
from paperlark.channels.webhook import BYTES
from paperlark.model.messages import Digest, DigestPaper, Payload, Reason, Span
from paperlark.model.papers import Alias
from paperlark.testing.bot_markup import parse_html
from tests.amounts import one_in

from .test_contract import CHANNELS, EMAIL

DATA = Path("../shared/data")
LISTING = DATA / "hf_daily_api"
BULK = DATA / "arxiv_bulk"
A_DIGEST = 20
ADDRESS: dict[str, Any] = {"page_url": "https://papers.example.org", "destination": (7, 9)}


# --- What is read


def listing() -> Iterator[tuple[date, list[DigestPaper]]]:
    """The days of the Hugging Face listing with their papers."""
    for file in sorted(LISTING.iterdir()):
        body = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        records = json.loads(body)
        told = [listed(record) for record in records if isinstance(record, dict)] if isinstance(records, list) else []
        if told:
            yield date.fromisoformat(file.name[:10]), told


def bulk() -> Iterator[DigestPaper]:
    """Every paper of the arXiv dump."""
    (file,) = BULK.iterdir()
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for number, record in enumerate(map(json.loads, lines)):
            yield paper(
                number,
                record["title"],
                record["summary"],
                authors=tuple(record["authors"]),
                categories=tuple(record["categories"]),
                aliases=(Alias("arxiv", record["id"]),),
                announced_at=datetime.fromisoformat(record["_first_seen"]).replace(tzinfo=UTC),
                sources=("arxiv:cs.CL",),
            )


def listed(record: Mapping[str, Any]) -> DigestPaper:
    """One record of the listing."""
    said = record["paper"]
    return paper(
        int(said["id"].replace(".", "")),
        said["title"],
        said["summary"],
        authors=tuple(author["name"] for author in said["authors"]),
        aliases=(Alias("arxiv", said["id"]), Alias("hf", said["id"])),
        code_url=said.get("githubRepo"),
        announced_at=datetime.fromisoformat(record["publishedAt"]),
        sources=("hf_daily",),
        signals={"upvotes": said["upvotes"], "comments": record["numComments"]},
    )


def paper(number: int, title: str, abstract: str, **fields: Any) -> DigestPaper:
    """A paper whose words on models are marked."""
    title, abstract = (" ".join(words.split()) for words in (title, abstract))
    spans = tuple(
        Span(field, found.start(), found.end(), found[0])
        for field, words in (("title", title), ("abstract", abstract))
        for found in re.finditer("(?i)models?", words)
    )
    usual: dict[str, Any] = {
        "author_count": None,
        "organisation": None,
        "categories": (),
        "url": None,
        "code_url": None,
        "signals": {},
    }
    return DigestPaper(**usual | fields, id=number, title=title, abstract=abstract, reasons=(Reason("Models", spans),))


@pytest.fixture(scope="module")
def days() -> list[tuple[date, list[DigestPaper]]]:
    if not LISTING.exists():
        pytest.skip("test data not found: ../shared/data")
    return list(listing())


@pytest.fixture(scope="module")
def twenties() -> list[Digest]:
    if not BULK.exists():
        pytest.skip("test data not found: ../shared/data")
    papers = list(bulk())
    assert len(papers) == 20_000
    cut = [papers[at : at + A_DIGEST] for at in range(0, len(papers), A_DIGEST)]
    return [Digest("Models", told[0].announced_at.date(), tuple(told), **ADDRESS) for told in cut]


# --- What each channel keeps


def telegram(payloads: Sequence[Payload]) -> None:
    for payload in payloads:
        shown, entities = parse_html(payload.content["html"])
        assert len(shown.encode("utf-16-le")) // 2 <= 4000
        assert len(entities) <= 95


def discord(payloads: Sequence[Payload]) -> None:
    for payload in payloads:
        embeds = payload.content["embeds"]
        assert len(embeds) <= 10
        assert len(json.dumps(embeds, ensure_ascii=False)) <= 9000  # of which 6,000 may be shown


def email(payloads: Sequence[Payload]) -> None:
    for payload in payloads:
        assert len(EMAIL.assemble("ada@example.org", payload, "k")) < 102_000


def webhook(payloads: Sequence[Payload]) -> None:
    assert all(len(payload.content["body"].encode()) < BYTES for payload in payloads)


def apprise(payloads: Sequence[Payload]) -> None:
    for payload in payloads:
        assert len(payload.content["text"]) <= LETTERS


def console(payloads: Sequence[Payload]) -> None:
    lines = ["".join(words for words, _ in line) for line in payloads[0].content["lines"]]
    assert not [line for line in lines if re.search(r"[\x00-\x1f\x7f-\x9f]|  \S.*  ", line.lstrip())]


KEEP: dict[str, Callable[[Sequence[Payload]], None]] = {
    "console": console,
    "telegram": telegram,
    "discord": discord,
    "email": email,
    "webhook": webhook,
    "apprise": apprise,
}


def ids_told(kind: str, payloads: Sequence[Payload]) -> list[str]:
    """The arXiv ids of the papers that are linked, in order, each once."""
    shown = json.dumps([payload.content.get("text", payload.content) for payload in payloads])
    return list(dict.fromkeys(re.findall(r"arxiv\.org/abs/(\d{4}\.\d{4,5})", shown)))


# --- The tests


def test_every_channel_that_tells_readers_is_here() -> None:
    assert set(KEEP) == set(CHANNELS) - {"fake"}


@pytest.mark.parametrize("kind", KEEP)
def test_every_record_of_the_listing_is_told_alone_and_in_its_days_digest(
    days: list[tuple[date, list[DigestPaper]]], kind: str
) -> None:
    channel, together, alone, step = CHANNELS[kind], 0, 0, one_in(5)
    for day, papers in days:
        payloads = channel.render(Digest("Models", day, tuple(papers), **ADDRESS))
        KEEP[kind](payloads)
        assert ids_told(kind, payloads) == [paper.aliases[0].value for paper in papers]
        together += len(papers)
        for paper in papers[::step]:
            payloads = channel.render(Digest("Models", day, (paper,), **ADDRESS))
            assert len(payloads) == 1
            KEEP[kind](payloads)
            alone += 1
    assert together == 1746 and alone >= together / step


def test_papers_of_a_season_are_told_in_digests_of_twenty(twenties: list[Digest]) -> None:
    for digest in twenties[:: one_in(10)]:
        for kind in ("console", "email", "webhook", "apprise"):
            payloads = CHANNELS[kind].render(digest)
            KEEP[kind](payloads)
            assert ids_told(kind, payloads) == [paper.aliases[0].value for paper in digest.papers]
