"""The short form of `make bench ARGS=import`: some hundred real abstracts, ours and the bare library."""

from pathlib import Path

import pytest

from tests.bench.importing import in_a_process, run_bare, run_ours

PAPERS = 300


@pytest.mark.timeout(120)
def test_an_import_matches_and_owes_what_the_bare_library_finds(shared_data: Path) -> None:
    ours, bare = (in_a_process(run, shared_data, ["graph", "reinforcement"], PAPERS) for run in (run_ours, run_bare))
    assert ours.papers == bare.papers == PAPERS
    assert ours.matches == ours.owed == bare.matches > 0
    assert set(ours.steps) == {"parse", "percolate", "record"}
