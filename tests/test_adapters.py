"""Adapters by name: ours by a short one, anybody's by `package.module:Class`; every mistake is one line."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from paperlark import channels, sources
from paperlark.adapters import (
    build_options,
    channel_class,
    guess_kind,
    make_channel,
    make_source,
    source_class,
    source_module,
)
from paperlark.http import HostPace, Http
from paperlark.model.papers import Cursor, Page
from paperlark.model.problems import PaperlarkError

SAMPLE = Path(sources.__file__).parent.parent / "sample" / "daily_papers.json"


class Theirs:
    """A source as a third party would write one."""

    kind: ClassVar[str] = "theirs"
    authority: ClassVar[int] = 20

    def __init__(self, name: str, options: Mapping[str, Any], http: Http) -> None:
        self.name = name
        self.options = options

    async def poll(self, cursor: Cursor, now: datetime) -> AsyncIterator[Page]:
        """One empty page."""
        yield Page(())


an_instance = Theirs("theirs", {}, Http("test@example.org", HostPace()))


@dataclass(frozen=True, slots=True)
class Options:
    """Options of every sort that adapters have."""

    token: str
    base_url: str | None = None
    port: int | None = None
    tls: Literal["starttls", "none"] = "starttls"
    timeout: float = 20.0


@pytest.mark.parametrize("kind", sources.CONTENTS)
def test_every_listed_source_loads_by_its_short_name(kind: str) -> None:
    assert source_class(kind).kind == kind


@pytest.mark.parametrize("kind", channels.CONTENTS)
def test_every_listed_channel_loads_by_its_short_name(kind: str) -> None:
    assert channel_class(kind).kind == kind


def test_a_third_partys_source_needs_no_line_of_ours() -> None:
    source = make_source(f"{__name__}:Theirs", "theirs:1", {"a": 1}, Http("test@example.org", HostPace()))
    assert isinstance(source, Theirs)
    assert (source.name, source.options) == ("theirs:1", {"a": 1})


def test_a_channel_is_made_with_its_modules_options() -> None:
    assert make_channel("telegram", {"token": "123:abc"}).kind == "telegram"
    with pytest.raises(PaperlarkError, match=r"^telegram: base_ulr: there is no such option; did you mean base_url\?$"):
        make_channel("telegram", {"token": "123:abc", "base_ulr": "x"})


def test_an_unknown_kind_names_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(PaperlarkError, match=r'unknown source "hfdaily"; did you mean hf_daily\? .*capture, hf_daily'):
        source_class("hfdaily")
    with pytest.raises(
        PaperlarkError,
        match=r'unknown channel "pigeon" \(there are apprise, console, discord, email, telegram, webhook',
    ):
        channel_class("pigeon")


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("no_such_package.module:Class", "cannot be loaded: No module named 'no_such_package'"),
        ("json:NoSuchClass", "cannot be loaded: "),
        ("not a name:Class", "cannot be loaded: "),
        (":", "cannot be loaded: "),
        ("json:JSONDecoder", "is no class of a source .it lacks kind, authority, poll"),
        ("json:dumps", "is no class of a source"),
        (f"{__name__}:an_instance", "is no class of a source$"),
    ],
)
def test_what_is_no_source_is_refused_in_one_line(kind: str, complaint: str) -> None:
    with pytest.raises(PaperlarkError, match=complaint) as raised:
        source_class(kind)
    assert "\n" not in str(raised.value)


def test_saved_files_are_read_by_the_module_that_knows_them() -> None:
    assert callable(source_module("hf_daily").parse_saved)
    with pytest.raises(PaperlarkError, match=r"reads no saved files; these do: .*capture"):
        source_module(f"{__name__}:Theirs")


def test_the_kind_of_a_saved_file_is_guessed_from_its_beginning() -> None:
    assert guess_kind(SAMPLE.name, SAMPLE.read_bytes()[:65536]) == "hf_daily"
    assert guess_kind("feed.xml", b'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>') == "rss"
    assert guess_kind("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR") is None
    assert guess_kind("nothing.txt", b"") is None


def test_options_are_filled_as_far_as_their_types_allow() -> None:
    assert build_options(Options, {"token": "t", "port": "587", "timeout": 5}, kind="x") == Options(
        "t", None, 587, timeout=5
    )
    assert build_options(Options, {"token": "t"}, kind="x") == Options("t")


def test_wrong_options_are_all_named_and_no_value_is_shown() -> None:
    wrong = {"port": "s3cret", "tls": "s3cret", "base_url": ["s3cret"], "tokn": "s3cret"}
    with pytest.raises(PaperlarkError) as raised:
        build_options(Options, wrong, kind="mine")
    assert str(raised.value).split("; mine: ") == [
        "mine: tokn: there is no such option; did you mean token?",
        "token: is needed",
        "base_url: should be a valid string",
        "port: should be a valid integer",
        "tls: should be 'starttls' or 'none'",
    ]
    assert raised.value.__context__ is None
