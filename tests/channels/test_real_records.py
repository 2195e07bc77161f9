"""Every record of the Hugging Face listing, told by Telegram and by mail."""

import gzip
import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from paperlark.channels import email, telegram
from paperlark.channels.email import Email
from paperlark.channels.telegram import Telegram
from paperlark.model.messages import Digest, DigestPaper, Reason, Span
from paperlark.model.papers import Alias
from paperlark.testing.bot_api import TOKEN, parse_html

DATA = Path("../shared/data/hf_daily_api")

TELEGRAM = Telegram(telegram.Options(TOKEN))
EMAIL = Email(email.Options("mail.example.org", "papers@example.org"))


def days() -> Iterator[tuple[date, list[DigestPaper]]]:
    for file in sorted(DATA.iterdir()):
        body = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        records = json.loads(body)
        told = [read(record) for record in records if isinstance(record, dict)] if isinstance(records, list) else []
        if told:
            yield date.fromisoformat(file.name[:10]), told


def read(record: dict[str, Any]) -> DigestPaper:
    paper = record["paper"]
    title, abstract = (" ".join(paper[name].split()) for name in ("title", "summary"))
    words = [field_span(field, text, "model") for field, text in (("title", title), ("abstract", abstract))]
    return DigestPaper(
        id=int(paper["id"].replace(".", "")),
        title=title,
        abstract=abstract,
        authors=tuple(author["name"] for author in paper["authors"]),
        author_count=None,
        organisation=None,
        categories=(),
        aliases=(Alias("arxiv", paper["id"]), Alias("hf", paper["id"])),
        url=None,
        code_url=paper.get("githubRepo"),
        announced_at=datetime.fromisoformat(record["publishedAt"]),
        sources=("hf_daily",),
        signals={"upvotes": paper["upvotes"], "comments": record["numComments"]},
        reasons=(Reason("Models", tuple(span for span in words if span)),),
    )


def field_span(field: str, text: str, word: str) -> Span | None:
    at = text.lower().find(word)
    return None if at < 0 else Span(field, at, at + len(word), text[at : at + len(word)])


@pytest.fixture(scope="module")
def listing() -> list[tuple[date, list[DigestPaper]]]:
    if not DATA.exists():
        pytest.skip("test data not found: ../shared/data")
    return list(days())


def test_every_real_record_is_within_telegrams_limits_alone_and_in_its_days_digest(
    listing: list[tuple[date, list[DigestPaper]]],
) -> None:
    alerts = 0
    for day, papers in listing:
        for told in (Digest("Models", day, tuple(papers)), *(Digest("Models", day, (one,)) for one in papers)):
            payloads = TELEGRAM.render(told)
            assert len(payloads) <= 6
            for payload in payloads:
                shown, entities = parse_html(payload.content["html"])
                assert len(shown.encode("utf-16-le")) // 2 <= 4000
                assert len(entities) <= 95
        alerts += len(papers)
    assert alerts == 1746


def test_every_real_days_digest_is_a_mail_of_all_its_papers_below_the_limit(
    listing: list[tuple[date, list[DigestPaper]]],
) -> None:
    told = 0
    for day, papers in listing:
        [payload] = EMAIL.render(Digest("Models", day, tuple(papers)))
        assert len(EMAIL.assemble("ada@example.org", payload, "k")) < 102_000
        told += payload.content["html"].count("https://arxiv.org/abs/")
    assert told == 1746
