"""The short form of `make chaos ARGS=kills`: two kills for each label, one on each database, over other channels."""

import ast
from pathlib import Path

import pytest

import paperlark.pipeline
from paperlark.testing.kills import LABELS, KillAt
from tests.chaos.kills import matrix, points
from tests.databases import Fresh


def test_the_list_of_labels_names_every_point_that_the_pipeline_announces() -> None:
    announced = set()
    for file in Path(paperlark.pipeline.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in ("at", "_at"):
                argument = node.args[0]
                assert isinstance(argument, ast.Constant), f"{file.name}:{node.lineno}: a label is a plain string"
                announced.add(argument.value)
    assert announced == set(LABELS)


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(ValueError, match="no such label"):
        KillAt("record: somewhere")


@pytest.mark.timeout(300)
async def test_a_process_killed_anywhere_loses_nothing_and_repeats_at_most_what_was_in_flight(
    request: pytest.FixtureRequest, fresh: Fresh
) -> None:
    shift = request.node.callspec.params["fresh"] == "postgres"  # so that both databases see other channels
    tried = []
    for number, label in enumerate(LABELS):
        channels = points([label])
        tried.append(channels[(number + shift) % len(channels)])
    verdicts = await matrix({"fresh": fresh}, tried, kills=1, at_once=6, done=lambda *_: None)
    assert [verdict for found in verdicts.values() for verdict in found if not verdict.good] == []
    assert len(verdicts) == len(LABELS)
