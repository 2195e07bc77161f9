"""`paperlark suggest`: what may be changed about a profile, and the change."""

import json
from pathlib import Path

from tests.cli.conftest import Lark


def archive(folder: Path) -> Path:
    """Papers of which four explain an acronym and one does without it."""
    texts = ["We fit bird language models (BLMs) to songs."] * 4 + ["Of bird language models."]
    file = folder / "birds.jsonl"
    lines = [
        {
            "id": f"2603.{n:05d}",
            "title": f"Song {n}",
            "abstract": text,
            "authors": ["Ada Ibis"],
            "published": "2026-03-02",
        }
        for n, text in enumerate(texts)
    ]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return file


def test_suggestions_are_listed_and_the_one_taken_is_followed(lark: Lark, tmp_path: Path) -> None:
    lark.well("import", archive(tmp_path))
    lark.well("profiles", "add", "BLM", "--name", "birds", "--yes")
    (offered,) = lark.well("suggest", "birds", "--json", "--until", "2026-03-05").records
    assert (offered["kind"], offered["query"]) == ("acronym", 'BLM, "bird language models"')
    assert offered["reason"] == "4 abstracts explain “BLM” as “bird language models”"
    line = lark.well("suggest", "--query", "BLM", "--until", "2026-03-05").out
    assert line.split("\t")[:3] == ["1", "acronym", "bird language models"]
    taken = lark.well("suggest", "birds", "--take", "1", "--json").record
    assert (taken["query"], taken["version"]) == (offered["query"], 2)
    assert lark.well("suggest", "birds", "--json").records == []


def test_what_cannot_be_suggested_for_is_refused(lark: Lark) -> None:
    assert "give a profile, or --query" in lark("suggest").err
    assert "only a profile can be changed" in lark("suggest", "--query", "BLM", "--take", "1").err
    assert "no profile 'birds'" in lark("suggest", "birds").err
    lark.well("profiles", "add", "owls", "--yes")
    assert lark("suggest", "owls", "--take", "1").err == (
        "paperlark: there are 0 suggestions, none of them is number 1\n"
    )
