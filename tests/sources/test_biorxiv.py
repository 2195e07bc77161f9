"""bioRxiv and medRxiv: their API played on loopback, and what their records become."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.http import Http
from paperlark.model.papers import Cursor, Page
from paperlark.model.problems import SourceError
from paperlark.sources import biorxiv, medrxiv
from paperlark.sources._flattened import text_of
from paperlark.sources._preprint_record import day_in, names_in, read_answer, read_publications, read_versions
from paperlark.sources.base import Saved
from paperlark.sources.biorxiv import Biorxiv
from paperlark.sources.medrxiv import Medrxiv
from paperlark.testing.biorxiv_site import BiorxivSite, post, publication
from paperlark.testing.sites import Reply, Site

from .conftest import shared

THURSDAY, FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2025, 11, day) for day in (6, 7, 8, 9, 10))
NOW = datetime(2025, 11, 10, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def doi(number: int) -> str:
    return f"10.1101/2025.11.01.{number:06}"


@pytest.fixture
async def site() -> AsyncIterator[BiorxivSite]:
    async with BiorxivSite([post(doi(1), FRIDAY), post(doi(2), MONDAY)]) as site:
        yield site


async def polled(site: BiorxivSite, http: Http, cursor: Cursor, now: datetime = NOW, **options: Any) -> list[Page]:
    source = Biorxiv("biorxiv", {"url": site.url, "journals": 0, **options}, http)
    return [page async for page in source.poll(cursor, now)]


def told(pages: list[Page]) -> list[tuple[str, str]]:
    """Each announcement's DOI and occasion."""
    return [(one.paper.aliases[0].value, one.occasion) for page in pages for one in page.announcements]


def offsets(site: BiorxivSite, day: date) -> list[int]:
    return [int(path[5]) for asked in site.asked if (path := asked.path.split("/"))[3] == str(day)]


# --- what is asked


async def test_asks_for_each_day_of_the_look_back_the_oldest_first(site: BiorxivSite, http: Http) -> None:
    await polled(site, http, {})
    assert [asked.path for asked in site.asked] == [
        f"/details/biorxiv/{day}/{day}/0/json" for day in (FRIDAY, SATURDAY, SUNDAY, MONDAY)
    ]


async def test_next_page_begins_after_the_records_that_were_given(site: BiorxivSite, http: Http) -> None:
    site.posts = [post(doi(number), FRIDAY) for number in range(65)]
    assert len(told(await polled(site, http, {}))) == 65
    assert offsets(site, FRIDAY) == [0, 30, 60]


@pytest.mark.parametrize("lengths", [[1], [30, 30, 5], [7, 100, 1, 1, 30]], ids=str)
@pytest.mark.parametrize("total", ["str", "int", "none"])
async def test_no_record_is_left_out_whatever_the_length_of_the_pages(
    http: Http, lengths: list[int], total: str
) -> None:
    posts = [post(doi(number), MONDAY) for number in range(sum(lengths))]
    every: dict[str, dict[str, Any]] = {"str": {"total": str(len(posts))}, "int": {"total": len(posts)}, "none": {}}
    async with BiorxivSite() as site:
        start = 0
        for length in lengths:
            body = {"messages": [{"status": "ok", **every[total]}], "collection": posts[start : start + length]}
            reply = Reply(json.dumps(body).encode(), content_type="application/json")
            site.answers(f"/details/biorxiv/{MONDAY}/{MONDAY}/{start}/json", reply)
            start += length
        assert len(told(await polled(site, http, {}, look_back=0))) == len(posts)


async def test_server_that_gives_the_same_page_again_and_again_does_not_hold_us(http: Http) -> None:
    async with BiorxivSite() as site:
        body = json.dumps({"messages": [{"status": "ok"}], "collection": [post(doi(1), MONDAY)]}).encode()
        for start in range(10):
            site.answers(f"/details/biorxiv/{MONDAY}/{MONDAY}/{start}/json", *[Reply(body)] * 3)
        assert told(await polled(site, http, {}, look_back=0)) == [(doi(1), "first")]
        assert offsets(site, MONDAY) == [0, 1]


async def test_day_whose_first_page_is_as_it_was_costs_one_request(site: BiorxivSite, http: Http) -> None:
    site.posts = [post(doi(number), FRIDAY) for number in range(65)]
    cursor = (await polled(site, http, {}))[-1].cursor
    site.asked.clear()
    again = await polled(site, http, cursor)
    assert len(site.asked) == 4
    assert all(page.unchanged for page in again)
    assert again[-1].cursor == cursor


async def test_later_days_are_read_again_with_an_earlier_one_so_that_the_highest_version_has_the_last_word(
    site: BiorxivSite, http: Http
) -> None:
    site.posts = [post(doi(1), FRIDAY), post(doi(1), MONDAY, 2, title="The second version")]
    cursor = (await polled(site, http, {}))[-1].cursor
    site.posts.insert(0, post(doi(9), FRIDAY))
    pages = await polled(site, http, cursor)
    assert told(pages) == [(doi(9), "first"), (doi(1), "first"), (doi(1), "replaced:v2")]
    assert pages[-1].announcements[-1].paper.title == "The second version"


async def test_poll_cut_off_after_an_earlier_day_reads_the_later_ones_again(site: BiorxivSite, http: Http) -> None:
    cursor = (await polled(site, http, {}))[-1].cursor
    site.posts.append(post(doi(9), FRIDAY))
    cut_off = (await polled(site, http, cursor))[0]
    assert told([cut_off]) == [(doi(1), "first"), (doi(9), "first")]
    assert told(await polled(site, http, cut_off.cursor)) == [(doi(2), "first")]


async def test_every_day_of_an_outage_is_read_afterwards(site: BiorxivSite, http: Http) -> None:
    cursor = (await polled(site, http, {}))[-1].cursor
    site.posts += [post(doi(10 + days), MONDAY + days * DAY) for days in range(1, 21)]
    pages = await polled(site, http, cursor, NOW + 20 * DAY)
    assert told(pages) == [(doi(10 + days), "first") for days in range(1, 21)]


async def test_after_a_year_away_only_the_last_three_months_are_read(site: BiorxivSite, http: Http) -> None:
    cursor = (await polled(site, http, {}))[-1].cursor
    site.asked.clear()
    await polled(site, http, cursor, NOW + 365 * DAY)
    assert len(site.asked) == 93


async def test_move_for_good_is_told_of_the_api_and_not_of_one_days_address(site: BiorxivSite, http: Http) -> None:
    async with Site() as former:
        path = f"/details/biorxiv/{MONDAY}/{MONDAY}/0/json"
        former.answers(path, Reply(status=301, headers={"Location": site.url + path}))
        source = Biorxiv("biorxiv", {"url": former.url, "look_back": 0, "journals": 0}, http)
        (page,) = [page async for page in source.poll({}, NOW)]
    assert told([page]) == [(doi(2), "first")]
    assert page.manners is not None
    assert page.manners.moved_to == site.url


async def test_validators_are_echoed_and_a_304_is_no_news(site: BiorxivSite, http: Http) -> None:
    body = json.dumps({"messages": [{"status": "ok", "total": "1"}], "collection": [post(doi(2), MONDAY)]}).encode()
    reply = Reply(body, headers={"ETag": '"a"'})
    site.answers(f"/details/biorxiv/{MONDAY}/{MONDAY}/0/json", reply, reply)
    (page,) = await polled(site, http, {}, look_back=0)
    (again,) = await polled(site, http, page.cursor, look_back=0)
    assert site.asked[-1].headers["If-None-Match"] == '"a"'
    assert (again.announcements, again.unchanged) == ((), True)


# --- completeness and quiet


async def test_empty_weekend_is_quiet_and_an_empty_weekday_is_not(site: BiorxivSite, http: Http) -> None:
    site.posts = []
    pages = await polled(site, http, {}, look_back=4)
    stated = {page.stated.day: (page.stated.quiet, page.stated.expected) for page in pages if page.stated}
    assert stated == {
        THURSDAY: (False, 0),
        FRIDAY: (False, 0),
        SATURDAY: (True, 0),
        SUNDAY: (True, 0),
        MONDAY: (False, 0),
    }
    assert [page.unchanged for page in pages] == [False, False, False, True, True]  # two are not due yet


async def test_day_that_gives_fewer_than_it_states_is_said_to_be_partial_and_read_again(
    site: BiorxivSite, http: Http
) -> None:
    site.hidden = 2
    pages = await polled(site, http, {})
    friday = pages[0].stated
    assert friday is not None
    assert (friday.told, friday.expected) == (1, 3)
    assert told(await polled(site, http, pages[-1].cursor)) == [(doi(1), "first"), (doi(2), "first")]


async def test_record_given_twice_by_a_list_that_grew_counts_once(http: Http) -> None:
    async with BiorxivSite() as site:
        for start, (posts, total) in {0: ([1, 2], 3), 2: ([2, 3], 4)}.items():
            body = {"messages": [{"total": total}], "collection": [post(doi(number), MONDAY) for number in posts]}
            site.answers(f"/details/biorxiv/{MONDAY}/{MONDAY}/{start}/json", Reply(json.dumps(body).encode()))
        (page,) = await polled(site, http, {}, look_back=0)
        assert told([page]) == [(doi(1), "first"), (doi(2), "first"), (doi(3), "first")]
        assert page.stated is not None
        assert (page.stated.told, page.stated.expected) == (3, 4)


async def test_busy_day_comes_in_pages_and_is_known_after_the_last_only(site: BiorxivSite, http: Http) -> None:
    site.posts = [post(doi(number), MONDAY) for number in range(300)]
    pages = await polled(site, http, {}, look_back=0)
    assert [len(page.announcements) for page in pages] == [256, 44]
    assert pages[0].cursor == {"days": {}}
    assert list(pages[1].cursor["days"]) == [str(MONDAY)]


@pytest.mark.parametrize(
    ("now", "day", "due", "quiet"),
    [
        ("2025-11-10T09:00", "2025-11-07", "2025-11-09", True),  # a Monday is due on Wednesday; Friday was on Sunday
        ("2025-11-11T23:59", "2025-11-07", "2025-11-09", False),
        ("2025-11-12T00:00", "2025-11-10", "2025-11-12", False),
        ("2025-11-29T12:00", "2025-11-26", "2025-11-28", True),  # Thanksgiving is not counted on
        ("2025-12-27T12:00", "2025-12-23", "2025-12-25", True),
    ],
)
def test_weekdays_other_than_holidays_are_expected_a_day_after_their_end(
    now: str, day: str, due: str, quiet: bool, http: Http
) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    expected = Biorxiv("biorxiv", {}, http).expected(moment)
    assert str(expected.day) == day
    assert expected.due_at == datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert expected.due_at <= moment < expected.next_at
    assert expected.quiet is (moment.weekday() >= 5)


@given(st.dates(date(2020, 1, 1), date(2035, 1, 1)), st.integers(0, 23), st.sampled_from(["", "zoology"]))
def test_what_is_expected_never_runs_ahead_and_never_falls_back(day: date, hour: int, category: str) -> None:
    now = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    source = Biorxiv("biorxiv", {"category": category}, None)  # type: ignore[arg-type]
    earlier, later = source.expected(now), source.expected(now + DAY)
    assert earlier.day <= later.day < (now + DAY).date()
    assert earlier.due_at <= now < earlier.next_at


def test_small_category_may_be_silent_for_two_weeks(http: Http) -> None:
    assert Biorxiv("b", {"category": "Paleontology"}, http).expected(NOW).day == date(2025, 10, 24)


# --- categories


async def test_category_is_asked_for_with_underscores_and_silence_in_it_is_quiet(site: BiorxivSite, http: Http) -> None:
    site.posts.append(post(doi(3), MONDAY, category="neuroscience"))
    pages = await polled(site, http, {}, category="Cell Biology")
    assert {asked.query["category"] for asked in site.asked} == {"cell_biology"}
    assert told(pages) == [(doi(1), "first"), (doi(2), "first")]
    empty = await polled(site, http, {}, category="neuroscience", look_back=3)
    assert [page.stated.quiet for page in empty if page.stated] == [True, True, True, False]


async def test_category_that_the_server_leaves_out_of_account_is_an_error(site: BiorxivSite, http: Http) -> None:
    with pytest.raises(SourceError, match=r"^biorxiv: the server knows no category 'cell_biolgy'$"):
        await polled(site, http, {}, category="cell biolgy")


# --- versions and publications


def test_versions_fold_by_doi_and_the_highest_is_the_paper() -> None:
    rows = [post(doi(1), FRIDAY, 10, title="Tenth"), post(doi(1), FRIDAY, 9, title="Ninth"), post(doi(1), FRIDAY)]
    found = read_versions(rows, kind="biorxiv", where="x").announcements
    assert [(one.occasion, one.type, one.paper.title) for one in found] == [
        ("first", "new", "Tenth"),
        ("replaced:v10", "replace", "Tenth"),
    ]


def test_revision_of_what_was_never_seen_is_not_told_as_new() -> None:
    (found,) = read_versions([post(doi(1), FRIDAY, 2)], kind="biorxiv", where="x").announcements
    assert (found.occasion, found.type) == ("replaced:v2", "replace")


@pytest.mark.parametrize(
    "words",
    [
        {"title": "WITHDRAWN: On counting"},
        {"abstract": "The authors have withdrawn this manuscript owing to an error."},
        {"abstract": "Withdrawal statement: The authors do not wish it to be cited."},
        {"abstract": "This manuscript has been withdrawn by bioRxiv."},
    ],
)
def test_withdrawal_is_told_as_one(words: dict[str, str]) -> None:
    (found,) = read_versions([post(doi(1), FRIDAY, 2, **words)], kind="biorxiv", where="x").announcements
    assert (found.occasion, found.type) == ("withdrawn", "withdrawn")


def test_paper_that_speaks_of_withdrawal_is_not_withdrawn() -> None:
    row = post(doi(1), FRIDAY, 2, title="Withdrawal of serotonin", abstract="Nicotine was withdrawn from mice.")
    (found,) = read_versions([row], kind="biorxiv", where="x").announcements
    assert found.type == "replace"


def test_journals_doi_is_an_announcement_and_a_name_of_the_paper() -> None:
    row = post(doi(1), FRIDAY, published="https://doi.org/10.7554/eLife.00001")
    first, published = read_versions([row], kind="biorxiv", where="x").announcements
    assert (published.occasion, published.type) == ("published:10.7554/elife.00001", "published")
    assert [str(alias) for alias in first.paper.aliases] == [f"doi:{doi(1)}", "doi:10.7554/elife.00001"]


@pytest.mark.parametrize("nothing", ["NA", "", "n/a", "soon", doi(1).upper()])
def test_what_is_no_journals_doi_is_no_publication(nothing: str) -> None:
    row = post(doi(1), FRIDAY, published=nothing)
    assert len(read_versions([row], kind="biorxiv", where="x").announcements) == 1


async def test_publications_of_older_preprints_are_asked_for_once_a_day(site: BiorxivSite, http: Http) -> None:
    site.published = [publication(f"10.1101/{number:06}", f"10.1234/j.{number}", THURSDAY) for number in range(120)]
    pages = await polled(site, http, {}, journals=14)
    assert [asked.path for asked in site.asked if "pubs" in asked.path] == [
        f"/pubs/biorxiv/2025-10-27/2025-11-10/{start}/json" for start in (0, 100)
    ]
    published = [one for page in pages for one in page.announcements if one.type == "published"]
    assert len(published) == 120
    assert published[7].occasion == "published:10.1234/j.7"
    assert published[7].announced_at.date() == THURSDAY
    assert published[7].paper.published_at == datetime(2025, 1, 7, tzinfo=UTC)

    cursor = pages[-1].cursor
    assert told(await polled(site, http, cursor, journals=14)) == []
    assert len(told(await polled(site, http, cursor, NOW + DAY, journals=14))) == 120


async def test_publications_are_known_after_the_last_page_of_them_only(site: BiorxivSite, http: Http) -> None:
    site.published = [publication(f"10.1101/{number:06}", f"10.1234/j.{number}", FRIDAY) for number in range(300)]
    pages = [page for page in await polled(site, http, {}, journals=14) if page.stated is None]
    assert [len(page.announcements) for page in pages] == [256, 44]
    assert [page.cursor.get("journals") for page in pages] == [None, str(MONDAY)]


async def test_publications_that_cannot_be_had_leave_the_days_standing(site: BiorxivSite, http: Http) -> None:
    site.answers(f"/pubs/biorxiv/2025-10-27/{MONDAY}/0/json", Reply(b"", 503))
    source = Biorxiv("biorxiv", {"url": site.url}, http)
    pages = []
    with pytest.raises(SourceError, match=r"^biorxiv: 127\.0\.0\.1: 503"):
        async for page in source.poll({}, NOW):
            pages.append(page)  # noqa: PERF401 - what came before the error is what is asked about
    assert told(pages) == [(doi(1), "first"), (doi(2), "first")]
    assert "journals" not in pages[-1].cursor


async def test_publications_of_other_categories_are_left_out_and_none_is_no_failure(
    site: BiorxivSite, http: Http
) -> None:
    site.published = [publication("10.1101/000001", "10.1234/j.1", FRIDAY, preprint_category="neuroscience")]
    pages = await polled(site, http, {}, journals=14, category="cell biology")
    assert (pages[-1].announcements, pages[-1].unchanged) == ((), True)


def test_publication_without_either_doi_is_a_reject() -> None:
    rows = [publication("NA", "10.1234/j.1", FRIDAY), publication(doi(1), "NA", FRIDAY), "cut"]
    rejects = read_publications(rows, kind="biorxiv", where="x").rejects
    assert [(reject.where, reject.reason) for reject in rejects] == [
        ("x: record 1", "the record has no DOI of the preprint"),
        ("x: record 2", "the record has no DOI of the journal"),
        ("x: record 3", "what stands here is no record"),
    ]


# --- the records' own oddities


@given(st.dates(date(1900, 1, 1)))
def test_day_is_read_with_its_zeros_or_without(day: date) -> None:
    assert day_in(f"{day.year:04}-{day.month}-{day.day}") == day_in(day.isoformat()) == day


@pytest.mark.parametrize("text", ["", "NA", "2026-13-01", "2026-02-30", "yesterday", None, 20260101])
def test_what_is_no_day_is_none(text: Any) -> None:
    assert day_in(text) is None


@pytest.mark.parametrize(
    ("listed", "spoken"),
    [
        ("Lovelace, A. K.; Turing, A.", ["A. K. Lovelace", "A. Turing"]),
        ("de Groot, C.; Smith, J., Jr.;", ["C. de Groot", "J. Smith Jr."]),
        ("The Example Consortium", ["The Example Consortium"]),
        (" ; ,;Only,", ["Only"]),
    ],
)
def test_names_are_told_as_they_are_spoken(listed: str, spoken: list[str]) -> None:
    assert list(names_in(listed)) == spoken


@pytest.mark.parametrize(
    ("flattened", "text"),
    [
        ("AO_SCPLOWBSTRACTC_SCPLOWWhen owls sing", "When owls sing"),
        ("We built MO_SCPLOWETAC_SCPLOWMO_SCPLOWUSEC_SCPLOW.", "We built METAMUSE."),
        ("Done.\n\nHighlightsO_LIOne thing\nC_LIO_LIACC and two\nC_LI", "Done. Highlights One thing ACC and two"),
        ("BackgroundOwls sing.\n\nMethodsWe listened.", "Background: Owls sing. Methods: We listened."),
        ("Methodsology of Backgrounds", "Methodsology of Backgrounds"),
        ("ContextO_ST_ABSBefore this studyC_ST_ABSLittle was known", "Context Before this study: Little was known"),
        ("TGF-{beta} and {Delta}G at 37 {degrees}C {+/-} 1 {unknown}", "TGF-β and ΔG at 37 °C ± 1 {unknown}"),
        ("p < 0.05 &amp; <i>n</i> > 3, MAX_LINE stays_put", "p < 0.05 & n > 3, MAX_LINE stays_put"),
        (
            'Before.\n\nO_FIG O_LINKSMALLFIG WIDTH=200 SRC="a.gif" ALT="Fig 1">\nView larger version (51K):\n'
            "org.example.dtl.DTLVardef@d8_FORMAT_FIGEXP  M_FIG A caption. C_FIG After.",
            "Before. After.",
        ),
        (
            'Before. O_FIG O_LINKSMALLFIG WIDTH=200 SRC="a.gif" ALT="Figure 1">\nView larger version (20K):\n'
            "org.highwire.dtl.DTLVardef@12acorg.highwire.dtl.DTLVardef@1e_HPS_FORMAT_FIGEXP  M_FIG After.",
            "Before. After.",
        ),
        ("NA", ""),
        (None, ""),
    ],
)
def test_what_jats_left_behind_is_taken_out_of_a_text(flattened: Any, text: str) -> None:
    assert text_of(flattened) == text


@given(st.text(st.sampled_from("AO_CFIGSLBT{}<>& \nbeta"), max_size=400))
def test_any_flattened_text_becomes_one_line(flattened: str) -> None:
    text = text_of(flattened)
    assert text == " ".join(text.split())


VALUE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.lists(st.integers(), max_size=2)
)
FIELDS = st.sampled_from(sorted({*post(doi(1), FRIDAY), *publication(doi(1), "10.1/x", FRIDAY)}))


@given(st.lists(st.one_of(VALUE, st.dictionaries(FIELDS, VALUE)), max_size=4), st.booleans())
def test_any_record_is_read_or_rejected(records: list[Any], good: bool) -> None:
    records += [post(doi(1), FRIDAY)] * good
    found = read_versions(records, kind="biorxiv", where="x", day=FRIDAY)
    assert bool(found.announcements) >= good
    read_publications(records, kind="biorxiv", where="x")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the answer is empty; a list"),
        (b"<html>Sorry</html>", "the answer is a web page"),
        (b'{"messages":', "the answer is not JSON"),
        (b"[]", "no list of preprints"),
        (b'{"collection": {}}', "no list of preprints"),
        (b'{"messages": [{"status": "error: bad interval"}]}', "the API says: error: bad interval"),
        (b'{"messages": [{"status": "no database"}], "collection": []}', "the API says: no database"),
        (b'{"messages": [], "collection": []}', "says nothing of why"),
    ],
)
def test_answer_that_is_none_is_refused_in_one_line(body: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=rf"^medrxiv: 2025-11-07: .*{words}"):
        read_answer(body, kind="medrxiv", where="2025-11-07")


async def test_empty_answer_with_status_200_is_a_failure_and_no_quiet_day(site: BiorxivSite, http: Http) -> None:
    site.answers(f"/details/biorxiv/{SATURDAY}/{SATURDAY}/0/json", Reply(b""))
    with pytest.raises(SourceError, match=r"^biorxiv: 2025-11-08: the answer is empty"):
        await polled(site, http, {})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"look_back": 32}, "look_back is a number of days from 0 to 31"),
        ({"journals": True}, "journals is a number of days from 0 to 92"),
        ({"category": 7}, "category is a text"),
        ({"url": "ftp://example.org"}, "no http or https address"),
    ],
)
def test_bad_option_is_refused_when_the_source_is_made(options: dict[str, Any], words: str, http: Http) -> None:
    with pytest.raises(SourceError, match=rf"^medrxiv: .*{words}"):
        Medrxiv("m", options, http)


async def test_medrxiv_is_asked_by_its_own_name_and_links_to_its_own_site(http: Http) -> None:
    async with BiorxivSite([post(doi(1), MONDAY, type="PUBLISHAHEADOFPRINT")], server="medrxiv") as site:
        source = Medrxiv("medrxiv", {"url": site.url, "look_back": 0, "journals": 0}, http)
        (page,) = [page async for page in source.poll({}, NOW)]
    assert page.announcements[0].paper.url == f"https://www.medrxiv.org/content/{doi(1)}"


# --- real answers


def real(folder: str) -> bytes:
    (path,) = (path for path in shared("multi_api") if path.parent.name == folder and "response" in path.name)
    return path.read_bytes()


def test_real_answer_holds_50_versions_and_no_reject() -> None:
    body = real("biorxiv")
    answer = read_answer(body, kind="biorxiv", where="real")
    assert (len(answer.records), answer.total) == (50, 152_918)
    page = biorxiv.parse_saved(Saved("real.json", body, FRIDAY))
    assert not page.rejects
    types = [one.type for one in page.announcements]
    papers = {one.paper.aliases[0] for one in page.announcements}
    assert (len(papers), types.count("replace"), types.count("published")) == (40, 40, 23)
    for one in page.announcements:
        assert len(one.paper.abstract) > 300
        assert one.paper.authors
        assert one.paper.organisation
        assert not {"O_", "C_", "{beta}"} & {word[:2] for word in one.paper.abstract.split()}
    assert biorxiv.looks_like("real.json", body[: 64 * 1024])


def test_real_answers_for_single_dois_are_medrxivs() -> None:
    for single in json.loads(real("medrxiv")):
        body = json.dumps(single["raw_response"]).encode()
        page = medrxiv.parse_saved(Saved("single.json", body, FRIDAY))
        assert page.announcements[0].occasion == "first"
        assert page.announcements[0].paper.aliases[0].value == single["doi"]
        assert medrxiv.looks_like("single.json", body)
        assert not biorxiv.looks_like("single.json", body)
