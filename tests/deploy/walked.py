"""`deploy/README.md`, read as an operator reads it: whose commands are run, and what must come of them."""

import re
import shutil
import time
from pathlib import Path

from tests.deploy.debian import Debian

ROOT = Path(__file__).parent.parent.parent
GUIDE = ROOT / "deploy" / "README.md"
UNIT = "/etc/systemd/system/paperlark@.service"
PLAYER = "srv/systemd.py"
SECRET = "printf json >/etc/paperlark/secrets/LOG_FORMAT\n"
"""A setting that shows, kept as the guide says that secrets are kept."""


def sections() -> dict[str, str]:
    """The guide's sections, by their titles."""
    parts = re.split(r"^## (.+)\n", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks(title: str, language: str = "sh") -> list[str]:
    """A section's blocks of commands, in order. In those for a `console` only what follows a prompt is a command."""
    found = re.findall(rf"^```{language}\n(.*?)^```", sections()[title], re.MULTILINE | re.DOTALL)
    if language == "console":
        return ["".join(f"{line[2:]}\n" for line in block.splitlines() if line[:2] in ("# ", "$ ")) for block in found]
    return found


def serve(debian: Debian, *, source: str, backup: bool, seconds: float = 180) -> str:
    """On a Debian on which paperlark is installed: all else that the guide says, with systemd played by ours. Returns
    what was printed. Raises ScriptError where a command fails.

    source: the folder of the source in there. backup: whether to back up, too.
    """
    _, settled, begun, *there = blocks("Debian with systemd")
    (debian.written / "srv").mkdir(exist_ok=True)
    shutil.copy(Path(__file__).parent / "systemd.py", debian.written / PLAYER)
    played = (
        f"test -L /etc/systemd/system/multi-user.target.wants/paperlark@run.service\npython3 /{PLAYER} {UNIT} run 60\n"
    )
    kept = blocks("Back up and restore") if backup else []
    return debian.run(
        "".join([f"cd {source}\n", settled, SECRET, begun, played, *there, *kept]), network=False, seconds=seconds
    )


def install(debian: Debian, *, source: str) -> float:
    """What the guide begins with, on a clean Debian. Returns the seconds it took. Raises ScriptError."""
    began = time.monotonic()
    debian.run(f"cd {source}\n{blocks('Debian with systemd')[0]}", network=True, seconds=1800)
    return time.monotonic() - began
