"""Every command in the README is run, and what it lists is what there is."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from paperlark import channels, sources
from paperlark.bots.commands import COMMANDS as COMMANDS_OF_BOTS
from paperlark.settings import described, load
from paperlark.testing.kills import LABELS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]


def environment(home: Path) -> dict[str, str]:
    """A newcomer's: an empty home, nothing set."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
        "COLUMNS": "100",
    }


@pytest.mark.timeout(240)
def test_every_paperlark_command_works_in_the_order_of_the_page(tmp_path: Path) -> None:
    ran = [line for line in COMMANDS if line.startswith("paperlark ")]
    assert len(ran) > 8
    for line in ran:
        done = subprocess.run(
            shlex.split(line),
            cwd=ROOT,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, line


@pytest.mark.parametrize(
    "line", sorted({line for line in COMMANDS if line.startswith("make ")} | {"make run", "make install"})
)
def test_every_make_command_names_a_target_that_can_be_made(line: str, tmp_path: Path) -> None:
    words = shlex.split(line)
    done = subprocess.run(
        [words[0], "-n", *words[1:]], cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(240)
def test_the_demo_ends_by_itself_in_an_empty_home_and_leaves_nothing_there(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "paperlark", "demo", "--once"],
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "because of" in done.stdout
    assert "http://127.0.0.1:" in done.stdout
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


def test_every_setting_stands_in_the_table() -> None:
    for setting in described(load({})):
        assert f"`{setting.variable}`" in README, setting.variable


def test_every_source_and_channel_stands_in_a_table() -> None:
    for kind in (*sources.CONTENTS, *channels.CONTENTS):
        assert f"| `{kind}` |" in README, kind


def test_every_command_of_the_bots_stands_in_the_table() -> None:
    for command in COMMANDS_OF_BOTS:
        assert f"`/{command.name}" in README, command.name


def test_the_number_of_labelled_points_is_the_true_one() -> None:
    assert f"each of {len(LABELS)} points" in README
