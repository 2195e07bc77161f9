"""The guide for operators: its words are run, and what it names is there."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import paperlark
from paperlark.settings import Settings
from tests.cli.test_help import every_command
from tests.deploy import walked
from tests.deploy.debian import Debian, possible
from tests.programs import lacking

SRC = Path(paperlark.__file__).parent.parent
HOSTED = ["Docker compose", "Docker alone", "Heroku", "Fly.io"]


@pytest.fixture
def debian() -> Iterator[Debian]:
    """This machine's Debian, as a layer to throw away."""
    if not possible():
        lacking("this needs root, and namespaces of its own")
    with tempfile.TemporaryDirectory(prefix="paperlark-debian-") as folder:
        yield Debian((Path("/"),), Path(folder))


def installed() -> str:
    """Commands that put this interpreter and its packages where the guide installs them, within everybody's reach. What
    the guide installs by there makes `paperlark` run the source in which it is called."""
    needed = [Path(sys.executable).resolve(), Path(sys.prefix), Path(sys.base_prefix), SRC]
    above = sorted({str(each) for path in needed for each in path.parents if each != Path("/")})
    start = f'exec {shlex.quote(sys.executable)} -m paperlark "$@"'
    return f"""
chmod o+rx {shlex.join(above)}
mkdir -p /opt/paperlark/bin
cat >/opt/paperlark/bin/uv <<'END'
#!/bin/sh
printf '#!/bin/sh\\nexport PYTHONPATH=%s/src\\n%s\\n' "$PWD" {shlex.quote(start)} >/opt/paperlark/bin/paperlark
chmod 755 /opt/paperlark/bin/paperlark
END
chmod 755 /opt/paperlark/bin/uv
cd {SRC.parent}
/opt/paperlark/bin/uv
"""


@pytest.mark.timeout(240)
def test_the_words_for_debian_give_a_running_service(debian: Debian) -> None:
    debian.run(installed(), network=False, seconds=60)
    printed = walked.serve(debian, source=str(walked.ROOT))
    assert "paperlark@run is ready" in printed
    assert '{"status": "ready"}' in printed
    assert re.search(r'^\{.*"the index is compiled anew"', printed, re.MULTILINE), "a secret is a credential"
    assert re.search(r"^hf_daily\t", printed, re.MULTILINE), "it follows its first source"
    owners = debian.run("stat --format '%U %a' /var/lib/paperlark/paperlark.sqlite3", network=False, seconds=30)
    assert owners.split() == ["paperlark", "600"]

    half_written = shutil.ignore_patterns("*.pyc.*")  # by tests beside this one
    shutil.copytree(SRC, debian.written / "srv/newer/src", ignore=half_written)
    shutil.copytree(walked.ROOT / "deploy", debian.written / "srv/newer/deploy")
    walked.as_newer(debian.written / "srv/newer")
    seen = walked.there_and_back(debian, source=str(walked.ROOT), newer="/srv/newer", network=False, seconds=180)
    assert walked.right(seen), seen


def commands() -> list[str]:
    """Every line that the guide has an operator type."""
    found = [line for title in walked.sections() for language in ("sh", "console")
             for block in walked.blocks(title, language) for line in block.splitlines()]  # fmt: skip
    assert len(found) > 40
    return found


def test_every_command_of_ours_is_one() -> None:
    known = every_command()
    ours = [
        typed
        for line in commands()
        for typed in re.findall(r"(?<!owner )\bpaperlark (?!paperlark\b|sh\b)(\w[\w-]*)", line)
    ]
    ours += re.findall(r"`paperlark (\w[\w-]*)", walked.GUIDE.read_text(encoding="utf-8"))
    assert {"check", "migrate", "web", "worker", "run"} <= set(ours)
    assert set(ours) - known.keys() == set()


def test_every_block_is_shell_and_every_file_that_it_names_is_there() -> None:
    for line in commands():
        done = subprocess.run(["bash", "-n", "-c", line], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        for name in re.findall(r"(?<![\w/.])deploy/[\w@./-]+", line):
            made_by_the_operator = name == "deploy/.env"
            assert made_by_the_operator or (walked.ROOT / name).exists(), name


def test_every_setting_it_names_is_one() -> None:
    known = {f"PAPERLARK_{name.upper()}" for name in Settings.model_fields}
    files = [
        walked.GUIDE,
        walked.ROOT / "app.json",
        *(walked.ROOT / "deploy").glob("*.*"),
        walked.ROOT / "deploy/Dockerfile",
    ]
    for file in files:
        named = set(re.findall(r"PAPERLARK_[A-Z_]*[A-Z]", file.read_text(encoding="utf-8")))
        assert named <= known, f"{file.name}: {named - known}"


def test_the_upgrade_installs_as_the_first_time_did() -> None:
    first = walked.blocks("Debian with systemd")[0].splitlines()[-1]
    for words in ("Upgrade", "Roll back"):
        assert first in walked.lines(words)
        for line in walked.blocks("Debian with systemd")[1].splitlines():
            assert line in walked.lines(words) or not re.search(r"/etc/systemd|/usr/local", line), line


@pytest.mark.parametrize("title", ["Debian with systemd", *HOSTED])
def test_each_host_is_taken_from_nothing_to_an_upgrade(title: str) -> None:
    said = walked.sections()[title]
    places = [said.index(f"**{words}**") for words in ("Back up", "Upgrade", "Restore", "Roll back")]
    assert places == sorted(places)
    assert {"Back up and restore", "Roll back"} <= walked.sections().keys()


def test_what_the_platform_is_told_about_its_kinds_of_processes_agrees() -> None:
    procfile = dict(line.split(": ", 1) for line in (walked.ROOT / "Procfile").read_text().splitlines())
    app = json.loads((walked.ROOT / "app.json").read_text())
    assert set(app["formation"]) == set(procfile) - {"release"}
