"""What arXiv's XML becomes: its two feeds and its API, well or ill."""

import json
import time
from datetime import UTC, date, datetime
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paperlark.model.problems import SourceError
from paperlark.sources import arxiv
from paperlark.sources._arxiv_feed import ENTRIES, Entry, Feed, is_withdrawn, read, tell

from .conftest import read as read_file
from .conftest import shared
from .golden import DATA

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ORDINARY = (DATA / "arxiv" / "ordinary_rss.xml").read_bytes()
NAMESPACES = 'xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"'


def feed(*entries: str) -> bytes:
    """An RSS feed of a Friday around these entries."""
    return (
        f'<rss version="2.0" {NAMESPACES}><channel><title>cs.CL updates</title>'
        f"<pubDate>Fri, 20 Nov 2026 00:00:00 -0500</pubDate>{''.join(entries)}</channel></rss>"
    ).encode()


def entry(name: str = "2611.00001v1", type: str = "new", **more: str) -> str:
    fields = {"title": "A title", "guid": f"oai:arXiv.org:{name}", "arxiv:announce_type": type}
    fields |= {key.replace("_", ":", 1): value for key, value in more.items()}
    return f"<item>{''.join(f'<{key}>{escape(value)}</{key}>' for key, value in fields.items())}</item>"


def only(body: bytes) -> Entry:
    (found,) = read(body, where="x").entries
    return found


# ── authors ──────────────────────────────────────────────────────────────────────────────────────────────────────

WORD = st.text(st.sampled_from("abcdefgéüßÅØđ'-"), min_size=1, max_size=8).filter(lambda word: word[0].isalpha())
NAME = st.lists(WORD.map(str.capitalize), min_size=2, max_size=3).map(" ".join)
PLACE = st.recursive(
    st.lists(WORD, min_size=1, max_size=3).map(", ".join),
    lambda inner: st.tuples(inner, inner).map(lambda pair: f"{pair[0]} ({pair[1]})"),
    max_leaves=3,
)


@given(st.lists(st.tuples(NAME, st.lists(PLACE, max_size=3)), min_size=1, max_size=6))
@example([("Ada One", ["Dept. of Ice (Sea, Snow)", "Oslo, Norway"]), ("Ben Two", [])])
def test_authors_in_one_line_are_parted_whatever_stands_in_their_affiliations(
    authors: list[tuple[str, list[str]]],
) -> None:
    line = ", ".join(f"{name} ({', '.join(places)})" if places else f"{name} " for name, places in authors)
    paper = only(feed(entry(dc_creator=line))).paper
    assert paper.authors == tuple(name for name, _ in authors)
    assert paper.author_count == len(authors)


# ── what is told ─────────────────────────────────────────────────────────────────────────────────────────────────


def occasions(name: str, type: str, **more: str) -> list[tuple[str, str]]:
    found = only(feed(entry(name, type, **more)))
    return [(told.occasion, told.type) for told in tell(found, type=type, at=NOW)]


def test_new_and_cross_are_first_and_replacements_are_of_their_version() -> None:
    assert occasions("2611.00001v1", "new") == [("first", "new")]
    assert occasions("2001.00001v4", "cross") == [("first", "cross")]
    assert occasions("hep-th/9901001v12", "replace-cross") == [("replaced:v12", "replace-cross")]


def test_replacement_that_names_a_doi_or_a_journal_tells_of_the_publication_too() -> None:
    doi = occasions("2601.00001v2", "replace", arxiv_DOI="10.1234/ABC.7", arxiv_journal_reference="J. Ice 7")
    assert doi == [("replaced:v2", "replace"), ("published:10.1234/abc.7", "published")]
    journal = occasions("2601.00001v2", "replace", arxiv_journal_reference="J. Ice  7")
    assert journal[1:] == [("published:J. Ice 7", "published")]


def test_doi_of_a_first_announcement_or_of_arxiv_itself_is_no_publication() -> None:
    assert occasions("2601.00001v1", "new", arxiv_DOI="10.1234/abc") == [("first", "new")]
    own = feed(entry("2601.00001v2", "replace", arxiv_DOI="10.48550/arXiv.2601.00001"))
    assert [str(alias) for alias in only(own).paper.aliases] == ["arxiv:2601.00001"]
    assert only(own).published is None


@pytest.mark.parametrize(
    ("comment", "abstract"),
    [
        ("This paper has been withdrawn by the authors", ""),
        ("9 pages. This submission has been withdrawn by arXiv administrators due to overlap", ""),
        ("withdrawn due to a sign error", ""),
        ("Paper withdrawn; a new one follows", ""),
        ("", "This paper has been withdrawn by the author due to an error in equation 3."),
        ("", "The manuscript was temporarily withdrawn."),
    ],
)
def test_withdrawal_is_read_from_the_comment_or_the_opening_of_the_abstract(comment: str, abstract: str) -> None:
    assert is_withdrawn(comment, abstract)


@pytest.mark.parametrize(
    ("comment", "abstract"),
    [
        ("12 pages, replaces a version without figures", "We study why papers are withdrawn."),
        ("", "Cash is withdrawn from machines. This paper has been written to model it."),
        ("Extended version of arXiv:2601.00001, which has been withdrawn", "Heat is withdrawn from a bath."),
    ],
)
def test_papers_that_speak_of_withdrawal_are_not_withdrawn(comment: str, abstract: str) -> None:
    assert not is_withdrawn(comment, abstract)


def test_withdrawal_takes_the_place_of_the_replacement() -> None:
    body = "arXiv:2601.00001v2 Announce Type: replace \nAbstract: This paper has been withdrawn by the author."
    assert occasions("2601.00001v2", "replace", description=body) == [("withdrawn", "withdrawn")]


def test_mathematics_stays_as_it_was_written() -> None:
    abstract = "arXiv:2611.00001v1 Announce Type: new \nAbstract: $a<b>c$"
    found = only(feed(entry(title="On $x<y$ & \\emph{Z}", description=abstract)))
    assert found.paper.title == "On $x<y$ & \\emph{Z}"
    assert found.paper.abstract == "$a<b>c$"


def test_feed_says_no_date_of_the_work_and_the_api_says_its_first_submission() -> None:
    assert only(feed(entry(pubDate="Fri, 20 Nov 2026 00:00:00 -0500"))).paper.published_at is None
    answer = read((DATA / "arxiv" / "ordinary_api.xml").read_bytes(), where="x")
    assert [one.paper.published_at for one in answer.entries] == [
        datetime(2025, 11, 3, 18, 30, tzinfo=UTC),
        datetime(2025, 1, 1, 10, tzinfo=UTC),
    ]


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────


def test_entries_beyond_two_thousand_are_left_out_and_counted() -> None:
    found = read(feed(*(entry(f"2611.{number:05}v1") for number in range(1, ENTRIES + 8))), where="x")
    assert len(found.entries) == ENTRIES
    assert [reject.reason for reject in found.rejects] == ["7 more were left out"]


@given(st.binary(max_size=300))
def test_no_bytes_do_worse_than_a_source_error_in_one_line(body: bytes) -> None:
    try:
        assert isinstance(read(body, where="x"), Feed)
    except SourceError as problem:
        assert str(problem).startswith("arxiv: x: ")
        assert "\n" not in str(problem)


@settings(max_examples=200)
@given(st.integers(0, len(ORDINARY)), st.integers(0, 60), st.binary(max_size=20))
def test_damaged_feed_is_read_or_refused(at: int, cut: int, put: bytes) -> None:
    body = ORDINARY[:at] + put + ORDINARY[at + cut :]
    try:
        page = arxiv.parse(body, where="x", now=NOW)
    except SourceError as problem:
        assert "\n" not in str(problem)
    else:
        assert len(page.announcements) + len(page.rejects) <= 6


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_entity_declarations_are_refused_in_any_encoding(encoding: str) -> None:
    body = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE rss [<!ENTITY a "b">]><rss><channel/></rss>'
    with pytest.raises(SourceError, match="defines entities of its own"):
        read(body.encode(encoding), where="x")


def test_external_documents_are_not_fetched() -> None:
    body = b'<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/rss.dtd"><rss><channel><title>cs</title></channel></rss>'
    assert read(body, where="x").entries == ()


def test_feed_larger_than_five_mebibytes_is_refused_unread() -> None:
    with pytest.raises(SourceError, match="larger than 5 MiB"):
        read(b"<rss>" + b" " * (5 * 1024 * 1024), where="x")


# ── real inputs ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_generated_feeds_say_of_each_paper_how_it_is_announced_in_both_forms_alike() -> None:
    forms = {}
    for path in shared("arxiv_generated"):
        page = arxiv.parse(read_file(path), where=path.name, now=NOW)
        if "weekend" in path.name:
            assert page.stated is not None
            assert page.stated.quiet
            assert page.stated.day == date(2026, 11, 21)
        else:
            assert not page.rejects
            kinds = [told.type for told in page.announcements if told.type != "published"]
            counts = [kinds.count(kind) for kind in ("new", "cross", "replace", "replace-cross", "withdrawn")]
            assert counts == [151, 70, 55, 24, 0]
            forms[path.name] = [(told.paper, told.occasion, told.type) for told in page.announcements]
            assert all(told.paper.authors and told.paper.abstract for told in page.announcements)
            assert not any("Announce Type" in told.paper.abstract for told in page.announcements)
    rss, atom = forms.values()
    assert rss == atom


def test_generated_feeds_have_the_authors_that_the_bulk_has() -> None:
    (bulk,) = shared("arxiv_bulk")
    lines = map(json.loads, read_file(bulk).splitlines())
    authors = {one["id"]: [name.removeprefix("and ") for name in one["authors"]] for one in lines}
    told = [
        told
        for path in shared("arxiv_generated")
        for told in arxiv.parse(read_file(path), where=path.name, now=NOW).announcements
    ]
    different = [t.paper.aliases[0].value for t in told if list(t.paper.authors) != authors[t.paper.aliases[0].value]]
    assert len(told) >= 600
    assert different == []


def test_captured_feed_is_of_its_day() -> None:
    (path,) = shared("arxiv_rss")
    found = read(read_file(path), where=path.name)
    assert (found.day, len(found.entries), found.rejects) == (date(2025, 8, 20), 7, ())


def test_captured_answers_of_the_api_are_read_or_refused_in_its_own_words() -> None:
    counts, refused = [], []
    for path in shared("arxiv_api"):
        answer = json.loads(read_file(path))
        try:
            found = read(answer["body"].encode(), where="API")
        except SourceError as problem:
            refused.append(str(problem))
            continue
        assert found.total is not None
        assert not found.rejects
        assert all(one.paper.published_at and one.paper.categories and one.paper.authors for one in found.entries)
        counts.append(len(found.entries))
    assert sorted(counts) == [0, 0, 1, 1, 1, 1, 10, 10, 10, 15]
    assert refused == ["arxiv: API: the site says: incorrect id format for abc"]


def test_hostile_files_are_read_or_refused_within_a_second() -> None:
    for path in shared("hostile"):
        if "gzip_bomb" in path.name:
            continue
        began = time.thread_time()
        try:
            read(read_file(path), where=path.name)
        except SourceError as problem:
            assert "\n" not in str(problem)
        assert time.thread_time() - began < 2, path.name
