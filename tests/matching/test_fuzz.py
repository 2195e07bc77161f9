"""A short form of `make fuzz ARGS=core`."""

import random
from pathlib import Path

import pytest

from paperlark.matching.core import Core
from tests.matching.fuzz import NotHereError, build, live, run
from tests.programs import lacking


def test_both_cores_live_alike(compiled: Core) -> None:
    first = random.randrange(1_000_000)
    for seed in range(first, first + 12):
        try:
            live(compiled, seed)
        except AssertionError:
            pytest.fail(f"the cores differ: make fuzz ARGS='core --seed {seed}'")


def test_the_sanitizers_find_nothing(tmp_path: Path) -> None:
    try:
        made = build(tmp_path)
    except NotHereError as error:
        lacking(f"the core cannot be built with sanitizers here: {error}")
    done = run(made, seconds=3, seed=random.randrange(1_000_000))
    assert done.returncode == 0, done.stderr[-3000:]
    assert "nothing found" in done.stdout
