"""arXiv by OAI-PMH: answers, and harvests from a repository that is played on loopback."""

import asyncio
import json
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from paperlark.http import HostPace, Http
from paperlark.model.papers import Cursor, Page
from paperlark.model.problems import SourceError
from paperlark.sources._arxiv_names import split_authors
from paperlark.sources._arxiv_oai import Records, finished, harvest, parse, set_of
from paperlark.testing.sites import Reply, Site

from .conftest import read, shared
from .golden import DATA, EXPECTED, told

ANSWERS = DATA.parent / "data_oai"
NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
MONDAY = date(2026, 11, 16)


def records(name: str) -> Records:
    return parse((ANSWERS / name).read_bytes(), where=name, now=NOW)


# ── one answer ───────────────────────────────────────────────────────────────────────────────────────────────────


def outcome(name: str) -> dict[str, Any]:
    try:
        found = records(name)
    except SourceError as problem:
        return {"error": str(problem)}
    goes_on = {"token": found.token, "total": found.total, "newest": found.newest and found.newest.isoformat()}
    return {
        **told(Page(found.announcements, rejects=found.rejects)),
        **{key: value for key, value in goes_on.items() if value is not None},
    }


@pytest.mark.parametrize("name", sorted(path.name for path in ANSWERS.glob("*.xml")))
def test_answer_becomes_what_stands_beside_it(name: str) -> None:
    assert outcome(name) == json.loads((ANSWERS / f"{name}{EXPECTED}").read_text())


def occasions(name: str) -> dict[str, list[tuple[str, str, str]]]:
    found: dict[str, list[tuple[str, str, str]]] = {}
    for each in records(name).announcements:
        story = (each.occasion, each.type, each.announced_at.date().isoformat())
        found.setdefault(each.paper.aliases[0].value, []).append(story)
    return found


def test_versions_tell_which_version_came_when_and_what_was_withdrawn() -> None:
    assert occasions("ordinary_raw.xml") == {
        "2611.00101": [("first", "new", "2026-11-19")],
        "2610.00202": [("first", "new", "2026-10-01"), ("replaced:v2", "replace", "2026-11-19")],
        "2609.00303": [("withdrawn", "withdrawn", "2026-11-20")],
    }


def test_doi_that_came_with_no_new_version_is_a_publication() -> None:
    assert occasions("ordinary_arxiv.xml")["2603.04567"] == [
        ("first", "new", "2026-03-09"),
        ("published:10.1000/bells.4.11", "published", "2026-11-19"),
    ]


def test_what_a_record_says_of_versions_comments_and_affiliations_is_kept() -> None:
    first, *_ = records("ordinary_arxiv.xml").announcements
    assert first.said["affiliations"] == {"Maja Lindqvist": ["Harbour Institute, Gävle"]}
    assert first.said["comments"] == "9 pages, 2 lamps"
    assert first.said["license"] == "http://creativecommons.org/licenses/by/4.0/"
    raw, *_ = records("ordinary_raw.xml").announcements
    assert raw.said["versions"] == [{"number": 1, "date": "Tue, 17 Nov 2026 16:20:01 GMT", "source": "D"}]
    assert raw.said["submitter"] == "Maja Lindqvist"


def test_nothing_is_announced_after_now() -> None:
    assert all(each.announced_at <= NOW for each in records("odd.xml").announcements)


@pytest.mark.parametrize("sign", [b"&#0;", b"&#x00;", b"&#11;", b"&#31;", b"&#x1f;", b"\x00", b"\x0c", b"\x1f"])
def test_sign_that_xml_forbids_does_not_cost_the_other_records(sign: bytes) -> None:
    whole = (ANSWERS / "ordinary_raw.xml").read_bytes()
    read_well = parse(whole.replace(b"Fog, measured", b"Fog," + sign + b" measured"), where="raw", now=NOW)
    assert read_well == parse(whole, where="raw", now=NOW)


def test_too_large_an_answer_and_an_endless_tag_are_refused_before_they_are_read() -> None:
    with pytest.raises(SourceError, match="larger than 16 MiB"):
        parse(b" " * (16 * 1024 * 1024 + 1), where="large", now=NOW)
    with pytest.raises(SourceError, match="one tag is longer than 64 KiB"):
        parse(b"<a " + b"b='' " * 20_000 + b"/>", where="endless", now=NOW)
    with pytest.raises(SourceError, match="the answer is empty"):
        parse(b" \n", where="empty", now=NOW)


def test_category_is_named_as_a_set() -> None:
    named = {"cs.AI": "cs:cs:AI", "hep-th": "physics:hep-th", "astro-ph.CO": "physics:astro-ph:CO", "cs": "cs:cs"}
    assert {category: set_of(category) for category in named} == named


# ── harvests ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Repository(Site):
    """Plays ListRecords over papers, which are days of modification: in their order, a few at a time, with tokens.

    forgets: how many tokens it will not know any more when they are next shown to it.
    """

    def __init__(self, days: Sequence[date], at_once: int = 2) -> None:
        super().__init__()
        self.papers = [(day, f"2611.{number:05}") for number, day in enumerate(sorted(days), 1)]
        self.at_once = at_once
        self.forgets = 0
        self.stuck = False

    def reply_to(self, request: web.Request) -> Reply:
        """A scripted reply if there is one left, else the repository's."""
        script = self._replies.get(request.path)
        if script:
            return script.pop(0)
        arguments = dict(request.query)
        if arguments.pop("verb") != "ListRecords":
            return self._error("badVerb", "no such verb here")
        token = arguments.pop("resumptionToken", None)
        if token is not None:
            if self.forgets:
                self.forgets -= 1
                return self._error("badResumptionToken", "that token has run out")
            asked, _, skip = token.partition("&skip=")
        else:
            asked, skip = f"{arguments.get('from', '')}+{arguments.get('until', '')}+{arguments.get('set', '')}", "0"
        start, end, chosen = asked.split("+")
        found = [
            paper
            for paper in self.papers
            if (start or "0") <= paper[0].isoformat() <= (end or "9") and chosen != "none"
        ]
        if not found:
            return self._error("noRecordsMatch", "nothing")
        after = int(skip) + self.at_once
        goes_on = f"{asked}&skip={skip if self.stuck and int(skip) else after}" if after < len(found) else ""
        return self._answer_of(found[int(skip) : after], goes_on)

    def _answer_of(self, papers: Sequence[tuple[date, str]], token: str) -> Reply:
        rows = "".join(
            f"<record><header><identifier>oai:arXiv.org:{number}</identifier><datestamp>{day}</datestamp></header>"
            f"<metadata><arXiv><id>{number}</id><created>{day - timedelta(days=2)}</created>"
            f"<title>Paper {number}</title></arXiv></metadata></record>"
            for day, number in papers
        )
        token = token.replace("&", "&amp;")
        return Reply(
            f"<OAI-PMH><ListRecords>{rows}<resumptionToken>{token}</resumptionToken></ListRecords></OAI-PMH>".encode()
        )

    def _error(self, code: str, words: str) -> Reply:
        return Reply(f'<OAI-PMH><error code="{code}">{words}</error></OAI-PMH>'.encode())


async def harvested(
    site: Site, http: Http, *, cursor: Cursor | None = None, pages: int | None = None, **asked: Any
) -> list[Page]:
    """The pages of a harvest, or the first few of them, as if it had been killed there."""
    wanted: dict[str, Any] = {"prefix": "arXiv", "sets": (), "since": MONDAY, "until": None, "now": NOW, **asked}
    found: list[Page] = []
    async for page in harvest(http, f"{site.url}/oai", cursor=cursor, **wanted):
        found.append(page)
        if len(found) == pages:
            break
    return found


def numbers(pages: Sequence[Page]) -> list[str]:
    return [each.paper.aliases[0].value for page in pages for each in page.announcements]


async def test_harvest_follows_its_tokens_and_says_when_it_is_finished(http: Http) -> None:
    async with Repository([MONDAY] * 5) as site:
        pages = await harvested(site, http, sets=["cs:cs:CL"], until=date(2026, 11, 20))
    assert [len(page.announcements) for page in pages] == [2, 2, 1]
    assert [finished(page.cursor) for page in pages] == [False, False, True]
    assert site.asked[0].query == {
        "verb": "ListRecords",
        "metadataPrefix": "arXiv",
        "set": "cs:cs:CL",
        "from": "2026-11-16",
        "until": "2026-11-20",
    }
    # The token stands alone, and comes back letter for letter, whatever signs it holds.
    assert site.asked[1].query == {"verb": "ListRecords", "resumptionToken": "2026-11-16+2026-11-20+cs:cs:CL&skip=2"}


async def test_sets_are_harvested_one_after_another(http: Http) -> None:
    async with Repository([MONDAY] * 3) as site:
        pages = await harvested(site, http, sets=["cs:cs:CL", "none", "math:math:NT"])
    assert [len(page.announcements) for page in pages] == [2, 1, 0, 2, 1]
    assert [asked.query.get("set") for asked in site.asked] == ["cs:cs:CL", None, "none", "math:math:NT", None]
    assert finished(pages[-1].cursor)


async def test_no_records_is_an_empty_page_and_no_error(http: Http) -> None:
    async with Repository([]) as site:
        (page,) = await harvested(site, http)
    assert not page.announcements
    assert finished(page.cursor)


async def test_long_answer_is_given_in_pages_and_asked_again_until_its_last_is_saved(http: Http) -> None:
    async with Repository([MONDAY] * 900, at_once=600) as site:
        pages = await harvested(site, http)
        assert [len(page.announcements) for page in pages] == [256, 256, 88, 256, 44]
        for saved, goes_on in ((0, 0), (1, 0), (2, 3), (3, 3)):
            again = await harvested(site, http, cursor=pages[saved].cursor)
            assert numbers(again) == numbers(pages[goes_on:])


async def test_old_paper_whose_metadata_changed_is_no_news(http: Http) -> None:
    async with Repository([]) as site:
        for name, since, expected in (
            ("ordinary_arxiv.xml", MONDAY, ["first", "published:10.1000/bells.4.11"]),
            ("ordinary_raw.xml", MONDAY, ["first", "replaced:v2", "withdrawn"]),
            ("ordinary_raw.xml", None, ["first", "first", "replaced:v2", "withdrawn"]),
        ):
            site.answers("/oai", Reply((ANSWERS / name).read_bytes()), Reply(b"<OAI-PMH><ListRecords/></OAI-PMH>"))
            pages = await harvested(site, http, since=since)
            assert [each.occasion for page in pages for each in page.announcements] == expected


async def test_paper_of_another_category_is_a_cross_list(http: Http) -> None:
    async with Repository([]) as site:
        for sets, types in (
            (["math:math:NT"], ["cross", "replace-cross", "withdrawn"]),
            (["cs:cs:CL", "cs:cs:LG"], ["new", "replace-cross", "withdrawn"]),
            (["cs"], ["new", "replace", "withdrawn"]),
            ([], ["new", "replace", "withdrawn"]),
        ):
            answer = (ANSWERS / "ordinary_raw.xml").read_bytes()
            site.answers("/oai", Reply(answer), *[Reply(b"<OAI-PMH><ListRecords/></OAI-PMH>")] * (len(sets) - 1))
            pages = await harvested(site, http, sets=sets)
            assert [each.type for page in pages for each in page.announcements] == types


async def test_token_that_has_run_out_begins_again_from_the_last_day_seen(http: Http) -> None:
    days = [MONDAY, MONDAY, MONDAY + timedelta(1), MONDAY + timedelta(1), MONDAY + timedelta(2)]
    async with Repository(days) as site:
        pages = await harvested(site, http, pages=2)
        site.forgets = 1
        pages += await harvested(site, http, cursor=pages[-1].cursor)
        assert [asked.query.get("from") for asked in site.asked][-3:] == [None, "2026-11-17", None]
    assert numbers(pages) == [f"2611.{number:05}" for number in (1, 2, 3, 4, 3, 4, 5)]
    assert finished(pages[-1].cursor)


async def test_token_that_runs_out_again_ends_the_harvest(http: Http) -> None:
    async with Repository([MONDAY] * 5) as site:
        site.forgets = 2
        with pytest.raises(
            SourceError, match=r"^arxiv: OAI-PMH: the site says badResumptionToken: that token has run out"
        ):
            await harvested(site, http)
    assert len(site.asked) == 4  # the list, its token, the list again, its token again


async def test_token_that_comes_again_and_again_does_not_hold_us(http: Http) -> None:
    async with Repository([MONDAY] * 9) as site:
        site.stuck = True
        with pytest.raises(SourceError, match="the same resumption token again and again"):
            await harvested(site, http)
    assert len(site.asked) == 2


async def test_list_without_end_is_left_after_a_hundred_answers_and_gone_on_with_later(http: Http) -> None:
    async with Repository([MONDAY] * 103, at_once=1) as site:
        pages = await harvested(site, http)
        assert len(site.asked) == 100
        assert not finished(pages[-1].cursor)
        pages += await harvested(site, http, cursor=pages[-1].cursor)
    assert len(set(numbers(pages))) == len(numbers(pages)) == 103


async def test_busy_site_says_how_long_to_wait_and_the_harvest_goes_on_from_its_cursor(http: Http) -> None:
    async with Repository([MONDAY] * 3) as site:
        (first,) = await harvested(site, http, pages=1)
        site.answers("/oai", Reply(b"busy", 503, {"Retry-After": "90"}))
        with pytest.raises(SourceError, match=r"^arxiv: .*503") as caught:
            await harvested(site, http, cursor=first.cursor)
        assert caught.value.retry_after == timedelta(seconds=90)
        rest = await harvested(site, http, cursor=first.cursor)
    assert numbers([first, *rest]) == ["2611.00001", "2611.00002", "2611.00003"]


@pytest.mark.parametrize(
    ("code", "words"), [("badArgument", "until is before from"), ("cannotDisseminateFormat", ""), ("badVerb", "what?")]
)
async def test_error_of_the_protocol_is_told_in_the_sites_words(http: Http, code: str, words: str) -> None:
    async with Site() as site:
        site.answers("/oai", Reply(f'<OAI-PMH><error code="{code}">{words}</error></OAI-PMH>'.encode()))
        with pytest.raises(SourceError) as caught:
            await harvested(site, http)
    assert str(caught.value) == f"arxiv: OAI-PMH: the site says {code}" + (f": {words}" if words else "")


async def test_answer_that_breaks_off_is_an_error_and_loses_nothing(http: Http) -> None:
    async with Repository([MONDAY] * 3) as site:
        site.answers("/oai", Reply((ANSWERS / "ordinary_raw.xml").read_bytes(), cut_after=700))
        with pytest.raises(SourceError, match="broke off before its end"):
            await harvested(site, http)
        assert len(numbers(await harvested(site, http))) == 3


async def test_harvest_under_way_keeps_its_own_days_and_a_finished_one_begins_anew(http: Http) -> None:
    async with Repository([MONDAY] * 3) as site:
        pages = await harvested(site, http)
        later = date(2026, 11, 20)
        assert numbers(await harvested(site, http, cursor=pages[0].cursor, since=later)) == ["2611.00003"]
        assert numbers(await harvested(site, http, cursor=pages[1].cursor, since=later)) == []
        assert site.asked[-1].query["from"] == "2026-11-20"


@pytest.mark.parametrize(
    "cursor",
    [{"set": "cs:cs:XX", "token": "t"}, {"set": "", "token": 7}, {"token": "t"}, {"etag": '"x"'}],
    ids=["another set", "no token", "no set", "another's"],
)
async def test_cursor_of_something_else_begins_the_harvest_anew(http: Http, cursor: Cursor) -> None:
    async with Repository([MONDAY]) as site:
        assert numbers(await harvested(site, http, cursor=cursor)) == ["2611.00001"]
    assert site.asked[0].query["from"] == "2026-11-16"


@settings(max_examples=40, deadline=None)
@given(
    gaps=st.lists(st.integers(0, 2), max_size=14),
    at_once=st.integers(1, 4),
    kills=st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=4),
)
def test_each_record_comes_once_and_none_is_lost_however_often_the_harvest_is_killed(
    gaps: list[int], at_once: int, kills: list[tuple[int, bool]]
) -> None:
    days = [MONDAY + timedelta(days=sum(gaps[: place + 1])) for place in range(len(gaps))]

    async def story() -> None:
        async with (
            Http("https://paperlark.example.org", HostPace(), seconds_apart=0, lanes={}, allow_private=True) as http,
            Repository(days, at_once) as site,
        ):
            every = {number for _, number in site.papers}
            whole = await harvested(site, http)
            assert numbers(whole) == sorted(every)

            pages: list[Page] = []
            cursor: Cursor = {}
            for survives, forgets in kills:
                site.forgets = int(forgets)
                pages += await harvested(site, http, cursor=cursor, pages=survives)
                cursor = json.loads(json.dumps(pages[-1].cursor))
                if finished(cursor):
                    break
            site.forgets = 0
            if not finished(cursor):
                pages += await harvested(site, http, cursor=cursor)
            assert set(numbers(pages)) == every
            if not any(forgets for _, forgets in kills):
                assert numbers(pages) == sorted(every)

    asyncio.run(story())


# ── real answers ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_real_answer_is_read_or_refused_in_one_line() -> None:
    papers = rejects = refused = 0
    for path in shared("oai_pmh"):
        try:
            found = parse(read(path), where=path.name, now=NOW)
        except SourceError as problem:
            assert str(problem).startswith(f"arxiv: {path.name}: ")
            assert "\n" not in str(problem)
            refused += 1
            continue
        papers += len({each.paper.aliases for each in found.announcements})
        rejects += len(found.rejects)
        for each in found.announcements:
            assert each.paper.authors
            assert each.paper.abstract
            assert each.paper.published_at
    assert (papers, rejects, refused) == (14, 16, 33)


def test_authors_of_real_metadata_files_are_those_between_the_commas() -> None:
    compared = 0
    for path in shared("arxiv_abs"):
        text = path.read_bytes().decode("utf-8", "replace")
        stated = re.search(r"^Authors?:(.*(?:\n  .*)*)", text, re.MULTILINE)
        assert stated, path.name
        names = split_authors(stated[1])
        assert names, path.name
        assert not any(set(name) & set(",;()") for name in names)
        if "(" not in stated[1] and "ollaboration" not in stated[1]:
            assert list(names) == re.split(r",? and |, ", " ".join(stated[1].split())), path.name
            compared += 1
    assert compared == 69
