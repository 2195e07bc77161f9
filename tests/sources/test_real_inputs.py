"""The sources on real inputs, by their counts. Skipped where the inputs are not."""

import asyncio
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from paperlark.http import Http
from paperlark.model.papers import Page
from paperlark.model.problems import SourceError
from paperlark.sources import capture, hf_daily, jsonl, rss
from paperlark.sources._feedworker import FeedWorker
from paperlark.sources.base import Saved
from paperlark.testing.sites import Reply, Site

from .conftest import read, shared

CAPTURED_ON = date(2025, 12, 9)


def capture_pages() -> dict[str, Page]:
    files = [path for path in shared("captures") if path.suffix == ".txt"]
    return {path.name: capture.parse_saved(Saved(path.name, path.read_bytes(), CAPTURED_ON)) for path in files}


def test_four_captures_hold_394_records_and_no_reject() -> None:
    pages = capture_pages()
    assert [len(page.announcements) for page in pages.values()] == [109, 47, 119, 119]
    assert not any(page.rejects for page in pages.values())


def test_captures_have_142_feet_of_which_four_name_an_organisation() -> None:
    papers = [told.paper for page in capture_pages().values() for told in page.announcements]
    assert sum(paper.author_count is not None for paper in papers) == 138
    assert sorted(paper.organisation for paper in papers if paper.organisation) == [
        "Deepmind",
        "NJU-IRP",
        "NJU-IRP",
        "ZIP Lab",
    ]
    assert all(len(paper.abstract) > 500 for paper in papers)


def test_nothing_in_a_capture_is_announced_after_its_day() -> None:
    for page in capture_pages().values():
        assert all(told.announced_at.date() <= CAPTURED_ON for told in page.announcements)


def test_hugging_face_files_hold_1746_papers_and_82_rejects_each_on_its_day() -> None:
    papers = rejects = 0
    for path in shared("hf_daily_api"):
        page = hf_daily.parse_saved(Saved(path.name, read(path), CAPTURED_ON))
        papers += len(page.announcements)
        rejects += len(page.rejects)
        assert all(told.announced_at.date().isoformat() == path.stem for told in page.announcements), path.name
        assert all("\n" not in told.paper.title + told.paper.abstract for told in page.announcements), path.name
    assert (papers, rejects) == (1746, 82)


def test_each_hugging_face_file_is_guessed() -> None:
    for path in shared("hf_daily_api"):
        assert hf_daily.looks_like(path.name, read(path)[: 64 * 1024]), path.name


def resident(pid: int | str = "self", line: str = "VmRSS") -> int:
    """What a process holds in memory now (VmRSS), or held at most (VmHWM), in kB."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("memory is measured through /proc")
    return next(int(row.split()[1]) for row in status.read_text().splitlines() if row.startswith(line))


def test_bulk_lines_are_read_page_by_page_in_little_memory() -> None:
    (path,) = shared("arxiv_bulk")
    before = most = resident()
    count = 0
    with path.open("rb") as stream:
        lines = jsonl.open_lines(stream, path.name)
        for page in jsonl.parse_lines(lines, where=path.name, captured_on=CAPTURED_ON):
            assert len(page.announcements) <= 256
            assert not page.rejects
            count += len(page.announcements)
            most = max(most, resident())
    assert count == 20_000
    assert most - before < 16 * 1024  # kB; the lines are 35 MB


async def test_journal_feeds_give_1331_entries_and_no_reject() -> None:
    entries = 0
    for path in shared("journal_rss"):
        page = await rss.read_saved(Saved(path.name, path.read_bytes(), date(2021, 12, 22)))
        entries += len(page.announcements)
        assert not page.rejects, path.name
        assert all("<p>" not in told.paper.abstract for told in page.announcements)
    assert entries == 1331


async def test_arxiv_feeds_say_what_kind_of_announcement_each_is() -> None:
    for path in shared("arxiv_generated"):
        page = await rss.read_saved(Saved(path.name, path.read_bytes(), date(2026, 11, 21)))
        if "weekend" in path.name:
            assert page.stated is not None
            assert page.stated.quiet
        else:
            kinds = [told.type for told in page.announcements]
            assert [kinds.count(kind) for kind in ("new", "cross", "replace", "replace-cross")] == [151, 70, 55, 24]
            assert all(told.paper.aliases[0].scheme == "arxiv" for told in page.announcements)


@pytest.mark.parametrize("folder", ["feeds", "feed_literals", "feedvalidator"])
async def test_other_readers_feeds_are_read_or_refused_in_one_line(folder: str) -> None:
    worker = FeedWorker()
    read_well = 0
    for path in [path for path in shared(folder) if path.suffix in (".xml", ".rss", ".atom", ".rdf")][::4]:
        try:
            page = await worker.read(path.read_bytes(), where=path.name, now=datetime(2026, 1, 1, tzinfo=UTC))
            read_well += bool(page.announcements)
        except SourceError as problem:
            assert "\n" not in str(problem)
            assert "Error)" not in str(problem), path  # nothing that the parser did not expect
    worker.close()
    assert read_well > 5


async def test_no_hostile_feed_hangs_crashes_or_fills_the_memory() -> None:
    worker = FeedWorker()
    fates = {}
    for path in shared("hostile"):
        if "gzip_bomb" in path.name:
            continue
        began = time.perf_counter()
        try:
            page = await worker.read(read(path), where=path.name, now=datetime(2026, 1, 1, tzinfo=UTC))
            fates[path.name.partition(".")[0]] = f"{len(page.announcements)}"
        except SourceError as problem:
            fates[path.name.partition(".")[0]] = str(problem).partition(": ")[2].partition(": ")[2]
        assert time.perf_counter() - began < 12, path.name
        assert worker.pid is None or resident(worker.pid, "VmHWM") < 300 * 1024, path.name
    worker.close()
    assert fates == {
        "attr_bomb": "one tag of the feed is longer than 64 KiB, which is refused",
        "deep_nesting_100k": "0",
        "description_30MB": "larger than 5 MiB",
        "dup_guids_nodates": "3",
        "html_error_page": "this is a web page, not a feed, and it names none; give the feed's own address",
        "items_50k": "larger than 5 MiB",
        "null_bytes": "1",
        "truncated": "1",
    }


async def test_gzip_bomb_is_given_up_at_the_size_limit_in_little_memory(http: Http) -> None:
    (path,) = (path for path in shared("hostile") if "gzip_bomb" in path.name)
    before = most = resident()

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, resident())
            await asyncio.sleep(0.002)

    watching = asyncio.create_task(watch())
    async with Site() as site:
        site.answers("/feed", Reply(path.read_bytes(), headers={"Content-Encoding": "gzip"}))
        source = rss.Rss("bomb", {"url": f"{site.url}/feed"}, http)
        async with asyncio.timeout(12):
            with pytest.raises(SourceError, match=r"^rss: 127\.0\.0\.1: the answer is larger than 5 MiB$"):
                [page async for page in source.poll({}, datetime(2026, 1, 1, tzinfo=UTC))]
    watching.cancel()
    assert most - before < 64 * 1024  # kB, of 1 GiB
