"""`deploy/README.md`, read as an operator reads it: whose commands are run, and what must come of them."""

import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.debian import Debian

ROOT = Path(__file__).parent.parent.parent
GUIDE = ROOT / "deploy" / "README.md"
PLAYER = "srv/systemd.py"
PLAYED = f'systemctl() {{ python3 /{PLAYER} "$@"; }}\n'
SECRET = "printf json >/etc/paperlark/secrets/LOG_FORMAT\n"
"""A setting that shows, kept as the guide says that secrets are kept."""
REFUSED = "if paperlark profiles; then exit 9; fi\n"
"""The release before does not begin on a newer database."""
CLUSTER = (
    "pg_ctlcluster $(pg_lsclusters --no-header | tr --squeeze-repeats ' ' | cut --delimiter ' ' --fields 1,2) start\n"
)
"""PostgreSQL is started as a machine does that boots."""
ENABLED = "test -L /etc/systemd/system/multi-user.target.wants/paperlark@run.service\n"


def sections() -> dict[str, str]:
    """The guide's sections, by their titles."""
    parts = re.split(r"^## (.+)\n", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks(title: str, language: str = "sh", under: str = "") -> list[str]:
    """A section's blocks of commands, in order; under: only of the part that begins with **these words**. In those for
    a `console` only what follows a prompt is a command."""
    said = sections()[title]
    if under:
        said = re.split(r"\n\*\*|(?<=\. )\*\*", said[said.index(f"**{under}**") + 2 :])[0]
    found = re.findall(rf"^```{language}\n(.*?)^```", said, re.MULTILINE | re.DOTALL)
    if language == "console":
        return ["".join(f"{line[2:]}\n" for line in block.splitlines() if line[:2] in ("# ", "$ ")) for block in found]
    return found


def lines(under: str) -> str:
    """All that the guide has the operator of a Debian type under some words."""
    return "".join(blocks("Debian with systemd", "console", under))


def serve(debian: Debian, *, source: str, seconds: float = 180) -> str:
    """On a Debian on which paperlark is installed: all else until it runs, with systemd played by ours. Returns what
    was printed. Raises ScriptError where a command fails.

    source: the folder of the source in there.
    """
    _, settled, begun, *there = blocks("Debian with systemd")
    _player(debian)
    script = [f"cd {source}\n", PLAYED, settled, SECRET, begun, ENABLED, *there]
    return debian.run("".join(script), network=False, seconds=seconds)


@dataclass(frozen=True)
class Seen:
    """What was there after a step: the version of the database that paperlark is of, and the profiles."""

    database: int
    profiles: list[str]


def there_and_back(
    debian: Debian, *, source: str, newer: str, network: bool, seconds: float, postgres: bool = False
) -> dict[str, Seen]:
    """On a Debian on which paperlark is settled: back up, upgrade, roll back, back up anew and restore. Returns what
    was seen after each. Raises ScriptError where a command fails.

    source, newer: the folders of both releases' sources in there. network: whether an install may ask for packages.
    postgres: on PostgreSQL, whose package is installed, from the guide's words for it on.
    """
    _player(debian)
    start, back = "systemctl start paperlark@run\n", lines("Restore")
    rolled, emptied, made_anew = blocks("Debian with systemd", "console", "Roll back")
    if postgres:
        start += CLUSTER + lines("On PostgreSQL")
        emptied, back = made_anew, back.replace("paperlark@run", "paperlark@web paperlark@worker")
    script = [
        f"cd {source}\n", PLAYED, start, _adding("first"), _seeing("begun"),
        lines("Back up"), f"cd {newer}\n", lines("Upgrade"), _adding("second"), _seeing("upgraded"),
        f"cd {source}\n", rolled, REFUSED, emptied, back, _seeing("rolled back"),
        _adding("third"), lines("Back up"), _adding("fourth"), back, _seeing("restored"),
        "systemctl stop 'paperlark@*'\n",
    ]  # fmt: skip
    printed = debian.run("".join(script), network=network, seconds=seconds)
    steps = re.split(r"^after: (.+)\n", printed, flags=re.MULTILINE)
    return {name: _seen(said) for name, said in zip(steps[1::2], steps[2::2], strict=True)}


def right(seen: Mapping[str, Seen]) -> bool:
    """Is it as the guide promises? An upgrade keeps everything, a way back what there was before."""
    now = seen["begun"].database
    return seen == {
        "begun": Seen(now, ["first"]),
        "upgraded": Seen(now + 1, ["first", "second"]),
        "rolled back": Seen(now, ["first"]),
        "restored": Seen(now, ["first", "third"]),
    }


def _adding(name: str) -> str:
    return f"paperlark profiles add {name} --name {name}\n"


def _seeing(step: str) -> str:
    return f"echo 'after: {step}'\npaperlark version --json\npaperlark profiles --json\necho 'that is all'\n"


def _seen(printed: str) -> Seen:
    said = printed.partition("that is all")[0]
    profiles = re.findall(r'"name": "(first|second|third|fourth)"', said)
    return Seen(int(re.findall(r'"database": "(\d+)"', said)[0]), sorted(set(profiles)))


def as_newer(release: Path) -> None:
    """Make a release's source the one after it: its database has a version more."""
    migrations = release / "src" / "paperlark" / "store" / "migrations"
    told = (migrations / "__init__.py").read_text(encoding="utf-8")
    now = re.findall(r'^HEAD = "(\d+)"$', told, re.MULTILINE)[0]
    then = f"{int(now) + 1:04}"
    (migrations / "__init__.py").write_text(told.replace(f'HEAD = "{now}"', f'HEAD = "{then}"'), encoding="utf-8")
    revision = f'revision = "{then}"\ndown_revision = "{now}"\n\n\ndef upgrade() -> None:\n    pass\n'
    (migrations / "versions" / f"{then}_newer.py").write_text(revision, encoding="utf-8")


def _player(debian: Debian) -> None:
    (debian.written / PLAYER).parent.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).parent / "systemd.py", debian.written / PLAYER)


def install(debian: Debian, *, source: str) -> float:
    """What the guide begins with, on a clean Debian. Returns the seconds it took. Raises ScriptError."""
    began = time.monotonic()
    debian.run(f"cd {source}\n{blocks('Debian with systemd')[0]}", network=True, seconds=1800)
    return time.monotonic() - began
