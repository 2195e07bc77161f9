"""What systemd does with our unit, as far as a test can play it: started in a Debian that nobody has booted.

    python3 systemd.py UNIT INSTANCE SECONDS

reads the unit, makes its user's folders, hands over settings and credentials, starts the command, and returns 0 once it
has said READY=1. Needs nothing but the standard library: it runs on the Debian's own Python.
"""

import os
import pwd
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

FOLDERS = {"StateDirectory": "/var/lib", "CacheDirectory": "/var/cache"}


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


def credentials(given: str, owner: int) -> Path:
    """LoadCredential= of a folder: each file, its name after the prefix."""
    prefix, _, folder = given.partition(":")
    place = Path("/run/credentials")
    place.mkdir(mode=0o755)
    for file in Path(folder).iterdir():
        kept = place / f"{prefix}_{file.name}"
        shutil.copy(file, kept)
        kept.chmod(0o400)
        os.chown(kept, owner, owner)
    return place


def main(unit: str, instance: str, seconds: str) -> int:
    """Start it, and say how it went."""
    told = read(Path(unit), instance)
    user = pwd.getpwnam(told["User"][0])
    variables = {"PATH": os.environ["PATH"], "HOME": user.pw_dir, "USER": user.pw_name, "WATCHDOG_USEC": "60000000"}
    for line in told["Environment"]:
        variables |= dict(each.split("=", 1) for each in line.split())
    variables |= settings(Path(told["EnvironmentFile"][0]))
    variables["CREDENTIALS_DIRECTORY"] = str(credentials(told["LoadCredential"][0], user.pw_uid))
    for kind, above in FOLDERS.items():
        place = Path(above, told[kind][0])
        place.mkdir(exist_ok=True)
        os.chown(place, user.pw_uid, user.pw_gid)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("/run/notify")
        Path("/run/notify").chmod(0o777)
        listening.settimeout(float(seconds))
        subprocess.Popen(
            shlex.split(told["ExecStart"][0]),
            env=variables | {"NOTIFY_SOCKET": "/run/notify"},
            cwd=told["WorkingDirectory"][0],
            user=user.pw_uid,
            group=user.pw_gid,
            umask=int(told["UMask"][0], 8),
        )
        heard: set[str] = set()
        while not {"READY=1", "WATCHDOG=1"} <= heard:
            heard |= set(listening.recv(4096).decode().splitlines())
    print(f"{Path(unit).stem}{instance} is ready", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
