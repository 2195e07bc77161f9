"""The short form of `make bench ARGS=scale`: a thousand readers, thirty papers, real workers."""

from datetime import UTC, datetime

import pytest

from paperlark.matching.document import Document
from paperlark.matching.query import parse
from tests.bench.scale import simulate

TOPICS = [f"{bird}{number}" for bird in ("lark", "owl", "wren") for number in range(10)]
READERS, PAPERS, EACH = 1_200, 30, 3
DAY = datetime(2026, 3, 2, tzinfo=UTC)


def about(number: int) -> Document:
    """A paper that names three of the topics."""
    named = [TOPICS[(number + at) % len(TOPICS)] for at in range(0, 10 * EACH, 10)]
    title = f"Study {number} of what birds do at large"
    return Document(title=title, abstract=f"Number {number} tells of {' and '.join(named)}.", announced_at=DAY)


@pytest.mark.timeout(120)
def test_every_match_is_owed_once_and_every_delivery_planned_by_one_worker_and_by_two() -> None:
    queries = [parse(TOPICS[number % len(TOPICS)]) for number in range(READERS)]
    told = [about(number) for number in range(PAPERS)]
    said: list[str] = []
    runs = simulate(queries, told[:1], told, (1, 2), said.append, most=1_000)
    due = PAPERS * EACH * READERS // len(TOPICS)
    assert [run.rows for run in runs] == 2 * [{"match": due, "owed": due, "delivery": READERS}]
    assert [run.workers for run in runs] == [1, 2]
    assert all(run.worker_cpu > 0 and run.database_cpu > 0 and run.wal > 0 for run in runs)
