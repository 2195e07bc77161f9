"""What systemd does with our unit, as far as a test can play it: started in a Debian that nobody has booted.

    python3 systemd.py COMMAND UNIT…

is `systemctl` for units of paperlark. `start` reads the unit, makes its user's folders, hands over settings and
credentials, starts the command, and returns 0 once it has said READY=1. `stop` returns when it is gone. What works
on a machine that is not booted, systemctl does. Needs only the standard library: it runs on the Debian's own Python.
"""

import fnmatch
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

UNITS = Path("/etc/systemd/system")
STARTED = Path("/run/started")
FOLDERS = {"StateDirectory": "/var/lib", "CacheDirectory": "/var/cache"}
SECONDS = 60  # until a unit has said that it is ready


def read(unit: Path, instance: str) -> dict[str, list[str]]:
    """The assignments of the service, each with its values in order."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value.replace("%i", instance))
    return found


def settings(file: Path) -> dict[str, str]:
    """An EnvironmentFile."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return {name: "".join(shlex.split(value)) for name, _, value in (line.partition("=") for line in lines)}


def credentials(given: str, unit: str, owner: int) -> Path:
    """LoadCredential= of a folder: each file, its name after the prefix."""
    prefix, _, folder = given.partition(":")
    place = Path("/run/credentials", unit)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o755, parents=True)
    for file in Path(folder).iterdir():
        kept = place / f"{prefix}_{file.name}"
        shutil.copy(file, kept)
        kept.chmod(0o400)
        os.chown(kept, owner, owner)
    return place


def start(unit: str) -> None:
    """Start one, and say that it is ready."""
    template, _, instance = unit.partition("@")
    told = read(UNITS / f"{template}@.service", instance)
    user = pwd.getpwnam(told["User"][0])
    variables = {"PATH": os.environ["PATH"], "HOME": user.pw_dir, "USER": user.pw_name, "WATCHDOG_USEC": "60000000"}
    for line in told["Environment"]:
        variables |= dict(each.split("=", 1) for each in line.split())
    variables |= settings(Path(told["EnvironmentFile"][0]))
    variables["CREDENTIALS_DIRECTORY"] = str(credentials(told["LoadCredential"][0], unit, user.pw_uid))
    for kind, above in FOLDERS.items():
        place = Path(above, told[kind][0])
        place.mkdir(exist_ok=True)
        os.chown(place, user.pw_uid, user.pw_gid)
    heard_at = Path("/run", f"{unit}.notify")
    heard_at.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(heard_at))
        heard_at.chmod(0o777)
        listening.settimeout(SECONDS)
        process = subprocess.Popen(
            shlex.split(told["ExecStart"][0]),
            env=variables | {"NOTIFY_SOCKET": str(heard_at)},
            cwd=told["WorkingDirectory"][0],
            user=user.pw_uid,
            group=user.pw_gid,
            umask=int(told["UMask"][0], 8),
        )
        heard: set[str] = set()
        while not {"READY=1", "WATCHDOG=1"} <= heard:
            heard |= set(listening.recv(4096).decode().splitlines())
    STARTED.mkdir(exist_ok=True)
    (STARTED / unit).write_text(f"{process.pid} {told['TimeoutStopSec'][0]}")
    print(f"{unit} is ready", flush=True)


def stop(unit: str) -> None:
    """Tell one to stop, and say when it is gone. Raises TimeoutError where it is not as soon as its unit wants."""
    pid, seconds = map(int, (STARTED / unit).read_text().split())
    os.kill(pid, signal.SIGTERM)
    ends = time.monotonic() + seconds
    while _lives(pid):
        if time.monotonic() > ends:
            raise TimeoutError(f"{unit} does not stop")
        time.sleep(0.1)
    (STARTED / unit).unlink()
    print(f"{unit} has stopped", flush=True)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def main(command: str, *arguments: str) -> int:
    """Do what systemctl is told."""
    named = [each for each in arguments if not each.startswith("-")]
    now = {"enable": "start", "disable": "stop"}.get(command, "") if "--now" in arguments else command
    if now != command or command not in ("start", "stop", "restart"):
        words = [command, *(each for each in arguments if each != "--now")]
        subprocess.run(["/usr/bin/systemctl", *words], check=True)
    running = [each.name for each in STARTED.iterdir()] if STARTED.is_dir() else []
    meant = [each for name in named for each in fnmatch.filter(running, name)]
    if now in ("stop", "restart"):
        for unit in meant:
            stop(unit)
    if now in ("start", "restart"):  # a pattern means what runs: systemctl starts nothing by one
        for unit in meant if now == "restart" else [each for each in named if each not in running]:
            start(unit)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
