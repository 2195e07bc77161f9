"""Lists of feeds: what is read from them, what is written, and that the one reads the other."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from paperlark.model.problems import SourceError
from paperlark.sources._opml import BYTES, Listed, parse, source_name, write

NOW = datetime(2025, 11, 5, 12, 0, tzinfo=UTC)
LIST = b"""<?xml version="1.0" encoding="UTF-8"?>
<opml version="1.1"><head><title>Mine</title></head><body>
 <outline text="Journals"><outline text="Larks &amp; Owls" type="rss" xmlUrl="https://larks.example.org/feed"/>
  <outline text="Deeper"><outline TITLE="Owls" XMLURL="https://owls.example.org/atom.xml"/></outline></outline>
 <outline text="A page" htmlUrl="https://page.example.org/"/>
 <outline text="Larks again" xmlUrl="https://larks.example.org/feed"/>
 <outline text="A trap" xmlUrl="file:///etc/passwd"/>
</body></opml>"""


def test_feeds_of_all_folders_are_read_in_order_and_once() -> None:
    found = parse(LIST, where="a")
    assert found == [
        Listed("Larks & Owls", "https://larks.example.org/feed"),
        Listed("Owls", "https://owls.example.org/atom.xml"),
        Listed("A trap", "file:///etc/passwd"),
    ]
    assert [feed.askable for feed in found] == [True, True, False]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not a list of feeds"),
        (b"hello", "not a list of feeds"),
        (b"<rss version='2.0'><channel/></rss>", "not a list of feeds"),
        (b"<!DOCTYPE opml [<!ENTITY a 'b'>]><opml/>", "entities of its own"),
        (b" " * (BYTES + 1), "larger than 5 MiB"),
        (b"<opml>" + b"".join(b'<outline xmlUrl="http://x/%d"/>' % n for n in range(5_001)) + b"</opml>", "in parts"),
    ],
)
def test_what_is_no_list_is_refused_in_a_line(body: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        parse(body, where="a")
    assert "\n" not in str(caught.value)


def test_list_that_is_cut_off_gives_what_is_there() -> None:
    assert len(parse(LIST[: LIST.index(b"A page")], where="a")) == 2


def test_list_made_to_stall_is_read_in_no_time() -> None:
    began = time.perf_counter()
    parse(b"<opml>" + b"<outline>" * 200_000, where="a")
    assert time.perf_counter() - began < 5


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cn", "Co")), min_size=1, max_size=30)


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, st.integers(1, 9)).map(lambda pair: Listed(pair[0], f"https://x.org/{pair[1]}?a&b"))))
def test_what_is_written_is_read_again(feeds: list[Listed]) -> None:
    once = list({feed.url: feed for feed in reversed(feeds)}.values())
    body = write(once, title="Mine", created=NOW)
    assert parse(body, where="a") == once
    root = etree.fromstring(body)
    assert root.get("version") == "2.0" and root.findtext("head/dateCreated") == "Wed, 05 Nov 2025 12:00:00 +0000"


@pytest.mark.parametrize(
    ("title", "taken", "name"),
    [
        ("Journal of Larks", (), "Journal-of-Larks"),
        ("Larks & Owls!", (), "Larks-Owls"),
        ("rss:larks_2.0", (), "rss:larks_2.0"),
        ("Vögel", (), "Vögel"),
        ("Larks", ("Larks", "Larks-2"), "Larks-3"),
        ("???", (), "feed"),
        ("x" * 100, (), "x" * 60),
    ],
)
def test_source_is_named_as_a_person_would_type_it(title: str, taken: tuple[str, ...], name: str) -> None:
    assert source_name(title, taken) == name
    assert source_name(name, ()) == name
