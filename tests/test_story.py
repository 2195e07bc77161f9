"""The main job, end to end: captures come in, two readers have different profiles, python-telegram-bot sends over HTTP
to a Bot API server and aiosmtplib to an SMTP server; each reader received each of their papers once, with the reasons.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from paperlark.app import Paperlark, opened
from paperlark.links import Purpose
from paperlark.matching.document import Document, analyse
from paperlark.matching.query import parse
from paperlark.matching.reference import meets
from paperlark.matching.text import readable, title_key
from paperlark.model.readers import Cadence
from paperlark.pipeline.deliver import Outcome
from paperlark.readers.follow import follow
from paperlark.readers.mailbox import confirm
from paperlark.readers.subscribe import Wish, subscribe
from paperlark.settings import load
from paperlark.sources import capture
from paperlark.sources.base import Saved
from paperlark.store import accounts
from paperlark.testing.bot_api import BotApi
from paperlark.testing.mail import MailServer

PUBLIC = "https://papers.example.org"
CAPTURED_ON = date(2025, 12, 10)
WISH = Wish(cadence=Cadence.INSTANT, cap=200)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody with one profile, told in one place."""

    channel: str
    address: str
    profile: str
    query: str


@pytest.fixture(params=["own", "shared"])
def captures(request: pytest.FixtureRequest) -> list[Path]:
    """Our own small capture, and the real ones where they are."""
    if request.param == "own":
        return sorted((Path(__file__).parent / "captures").glob("*.txt"))
    shared: Path = request.getfixturevalue("shared_data")
    return sorted((shared / "captures").glob("*.txt"))


async def test_each_reader_receives_each_of_their_papers_once_with_the_reasons_in_digests_within_the_limits(
    captures: list[Path], store_url: str
) -> None:
    ada = Reader("telegram", "1001", "thinking longer", '"inference scaling" OR "test-time scaling"')
    bob = Reader("email", "bob@example.org", "pictures", "title:diffusion, title:image*")
    async with BotApi() as api, MailServer() as mail:
        async with opened(load(environment(store_url, api, mail))) as app:
            for reader in (ada, bob):
                await settle(app, reader)
            await agree(app, mail, bob)
            outcome = await announce(app, captures)
            assert outcome == Outcome(sent=2)
            assert await announce(app, captures) == Outcome(), "the same files again are no news"
        wanted = {reader: titles_meeting(reader.query, captures) for reader in (ada, bob)}
        assert wanted[ada] and wanted[bob] and wanted[ada] != wanted[bob]
        chat, mails = api.texts(1001), mail.received("bob@example.org")[1:]

    assert told(chat, wanted[ada]) == dict.fromkeys(wanted[ada], 1)
    assert told([each.part("plain") for each in mails], wanted[bob]) == dict.fromkeys(wanted[bob], 1)
    for number in range(1, len(wanted[ada]) + 1):
        assert sum(line.startswith(f"{number}. ") for text in chat for line in text.splitlines()) == 1
    because = [line for text in chat for line in text.splitlines() if line.startswith("because of")]
    assert len(because) == len(wanted[ada])
    assert all("thinking longer" in line and "scaling”" in line.lower() for line in because)
    assert mails[0].part("plain").count("because of pictures:") == len(wanted[bob])
    assert all(len(text.encode("utf-16-le")) // 2 <= 4000 for text in chat)
    assert all(len(each.raw) < 102_000 for each in mails)


def environment(store_url: str, api: BotApi, mail: MailServer) -> dict[str, str]:
    """What an operator would set."""
    return {
        "PAPERLARK_DATABASE_URL": store_url,
        "PAPERLARK_TELEGRAM_TOKEN": api.token,
        "PAPERLARK_TELEGRAM_API": api.url,
        "PAPERLARK_SMTP_HOST": "127.0.0.1",
        "PAPERLARK_SMTP_PORT": str(mail.port),
        "PAPERLARK_SMTP_TLS": "none",
        "PAPERLARK_SMTP_SENDER": "Paperlark <papers@example.org>",
        "PAPERLARK_PUBLIC_URL": PUBLIC,
    }


async def settle(app: Paperlark, reader: Reader) -> None:
    """A reader follows a profile and says where to be told."""
    async with app.store.transaction() as tx:
        account = await accounts.account_of(tx, reader.channel, reader.address, name="", now=await tx.now())
    await follow(app.store, account, reader.query, name=reader.profile)
    await subscribe(app.store, account, reader.profile, channel=reader.channel, address=reader.address, wish=WISH)


async def agree(app: Paperlark, mail: MailServer, reader: Reader) -> None:
    """The mailbox's owner is asked first, and follows the link."""
    assert (await app.deliver()).sent == 1
    (question,) = mail.received(reader.address)
    (token,) = re.findall(rf"{PUBLIC}/c/(\S+)", question.part("plain"))
    assert app.links is not None
    whose = app.links.read(Purpose.CONFIRM, token)
    assert whose is not None and await confirm(app.store, whose)


async def announce(app: Paperlark, captures: Sequence[Path]) -> Outcome:
    """The papers come in, meet the profiles, and are sent."""
    imported = await app.import_files(captures, captured_on=CAPTURED_ON, announce=True)
    assert not imported.failed and not imported.rejects
    await app.percolate()
    for channel in app.channels.values():
        await channel.open()
    return await app.deliver()


def titles_meeting(query: str, captures: Sequence[Path]) -> set[str]:
    """What the reference evaluator finds in the files, by title key."""
    asked, found = parse(query), set()
    for file in captures:
        page = capture.parse_saved(Saved(file.name, file.read_bytes(), CAPTURED_ON))
        for told in page.announcements:
            paper = told.paper
            document = Document(
                title=paper.title, abstract=paper.abstract, announced_at=datetime(2025, 12, 10, tzinfo=UTC)
            )
            if meets(asked, analyse(document)):
                found.add(title_key(paper.title))
    return found


def told(texts: Sequence[str], wanted: set[str]) -> dict[str, int]:
    """How often each wanted title stands as a numbered paper in what a reader received; and any that was not wanted."""
    seen: Counter[str] = Counter()
    for text in texts:
        lines = text.splitlines()
        for at, line in enumerate(lines):
            number, dot, title = line.partition(". ")
            if not dot or not number.isdecimal():
                continue
            longer = " ".join([title, *lines[at + 1 : at + 3]])
            keys = [key for key in wanted if title_key(longer).startswith(title_key(readable(key)))]
            seen[max(keys, key=len) if keys else f"not wanted: {title}"] += 1
    return dict(seen)
