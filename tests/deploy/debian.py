"""A Debian to throw away: commands of the documentation are run in it word by word, as root, and nothing of it is left.

It is an overlay over some root folder (a clean one, or this machine's own), in namespaces of its own: what is written
goes to a folder of the test's, what is still running when a script ends is killed. Linux, and root, are needed.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

REACHING = ("etc/resolv.conf", "etc/hosts", "etc/apt/apt.conf.d", "etc/apt/sources.list.d", "etc/pip.conf")
"""How this machine reaches Debian's and Python's packages: a clean one reaches them the same way."""
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"

_ENTER = """
set -eu
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
mount -t tmpfs tmpfs "$ROOT/run"
exec env -i {variables} chroot "$ROOT" /bin/bash -eu -o pipefail -c "$SCRIPT"
"""
_LOOPBACK = (
    'python3 -c \'import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh", b"lo", 1))\'\n'
)


class ScriptError(Exception):
    """A script failed in there: what it said is the message."""


@dataclass(frozen=True)
class Debian:
    """One such system. floors: the root folders that it begins as, the uppermost first; folder: where what it writes
    is kept; variables: what its programs are told besides."""

    floors: tuple[Path, ...]
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)

    @property
    def written(self) -> Path:
        """What was written, and nothing else; what is put here before a script is in its root."""
        return self.folder / "upper"

    def run(self, script: str, *, network: bool, seconds: float) -> str:
        """Run lines of shell in its root folder, the first that fails ends it. Returns what they printed. Raises
        ScriptError. network: whether anybody but itself can be reached."""
        given = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
                 "DEBIAN_FRONTEND": "noninteractive", "SYSTEMD_OFFLINE": "1", **self.variables}  # fmt: skip
        enter = _ENTER.format(variables=" ".join(f'{name}="${name}"' for name in given))
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *([] if network else ["--net"])]
        places = {"UPPER": self.written, "WORK": self.folder / "work", "ROOT": self.folder / "root"}
        done = subprocess.run(
            [*apart, "bash", "-c", enter if network else _LOOPBACK + enter],
            env=given
            | {name: str(place) for name, place in places.items()}
            | {"LOWER": ":".join(map(str, self.floors)), "SCRIPT": script},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            raise ScriptError(f"status {done.returncode}\n{done.stdout}")
        return done.stdout


def possible() -> bool:
    """May this process make namespaces and mount overlays?"""
    if os.geteuid() or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "--pid", "--net", "--fork", "true"], check=False).returncode == 0


def fetch(folder: Path) -> None:
    """Make a clean Debian (300 MB) in a folder. It is a floor, and never copied: some of its devices have no end."""
    subprocess.run(["debootstrap", "bookworm", str(folder)], check=True, stdout=subprocess.DEVNULL, timeout=1800)


def reaching(folder: Path) -> dict[str, str]:
    """Let a clean Debian reach packages as this machine does. Returns the variables that its programs need for it."""
    for name in REACHING:
        here, there = Path("/", name), folder / name
        if here.is_dir():
            shutil.copytree(here, there, dirs_exist_ok=True)
        elif here.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(here, there)
    shutil.copy(Path("/", AUTHORITIES), folder / "srv" / "authorities.crt")
    trusted = {name for name, value in os.environ.items() if value == f"/{AUTHORITIES}"}
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    return dict.fromkeys(trusted | {"SSL_CERT_FILE", "PIP_CERT"}, "/srv/authorities.crt") | proxies


def source(root: Path, into: Path) -> None:
    """Copy what git knows of the project, as an operator would fetch it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (root / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, into / name)
