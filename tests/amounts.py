"""How much the suite tries of what has no end: less than is there, and all of it with `make test ARGS=--whole`."""

import os

WHOLE = "PAPERLARK_TESTS_WHOLE"
"""Set in the environment by `--whole`: modules ask while they are imported, and in processes of pytest-xdist."""


def whole() -> bool:
    """Whether this run tries all of it."""
    return WHOLE in os.environ


def one_in(usual: int) -> int:
    """The step through real records, `records[::one_in(10)]`: 1 for the whole."""
    return 1 if whole() else usual


def examples(usual: int) -> int:
    """How many examples Hypothesis makes up: ten times as many for the whole."""
    return 10 * usual if whole() else usual


PARTITIONED = "PAPERLARK_TESTS_PARTITIONED"
"""Set in the environment by `--partitions`: every test of PostgreSQL runs on partitions by account."""


def partitioned() -> bool:
    """Whether what readers own is spread over partitions in this run."""
    return PARTITIONED in os.environ
