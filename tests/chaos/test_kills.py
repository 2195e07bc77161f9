"""The short form of `make chaos ARGS=kills`: two kills for each label, on both databases."""

import ast
from pathlib import Path

import pytest

import paperlark.pipeline
from paperlark.testing.kills import LABELS, KillAt
from tests.chaos.kills import matrix
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
@pytest.mark.parametrize("step", ["record", "percolate", "deliver"])
async def test_a_process_killed_anywhere_loses_nothing_and_repeats_at_most_what_was_in_flight(
    step: str, fresh: Fresh
) -> None:
    labels = tuple(label for label in LABELS if label.startswith(step))
    verdicts = await matrix({"fresh": fresh}, kills=2, at_once=6, done=lambda *_: None, labels=labels)
    assert [verdict for found in verdicts.values() for verdict in found if not verdict.good] == []
    assert sum(len(found) for found in verdicts.values()) == 2 * len(labels)
