"""A reader's first five minutes go as the README says. (Its other commands: `test_readme`, each in its own process.)"""

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Lark

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TRANSCRIPT = "".join(re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL))
NOW = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{1,2} [A-Z][a-z]{2} \d{4}(?: at \d\d:\d\d)?")


def test_every_step_prints_what_the_page_shows(lark: Lark, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    steps = re.findall(r"^\$ paperlark (.*)\n((?:(?!\$ paperlark ).*\n)*)", TRANSCRIPT, re.MULTILINE)
    assert len(steps) > 8
    for line, shown in steps:
        done = lark.well(*shlex.split(line))
        printed = "".join(f"{each.rstrip()}\n" for each in done.out.splitlines())
        assert NOW.sub("today", printed) == NOW.sub("today", shown), line
