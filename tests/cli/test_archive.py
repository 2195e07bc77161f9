"""Import, papers, explain, backtest: what they do when all is well."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

from paperlark.matching.document import analyse
from paperlark.matching.query import parse
from paperlark.matching.reference import meets
from paperlark.readers.sparkline import NO_BAR
from paperlark.settings import load
from paperlark.store import papers
from paperlark.store.database import open_store
from paperlark.store.rows import scalars
from paperlark.store.tables import PAPER
from tests.cli.conftest import SAMPLE, Lark, write_recent

# ── import and papers ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_import_counts_records_papers_and_what_is_new(lark: Lark) -> None:
    assert lark.well("import", SAMPLE, "--json").record == {"records": 30, "papers": 30, "new": 30, "rejects": []}
    assert lark.well("import", SAMPLE).out == "30 records, 30 papers, 0 new, 0 rejects\n"


def test_an_import_announces_only_where_it_is_asked_to(lark: Lark) -> None:
    lark.well("profiles", "add", "agent* memory", "--name", "agents")
    lark.well("subscribe", "agents", "--to", "console", "me", "--cadence", "instant")
    lark.well("import", SAMPLE)
    assert lark.well("deliver").out == "nothing is due\n"


def test_a_date_that_is_given_is_the_year_of_a_capture(lark: Lark, tmp_path: Path) -> None:
    listing = Path(__file__).parent.parent / "data" / "capture" / "ordinary.txt"
    lark.well("import", listing, "--as", "capture", "--captured-on", "2021-12-31")
    assert {record["announced_at"][:4] for record in lark.well("papers", "--json").records} == {"2021"}


def test_papers_are_what_the_reference_finds_best_first_with_the_words_that_met(lark: Lark, database: Path) -> None:
    query = "agent* OR title:video"
    found = lark.well("papers", query, "--json").records
    assert {record["id"] for record in found} == asyncio.run(by_reference(database, query))
    assert [record["score"] for record in found] == sorted((record["score"] for record in found), reverse=True)
    for record in found:
        assert record["matched"]
        assert record["aliases"][0].startswith("arxiv:")
        assert datetime.fromisoformat(record["first_seen"]).tzinfo is not None
        for span in record["matched"]:
            assert record[span["field"]][span["start"] : span["end"]] == span["text"]


async def by_reference(database: Path, query: str) -> set[str]:
    """The ids of all papers that meet a query, by the plain evaluator over the whole archive."""
    store = await open_store(load({"PAPERLARK_DATABASE_URL": str(database)}).database_url)
    async with store.reading() as tx:
        stored = await papers.load(tx, await scalars(tx, PAPER.select().with_only_columns(PAPER.c.id)))
    await store.close()
    return {str(number) for number, paper in stored.items() if meets(parse(query), analyse(papers.document(paper)))}


def test_all_papers_are_listed_unless_a_limit_is_given(lark: Lark, database: Path) -> None:
    everything = lark.well("papers").out.splitlines()
    assert len(everything) == 30
    assert lark.well("papers", "--limit", "3").out.splitlines() == everything[:3]
    day, name, title = everything[0].split("\t")
    assert day[:2] == "20" and name.startswith("arxiv:") and title


def test_a_search_is_narrowed_by_options(lark: Lark, database: Path) -> None:
    everything = lark.well("papers", "--json").records
    author = next(record["authors"][0] for record in everything if record["authors"])
    day = sorted({record["announced_at"][:10] for record in everything})[0]
    by_author = {record["id"] for record in everything if author in record["authors"]}
    assert by_author <= {record["id"] for record in lark.well("papers", "--author", author, "--json").records}
    on_that_day = {record["id"] for record in everything if record["announced_at"][:10] == day}
    found = lark.well("papers", "--since", day, "--until", day, "--json").records
    assert {record["id"] for record in found} == on_that_day
    assert lark.well("papers", "--cat", "nowhere").out == ""


def test_what_narrows_nothing_is_refused_in_one_line(lark: Lark, database: Path) -> None:
    for options in (["--org", "?"], ["--since", "2026-02-02", "--until", "2026-02-01"]):
        refused = lark("papers", *options)
        assert refused.status == 1 and refused.err.count("\n") == 1 and refused.err.startswith("paperlark: ")


def test_similar_names_are_listed_with_their_papers(lark: Lark, database: Path) -> None:
    author = next(record["authors"][0] for record in lark.well("papers", "--json").records if record["authors"])
    first = lark.well("names", author, "--json").records[0]
    assert (first["name"], first["likeness"]) == (author, "same") and first["papers"] >= 1
    assert lark.well("names", author).out.splitlines()[0] == f"{author}\t{first['papers']}"
    assert lark.well("names", "Zzyzx Qwertz").out == ""


def test_a_search_in_vain_prints_nothing_into_a_pipe(lark: Lark, database: Path) -> None:
    assert lark.well("papers", "zymurgy").out == ""


def test_the_shared_captures_are_338_papers(lark: Lark, shared_data: Path) -> None:
    captures = sorted((shared_data / "captures").glob("*.txt"))
    done = lark.well("import", *captures, "--json")
    assert done.record == {"records": 394, "papers": 338, "new": 338, "rejects": []}
    query = '"inference scaling" OR "test-time scaling"'
    found = lark.well("papers", query, "--json").records
    assert len(found) > 20
    assert {record["id"] for record in found} == asyncio.run(by_reference(lark.database, query))


def test_the_shared_digests_are_taken_and_the_corrupt_ones_counted(lark: Lark, shared_data: Path) -> None:
    digests = sorted(path for path in (shared_data / "hf_daily_api").iterdir() if path.is_file())
    done = lark("import", *digests, "--json")
    assert (done.status, done.err) == (0, "")
    assert (done.record["records"], done.record["papers"], len(done.record["rejects"])) == (1746, 1746, 82)
    assert all(reject["where"] and reject["reason"] for reject in done.record["rejects"])


# ── explain and backtest ─────────────────────────────────────────────────────────────────────────────────────────────


def test_explain_says_why_and_why_not(lark: Lark, database: Path) -> None:
    met = lark.well("explain", "title:quantization", "2505.14302", "--json").record
    assert met["met"] is True
    assert [span["text"] for span in met["matched"]] == ["Quantization"]
    assert met["paper"]["title"] == "Scaling Law for Quantization-Aware Training"
    assert (
        lark.well("explain", "title:quantization", "2505.14302").out.splitlines()[-1].startswith("it meets the query")
    )
    missed = lark.well("explain", "title:video", "2505.14302", "--json").record
    assert missed["met"] is False
    assert missed["matched"] == [] and "video" in missed["sentence"]


def test_backtest_counts_papers_a_day_and_names_the_noisiest_term(lark: Lark, tmp_path: Path) -> None:
    lark.well("import", write_recent(tmp_path))
    found = lark.well("backtest", "wasps, figs", "--days", "10", "--json").record
    assert [day["papers"] for day in found["per_day"]][-8:] == [1] * 7 + [0]
    assert (found["total"], len(found["per_day"]), len(found["examples"])) == (7, 10, 5)
    assert found["noisiest"] == {"term": "wasps", "papers": 7, "alone": 5}
    assert found["terms"][1] == {"term": "figs", "papers": 2, "alone": 0}
    assert found["examples"][0]["title"] == "On Wasps and Figs 0"


def test_backtest_counts_only_what_lies_within_the_days(lark: Lark, tmp_path: Path) -> None:
    lark.well("import", write_recent(tmp_path))
    found = lark.well("backtest", "wasps", "--days", "3", "--json").record
    assert (found["total"], found["noisiest"]) == (2, None)


def test_backtest_counts_a_paper_on_the_day_it_was_first_announced(lark: Lark, tmp_path: Path) -> None:
    lark.well("import", write_recent(tmp_path))
    again = {"id": "2511.00006", "title": "On the Ways of Wasps 6", "summary": "Some.", "authors": []}
    listed = f"{datetime.now(UTC):%Y-%m-%d}.json"
    (tmp_path / listed).write_text(json.dumps([{"paper": again, "publishedAt": "2025-11-01T00:00:00.000Z"}]))
    assert lark.well("import", tmp_path / listed, "--json").record["new"] == 0
    found = lark.well("backtest", "wasps", "--days", "3", "--json").record
    assert (found["total"], found["noisiest"]) == (2, None)


def test_backtest_draws_the_days_and_lists_examples(lark: Lark, tmp_path: Path) -> None:
    lark.well("import", write_recent(tmp_path))
    sentence, _, bars, _, *examples = lark.well("backtest", "figs", "--days", "10").out.splitlines()
    assert sentence == "about one paper every 4 days"
    assert bars.split("  ")[1] == NO_BAR * 7 + "██" + NO_BAR
    assert len(examples) == 2


def test_backtest_of_an_old_archive_says_how_old_it_is(lark: Lark, database: Path) -> None:
    assert "the newest paper in the archive is of 2025-10-03" in lark.well("backtest", "zymurgy").out


# ── by meaning ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_papers_by_meaning_and_papers_like_one(lark: Lark) -> None:
    lark.well("import", SAMPLE)
    best = lark.well("papers", "agents that remember", "--meaning", "--limit", "3", "--json").records
    assert len(best) == 3
    assert [record["score"] for record in best] == sorted((record["score"] for record in best), reverse=True)
    alike = lark.well("similar", best[0]["id"], "--limit", "2", "--json").records
    assert len(alike) == 2 and all(0 < record["closeness"] < 1 for record in alike)
    assert best[0]["id"] not in {record["id"] for record in alike}
    assert len(lark.well("similar", best[0]["id"]).out.splitlines()) == 10
