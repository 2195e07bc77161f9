"""The short form of `make chaos ARGS=preview`; and the same on papers of a few words, for who has no test data."""

from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from paperlark.model.papers import Announcement
from tests.builders import MONDAY, told
from tests.chaos.preview import FIRST, SECOND, announced, drawn_profiles, happening, replay

WORDS = ("lark", "swift", "heron", "wren", "owl", "finch", "egret", "crane", "song", "flight", "nest", "river")
ASKED = (
    "lark", "lark song, heron", "title:owl", '"song flight"', "nest -river", "swift cat:bio.AV", f"source:{SECOND}",
    f"owl source:{SECOND}", f"wren -source:{SECOND}", "type:cross, finch", "type:new", "type:replace", "upvotes:>=10",
    "crane -upvotes:>=5", "egret upvotes:<8", f"since:{MONDAY + timedelta(days=10):%Y-%m-%d} river",
    f"source:{FIRST} heron OR upvotes:>=15",
)  # fmt: skip


@pytest.mark.timeout(300)
async def test_the_counts_of_each_day_are_those_of_the_pipeline_on_real_papers(
    store_url: str, shared_data: Path
) -> None:
    papers = announced(shared_data, 500, every=8)
    verdict = await replay(store_url, happening(papers, Random(4)), drawn_profiles(papers, 30))
    assert (verdict.papers, verdict.profiles) == (500, 30)
    assert verdict.differing == []
    assert verdict.owed > 100


async def test_the_counts_of_each_day_are_those_of_the_pipeline(store_url: str) -> None:
    verdict = await replay(store_url, happening(_written(Random(11)), Random(11)), ASKED)
    assert verdict.differing == []
    assert verdict.owed > 200


def _written(chance: Random) -> list[Announcement]:
    """A hundred and fifty small papers, a few a day."""
    midnight = MONDAY.replace(hour=0)
    return [
        told(
            f"Study {n} of the {' '.join(chance.sample(WORDS, 3))}",
            f"We saw {' '.join(chance.sample(WORDS, 4))}, number {n}.",
            at=midnight + timedelta(days=n // 7),
            arxiv=f"2603.{n:05d}",
            categories=(chance.choice(("bio.AV", "bio.EC")),),
        )
        for n in range(150)
    ]
