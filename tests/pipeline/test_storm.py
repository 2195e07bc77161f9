"""The short form of `make bench ARGS=storm`: 600 readers, and a Bot API with wider windows."""

import pytest

from paperlark.model.messages import Limits
from paperlark.testing.windows import Windows
from tests.bench.storm import blow
from tests.databases import Fresh

READERS, RATE = 600, 120


@pytest.mark.timeout(120)
async def test_a_storm_keeps_the_limits_the_order_and_nobody_who_asks_waiting(sqlite: Fresh) -> None:
    windows = Windows(overall=RATE, chat=2, group=None)
    limits = Limits(overall=RATE, per_address=2, parts=10)
    storm = await blow(sqlite, READERS, ask_every=1.5, windows=windows, limits=limits)
    assert (storm.unsent, storm.disordered) == (0, 0)
    assert storm.refused <= 1
    assert storm.answers >= 2 and storm.late < 3
    assert storm.seconds >= storm.allowed, "no faster than the server takes it"
