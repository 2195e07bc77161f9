"""The house's own files say what is so: the map, the lock, the dependencies, the licence, the sample."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from datetime import datetime
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import pytest

import paperlark

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src" / "paperlark"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

NOT_IMPORTED = {
    "aiosqlite": "sqlite+aiosqlite",  # chosen by a database's address
    "psycopg": "postgresql+psycopg",
    "tzdata": "zoneinfo",  # data that the standard library reads
}
"""Dependencies that no line imports, and the word by which the source asks for them."""


def source_text() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(SRC.rglob("*.py")))


def test_the_map_names_every_part_and_no_other() -> None:
    named = set(re.findall(r"^`(\w+)` ", paperlark.__doc__ or "", re.MULTILINE))
    parts = {path.stem for path in SRC.glob("*.py")} | {path.name for path in SRC.iterdir() if path.is_dir()}
    assert named == parts - {"__init__", "__main__", "__pycache__"}


def test_the_version_is_the_packages() -> None:
    assert paperlark.__version__ == version("paperlark") == PROJECT["version"]


def test_every_dependency_is_used() -> None:
    text = source_text()
    modules: dict[str, set[str]] = {}
    for module, dists in packages_distributions().items():
        for dist in dists:
            modules.setdefault(normal(dist), set()).add(module)
    unused = []
    for requirement in PROJECT["dependencies"]:
        dist = normal(re.split(r"[\[<>=~! ;]", requirement, maxsplit=1)[0])
        wanted = [rf"^\s*(?:import|from) {module}\b" for module in modules.get(dist, {dist})]
        if dist in NOT_IMPORTED:
            wanted = [re.escape(NOT_IMPORTED[dist])]
        if not any(re.search(pattern, text, re.MULTILINE) for pattern in wanted):
            unused.append(dist)
    assert not unused, f"imported nowhere: {unused}"


def normal(dist: str) -> str:
    return re.sub(r"[-_.]+", "-", dist).lower()


def test_the_lock_is_the_projects() -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        pytest.skip("uv is not in this environment")
    done = subprocess.run(
        [uv, "lock", "--check", "--offline", "--python", sys.executable],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_make_names_every_target_and_passes_arguments_on() -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not on this machine")

    def make(*arguments: str) -> str:
        return subprocess.run(
            ["make", "--no-print-directory", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout

    for target in ("install", "demo", "run", "test", "lint", "bench", "chaos", "deploy", "clean"):
        assert f"make {target} " in make("help")
    assert make("-n", "demo", "ARGS=--once").rstrip().endswith("paperlark demo --once")
    assert make("-n", "bench", "ARGS=NAME --json").rstrip().endswith("-m tests.bench NAME --json")
    assert make("-n", "chaos").rstrip().endswith("-m tests.chaos faults")
    assert make("-n", "chaos") == make("-n", "chaos", "ARGS=faults") != make("-n", "chaos", "ARGS=kills")
    assert "faketime" in make("-n", "chaos"), "what steps the clock is installed first"
    assert make("-n", "chaos", "ARGS=kills 5").rstrip().endswith("-m tests.chaos kills 5")
    steps = make("-n", "test")
    places = [steps.index(step) for step in ("ruff check", "ruff format --check", "bin/mypy", "-m pytest -n 2")]
    assert places == sorted(places)


def test_the_pages_of_the_house_are_there() -> None:
    for name in (
        "README.md",
        "CHANGELOG.md",
        "Procfile",
        "app.json",
        "LICENSE",
        "Makefile",
        "uv.lock",
        ".python-version",
        ".ci/run",
    ):
        assert (ROOT / name).is_file(), name
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert "MIT License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def ci(tmp_path: Path, audit: str) -> "subprocess.CompletedProcess[str]":
    """`.ci/run` with a make that plays the audit, and says what else it is told."""
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\nif [ "$1" = audit ]; then {audit}; fi\necho "make $*"\n')
    make.chmod(0o755)
    told = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        [ROOT / ".ci" / "run", "ARGS=-x"], env=told, capture_output=True, text=True, timeout=30, check=False
    )


def test_a_known_hole_fails_ci_and_a_service_out_of_reach_does_not(tmp_path: Path) -> None:
    done = ci(tmp_path, "exit 0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "make install\nmake test ARGS=-x\n", "")
    done = ci(tmp_path, "echo 'Found 2 known vulnerabilities in 1 package' >&2; echo 'jinja2 2.10'; exit 2")
    assert (done.returncode, done.stdout) == (2, "make install\nmake test ARGS=-x\n") and "jinja2 2.10" in done.stderr
    for said, told in (("ERROR: no route\nmake: *** [audit] Error 1", "ERROR: no route"), ("", "status 2")):
        done = ci(tmp_path, f"printf '{said}' >&2; exit 2")
        assert (done.returncode, done.stdout) == (0, "make install\nmake test ARGS=-x\n")
        assert done.stderr == f"audit: whether there are known holes could not be asked: {told}\n"


def test_what_audits_is_pinned_and_ci_ends_with_the_tests() -> None:
    assert re.search(r"^AUDIT := pip-audit==[\d.]+$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    ending = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()[-2:]
    assert ending == ['make test "$@" </dev/null', 'exit "$status"']


# --- the sample digest


def sample() -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads((SRC / "sample" / "daily_papers.json").read_text(encoding="utf-8"))
    return records


def test_the_sample_digest_has_the_shape_of_the_api() -> None:
    records = sample()
    assert 25 <= len(records) <= 35
    assert len({record["paper"]["id"] for record in records}) == len(records)
    for record in records:
        paper = record["paper"]
        assert re.fullmatch(r"\d{4}\.\d{5}", paper["id"])
        assert record["title"] and paper["authors"] and isinstance(record["numComments"], int)
        assert datetime.fromisoformat(paper["publishedAt"]) < datetime.fromisoformat(paper["submittedOnDailyAt"])
        assert isinstance(paper["upvotes"], int)


def test_the_samples_summaries_are_short_and_each_its_own() -> None:
    summaries = [record["paper"]["summary"] for record in sample()]
    assert len(set(summaries)) == len(summaries)
    assert all(2 <= len(re.findall(r"[.!?](?:\s|$)", summary)) <= 4 for summary in summaries)


def test_the_sample_profiles_have_names_and_queries() -> None:
    profiles = tomllib.loads((SRC / "sample" / "profiles.toml").read_text(encoding="utf-8"))["profiles"]
    assert len({profile["name"] for profile in profiles}) == 3
    assert all(profile["query"].strip() for profile in profiles)
