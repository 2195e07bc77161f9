"""What we write, read again: by feedparser, and by our own source of feeds."""

import io
import json
from datetime import UTC, datetime, timedelta
from html import unescape
from types import ModuleType
from typing import Any

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.formats import atom, json_feed, rss
from paperlark.formats._markup import JOINER, as_text
from paperlark.formats.feed import legible
from paperlark.model.papers import Alias
from paperlark.sources._feed import parse
from tests.formats.samples import DAY, HOSTILE, feed, paper, papers

NOW = DAY + timedelta(days=1)
EVERY = pytest.mark.parametrize("written", [atom, rss, json_feed], ids=lambda module: module.__name__.split(".")[-1])
ANY_TEXT = st.text(max_size=60) | st.sampled_from(HOSTILE)


@EVERY
def test_our_own_source_reads_the_same_titles_names_authors_and_dates(written: ModuleType) -> None:
    some = [
        *papers("Larks at dawn", "R&D of nests", "p<0.05 in $\\beta$-larks", "עופרונים בשמיים"),
        paper(doi="10.1000/x"),
    ]
    told = feed(some, word="About")
    page = parse(written.write(told), where="a feed", now=NOW)
    assert not page.rejects
    read = [each.paper for each in page.announcements]
    assert [each.title for each in read] == [entry.title for entry in told.entries]
    assert [each.authors for each in read] == [entry.authors for entry in told.entries]
    assert [each.url for each in read] == [entry.link for entry in told.entries]
    assert [each.announced_at for each in page.announcements] == [_to_the_second(entry.at) for entry in told.entries]
    begun = [each.abstract.startswith(legible(known.abstract)) for each, known in zip(read, some, strict=True)]
    assert begun == [True] * 5
    assert [each.keywords for each in read] == [entry.categories for entry in told.entries]


@EVERY
def test_a_paper_keeps_the_names_by_which_others_know_it(written: ModuleType) -> None:
    told = feed([paper(arxiv="2603.00001"), paper("Nests", doi="10.1101/2026.03.04.1", sources=("biorxiv",))])
    first, second = parse(written.write(told), where="a feed", now=NOW).announcements
    assert Alias("arxiv", "2603.00001") in first.paper.aliases
    assert Alias("doi", "10.1101/2026.03.04.1") in second.paper.aliases


@pytest.mark.parametrize("written", [atom, rss])
def test_feedparser_reads_ids_and_the_next_page(written: ModuleType) -> None:
    told = feed(papers("Larks", "Wrens"), following="https://papers.example.org/feeds/x?before=1-2")
    read = feedparser.parse(io.BytesIO(written.write(told)))
    assert not read.bozo
    assert [each.id for each in read.entries] == [entry.id for entry in told.entries]
    assert read.feed.title == told.title
    links = {each.rel: each.href for each in read.feed.links}
    assert links == {"self": told.own, "alternate": told.home, "next": told.following}


@pytest.mark.parametrize("written", [atom, rss])
@pytest.mark.parametrize("title", HOSTILE)
def test_no_title_becomes_mark_up(written: ModuleType, title: str) -> None:
    told = feed(papers(title, "Larks"), word="this")
    read = feedparser.parse(io.BytesIO(written.write(told)))
    assert not read.bozo
    assert [_title(each) for each in read.entries] == [entry.title for entry in told.entries]
    html = read.entries[0].get("content", [{"value": read.entries[0].summary}])[0]["value"]
    assert "<script" not in html and "<![CDATA[" not in html


@EVERY
@given(title=ANY_TEXT, abstract=ANY_TEXT, author=ANY_TEXT, name=ANY_TEXT)
def test_any_text_makes_a_document_that_is_read_again(
    written: ModuleType, title: str, abstract: str, author: str, name: str
) -> None:
    told = feed([paper(title or "x", abstract, authors=(author,), arxiv="2603.00001")], name=name)
    body = written.write(told)
    if written is json_feed:
        (read,) = json.loads(body)["items"]
        assert (read["id"], read["title"]) == (told.entries[0].id, told.entries[0].title)
        return
    found = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    (read,) = found.entries
    assert not found.bozo
    assert read.id == told.entries[0].id
    assert _title(read) == told.entries[0].title.replace(JOINER, "")


def test_a_title_that_only_looks_like_html_is_left_alone() -> None:
    assert as_text("R&D, A < B, p<0.05, AT&T; 1&2") == "R&D, A < B, p<0.05, AT&T; 1&2"
    assert as_text("<b> &lt; &ampx &omega &#0") == "<⁠b> &⁠lt; &⁠ampx &⁠omega &⁠#0"


def test_an_empty_feed_is_a_feed() -> None:
    for written in (atom, rss, json_feed):
        page = parse(written.write(feed([])), where="a feed", now=NOW)
        assert not page.announcements and not page.rejects


def test_a_json_feed_says_what_the_version_asks_for() -> None:
    told = feed(
        [paper(arxiv="2603.00001"), paper("Silence", "", arxiv="2603.00002")], following="https://x.example/next"
    )
    said = json.loads(json_feed.write(told))
    assert said["version"] == "https://jsonfeed.org/version/1.1"
    assert (said["feed_url"], said["home_page_url"], said["next_url"]) == (told.own, told.home, told.following)
    for each in said["items"]:
        assert isinstance(each["id"], str) and ("content_html" in each) != ("content_text" in each)
        assert each["authors"] == [{"name": "Ada Finch"}, {"name": "Ludwig van Wren"}]
        assert datetime.fromisoformat(each["date_published"]).utcoffset() == timedelta(0)


def test_the_words_that_met_are_strong_and_said() -> None:
    (entry,) = feed([paper(abstract="We watch larks & wrens <fly>.")], word="larks").entries
    assert entry.html.startswith("<p>We watch <strong>larks</strong> &amp; wrens &lt;fly&gt;.</p>")
    assert entry.why == "because of larks: “larks” in the abstract"


def test_what_is_counted_does_not_make_a_feed_new() -> None:
    one, other = paper(signals={"upvotes": 3}), paper(signals={"upvotes": 300, "stars": 2})
    assert atom.write(feed([one])) == atom.write(feed([other]))


def test_only_safe_links_are_given() -> None:
    bad = paper(url="javascript:alert(1)", code_url="https://user@evil.example/", arxiv="", aliases=())
    (entry,) = feed([bad]).entries
    assert entry.link == f"https://papers.example.org/papers/{bad.id}"
    assert entry.code is None and "href" not in entry.html


def test_ids_say_nothing_of_the_address() -> None:
    (entry,) = feed([paper()]).entries
    assert entry.id == "tag:paperlark.invalid,2026:profile/7000000000001/paper/1000000001"


def _title(read: Any) -> str:
    """As a reader shows it, whatever it takes it for."""
    said = read.title.replace(JOINER, "")
    if read.title_detail.type == "text/plain":
        return str(said)
    assert "<" not in said
    return unescape(said)


def _to_the_second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)
