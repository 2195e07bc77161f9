"""Each saved input of `tests/data` becomes exactly what stands beside it."""

import json
from pathlib import Path

import pytest

from paperlark.adapters import guess_kind

from .golden import DATA, EXPECTED, inputs, outcome


@pytest.mark.parametrize("path", inputs(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_input_becomes_what_stands_beside_it(path: Path) -> None:
    assert outcome(path) == json.loads(path.with_name(path.name + EXPECTED).read_text())


@pytest.mark.parametrize("kind", ["arxiv", "biorxiv", "medrxiv", "capture", "hf_daily", "jsonl", "rss"])
def test_ordinary_empty_odd_and_broken_inputs_are_there(kind: str) -> None:
    names = [path.name for path in inputs(kind)]
    for sort in ("ordinary", "empty", "odd", "broken"):
        assert any(name.startswith(sort) for name in names), sort


@pytest.mark.parametrize(
    "path", [path for path in inputs() if path.name.startswith(("ordinary", "odd", "compact", "listing"))], ids=str
)
def test_kind_of_a_saved_file_is_guessed_from_its_bytes(path: Path) -> None:
    assert guess_kind(path.name, path.read_bytes()[: 64 * 1024]) == path.parent.name


@pytest.mark.parametrize(
    "body", [b"", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"Dear all,\n\nplease find attached\n", b"<html></html>"]
)
def test_what_is_no_papers_is_nobodys(body: bytes) -> None:
    assert guess_kind("thing", body) is None


def test_no_pair_lacks_its_input() -> None:
    for expected in DATA.glob(f"*/*{EXPECTED}"):
        assert Path(str(expected).removesuffix(EXPECTED)).exists(), expected
