"""Every text that we render for Telegram, read by TDLib, the library of Telegram's own clients; our fake as well."""

import gzip
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paperlark.bots.reply import Reply, Said
from paperlark.bots.telegram_saying import messages
from paperlark.bots.telegram_talking import SORRY
from paperlark.channels.telegram import Options, Telegram
from paperlark.model.messages import Digest, DigestPaper, Payload, Reason, Span
from paperlark.model.papers import Alias
from paperlark.testing.bot_api import TOKEN
from paperlark.testing.bot_markup import MarkupError, parse_html, utf16
from tests.amounts import one_in

from .digests import ALL, HOSTILE
from .tdlib import RefusedError, mentioned, parsed

LISTING = Path("../shared/data/hf_daily_api")
BULK = Path("../shared/data/arxiv_bulk/arxiv_2025-03-18_2025-07-17.jsonl.gz")
DAY = date(2026, 11, 21)
A_DIGEST = 20

TELEGRAM = Telegram(Options(TOKEN))


def check(payload: Payload) -> None:
    """Telegram takes this message, it is within the limits, mentions nobody, and our fake reads it as Telegram does."""
    markup = payload.content["html"]
    text, entities = parsed(markup)
    shown, found = parse_html(markup)
    assert shown == text.strip() == text
    assert found == entities
    assert 1 <= utf16(text) <= 4000
    assert len(entities) <= 95
    code = [each for each in entities if each.type == "code"]  # in which Telegram mentions nobody
    assert [m for m in mentioned(text) if not any(c.offset <= m.offset < c.offset + c.length for c in code)] == []
    assert all(utf16(data) <= 64 for row in payload.content["buttons"] for _, data in row)
    assert sum(map(len, payload.content["buttons"])) <= 100


def paper(number: int, record: dict[str, Any], **fields: Any) -> DigestPaper:
    """A real record as a digest tells it, with the first and the longest word of its title marked."""
    title = " ".join(record["title"].split())
    words = {title.split()[0], max(title.split(), key=len)}
    spans = tuple(Span("title", title.index(word), title.index(word) + len(word), word) for word in words)
    told: dict[str, Any] = {
        "id": number, "title": title, "abstract": " ".join(record["summary"].split()), "author_count": None,
        "organisation": None, "categories": (), "url": None, "code_url": None, "signals": {},
        "sources": ("arxiv:cs.CL",),
        "announced_at": datetime(2026, 11, 20, tzinfo=UTC), "reasons": (Reason("Words & more", spans),),
        "aliases": (Alias("arxiv", record["id"]),),
    }  # fmt: skip
    return DigestPaper(**told | fields)


def digests(papers: Sequence[DigestPaper]) -> Iterator[Digest]:
    for start in range(0, len(papers), A_DIGEST):
        yield Digest("Your papers today", DAY, tuple(papers[start : start + A_DIGEST]))


def test_every_record_of_the_listing_is_taken_alone_and_in_its_days_digest() -> None:
    if not LISTING.exists():
        pytest.skip("test data not found: ../shared/data")
    told = 0
    for file in sorted(LISTING.iterdir()):
        body = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        listed = json.loads(body)
        records = [record["paper"] for record in listed if isinstance(record, dict)] if isinstance(listed, list) else []
        papers = [
            paper(
                number,
                record,
                authors=tuple(author["name"] for author in record["authors"]),
                code_url=record.get("githubRepo"),
                signals={"upvotes": record["upvotes"]},
            )
            for number, record in enumerate(records)
        ]
        for one in [*digests(papers), *(Digest("New for you", DAY, (each,)) for each in papers[:: one_in(5)])]:
            for payload in TELEGRAM.render(one):
                check(TELEGRAM.again(payload))
        told += len(papers)
    assert told == 1746


def test_papers_of_arxiv_are_taken_in_digests() -> None:
    if not BULK.exists():
        pytest.skip("test data not found: ../shared/data")
    with gzip.open(BULK, "rt", encoding="utf-8") as lines:
        papers = [
            paper(number, record, authors=tuple(record["authors"]))
            for number, record in enumerate(map(json.loads, lines))
        ]
    assert len(papers) == 20_000
    for told in list(digests(papers))[:: one_in(10)]:
        payloads = TELEGRAM.render(told)
        assert sum(len(row) for each in payloads for row in each.content["buttons"]) == A_DIGEST
        for payload in payloads:
            check(payload)


@pytest.mark.parametrize("name", ALL)
def test_every_hostile_digest_is_taken(name: str) -> None:
    for payload in TELEGRAM.render(ALL[name]):
        check(payload)
        check(TELEGRAM.again(payload))


@pytest.mark.parametrize("style", ["", "bold", "italic", "code"])
def test_every_hostile_answer_is_taken(style: Any) -> None:
    for name, text in HOSTILE.items():
        for payload in messages(Reply(((Said(f"{name}: "), Said(text, style)), (), (Said(SORRY),))), TELEGRAM.render):
            check(payload)


PIECES = st.sampled_from([
    "<b>", "</b>", "<i>", "</i>", "<u>", "</u>", "<code>", "</code>", "<pre>", "</pre>", "<blockquote>",
    "</blockquote>", "<blockquote expandable>", '<a href="https://e.org/?a=1&amp;b">', "</a>", "<span>", "</span>",
    '<span class="tg-spoiler">', "<b class=x>", "<b x='y' z>", "<b =>", "<a href=", "'", "</>", "</b ", "=", "&#",
    "<div>", "<", ">", "</", "<b", "&lt;", "&amp;", "&nbsp;", "&#233;", "&#x1F44D;", "&", "x", "é", "👍", " y ", "\n",
    "&lt", "&amp;amp;",
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join))
@example("<b><i>x</b></i>")
@example("x</b>")
@example("<b>x")
@example("a < b")
def test_fake_takes_and_refuses_the_mark_up_that_telegram_takes_and_refuses(markup: str) -> None:
    try:
        text, entities = parsed(markup)
    except RefusedError as refusal:
        with pytest.raises(MarkupError) as refused:
            parse_html(markup)
        assert f"Can't parse entities: {refused.value}" == str(refusal)
        return
    shown, found = parse_html(markup)
    assert shown == text.strip()
    if shown == text:  # else Telegram's servers move what we compare
        assert found == entities
