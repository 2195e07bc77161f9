"""Mail that comes back, as a mail server's pipe hands it over, and as a maildir holds it."""

import io
import json
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest

from paperlark.app import opened
from paperlark.model.readers import EmptyPolicy, Rhythm
from paperlark.settings import load
from paperlark.store import accounts, profiles
from tests.channels.test_bounces import GONE, notification
from tests.cli.conftest import Lark


@pytest.fixture
async def word(lark: Lark, monkeypatch: pytest.MonkeyPatch) -> str:
    """The word of a mailbox that is subscribed here, where mail is sent."""
    monkeypatch.setenv("PAPERLARK_SMTP_HOST", "mail.example.org")
    monkeypatch.setenv("PAPERLARK_SMTP_SENDER", "papers@example.org")
    monkeypatch.setenv("PAPERLARK_SMTP_BOUNCES", "bounces@example.org")
    async with opened(load()) as app:
        async with app.store.transaction() as tx:
            now = await tx.now()
            me = await accounts.local_account(tx, now)
            place = await profiles.put_destination(
                tx, me, "email", "ada@example.org", rhythm=Rhythm(), cap=20, empty=EmptyPolicy.SILENT, now=now
            )
        assert app.links is not None
        return app.links.bounce(me, place.id)


def piped(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))


def test_a_piped_bounce_pauses_the_address_and_its_owner_sees_why(
    lark: Lark, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, notification(*GONE, to=f"bounces+{word}@example.org"))
    assert lark.well("bounce").out == "paused\n"
    exported = json.loads(lark.well("export").out)
    assert exported["destinations"][0]["paused_reason"] == "mail came back: 550 5.1.1 no such user here"


def test_what_is_no_bounce_of_ours_is_left_alone_and_well_done(
    lark: Lark, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = ("a" if word[-5] != "a" else "b").join((word[:-5], word[-4:]))
    away = EmailMessage()
    away["To"] = f"bounces+{word}@example.org"
    away.set_content("I am away.")
    for raw in (b"", away.as_bytes(), notification(*GONE, to=f"bounces+{forged}@example.org")):
        piped(monkeypatch, raw)
        assert lark.well("bounce", "--json").record == {"became": ["no bounce"]}
    piped(monkeypatch, notification("Status: 4.2.2", to="x@example.org"))
    assert lark.well("bounce", "--recipient", f"bounces+{word}@example.org").out == "counted\n"


def test_a_maildirs_new_messages_are_read_once(lark: Lark, word: str, tmp_path: Path) -> None:
    new = tmp_path / "Maildir" / "new"
    new.mkdir(parents=True)
    (new / "1").write_bytes(notification(*GONE, to=f"bounces+{word}@example.org"))
    (new / "2").write_bytes(b"Subject: hello\n\n")
    assert lark.well("bounce", "--maildir", tmp_path / "Maildir", "--json").record == {
        "became": ["paused", "no bounce"]
    }
    assert lark.well("bounce", "--maildir", tmp_path / "Maildir", "--json").record == {"became": []}
    assert sorted(file.name for file in (tmp_path / "Maildir" / "cur").iterdir()) == ["1:2,S", "2:2,S"]


def test_the_mail_server_is_told_to_come_again_where_nothing_can_be_kept(
    lark: Lark, word: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    piped(monkeypatch, notification(*GONE, to=f"bounces+{word}@example.org"))
    assert lark("bounce", "--maildir", tmp_path / "nowhere").status == 75
    monkeypatch.setenv("PAPERLARK_DATABASE_URL", str(tmp_path))
    assert lark("bounce").status == 75


def test_check_says_what_providers_want_of_bulk_mail(lark: Lark, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def said() -> str:
        findings = lark("check", "--json").record["findings"]
        return "; ".join(each["said"] for each in findings if each["what"] == "mail")

    assert "SPF, DKIM and DMARC" in said() and "PAPERLARK_DKIM_KEY" in said() and "PAPERLARK_PUBLIC_URL" in said()
    monkeypatch.setenv("PAPERLARK_PUBLIC_URL", "http://papers.example.org")
    assert "not https" in said() and "PAPERLARK_SMTP_BOUNCES" not in said()
