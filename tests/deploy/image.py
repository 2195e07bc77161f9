"""A Dockerfile without a container engine: its steps, read, and carried out in a Debian to throw away.

Of the language only what ours uses is known; anything else is a fault. https://docs.docker.com/reference/dockerfile/
"""

import fnmatch
import json
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.deploy.debian import Debian

KNOWN = ("RUN", "COPY", "ENV", "WORKDIR", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "CMD")


@dataclass(frozen=True)
class Stage:
    """From one FROM to the next: the image that it begins with, its name, its instructions."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def said(self, instruction: str) -> list[str]:
        """What stands behind each instruction of a kind."""
        return [words for kind, words in self.steps if kind == instruction]

    @property
    def variables(self) -> dict[str, str]:
        """What ENV sets."""
        found: dict[str, str] = {}
        for words in self.said("ENV"):
            found |= dict(each.split("=", 1) for each in shlex.split(words))
        return found


def read(dockerfile: str) -> list[Stage]:
    """Its stages. Raises ValueError for an instruction that is not known here."""
    stages: list[Stage] = []
    lines = [line for line in dockerfile.splitlines() if line and not line.startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        instruction, _, words = line.partition(" ")
        if instruction == "FROM":
            base, _, name = words.partition(" AS ")
            stages.append(Stage(base, name))
        elif instruction in KNOWN:
            stages[-1].steps.append((instruction, words.strip()))
        else:
            raise ValueError(f"not known here: {line}")
    return stages


def ignored(dockerignore: str, name: str) -> bool:
    """Is a file of the context left behind? The last line that fits decides."""
    left = False
    for line in filter(None, dockerignore.splitlines()):
        pattern = line.removeprefix("!")
        fits = [name == pattern, name.startswith(f"{pattern}/"), fnmatch.fnmatchcase(name, pattern)]
        if pattern.startswith("**/"):
            fits += [fnmatch.fnmatchcase(part, pattern[3:]) for part in name.split("/")]
        if not line.startswith("#") and any(fits):
            left = not line.startswith("!")
    return left


def context(source: Path, dockerignore: str) -> list[str]:
    """The files that a build is given."""
    every = (str(path.relative_to(source)) for path in source.rglob("*") if path.is_file())
    return sorted(name for name in every if not ignored(dockerignore, name))


def build(stage: Stage, base: Debian, built: Mapping[str, Debian], source: Path, given: list[str]) -> Debian:
    """Carry out a stage's steps. Raises ScriptError where one fails.

    base: what its image is played by. built: the stages before, by name. given: the files of the context.
    """
    folder, variables = "/", dict(base.variables)
    for instruction, words in stage.steps:
        if instruction == "WORKDIR":
            folder = words
            (base.written / folder.strip("/")).mkdir(parents=True, exist_ok=True)
        elif instruction == "ENV":
            before = variables.get("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            fresh = dict(each.split("=", 1) for each in shlex.split(words))
            variables |= {name: value.replace("$PATH", before) for name, value in fresh.items()}
        elif instruction == "COPY":
            _copy(words.split(), base, folder, built, source, given)
        elif instruction == "RUN":
            replace(base, variables=variables).run(f"cd {folder}\n{words}", network=True, seconds=1800)
    return replace(base, variables=variables)


def _copy(
    words: list[str], into: Debian, folder: str, built: Mapping[str, Debian], source: Path, given: list[str]
) -> None:
    *wanted, target = words
    place = into.written / Path(folder, target).relative_to("/")
    if wanted[0].startswith("--from="):
        stage, (path,) = built[wanted[0].removeprefix("--from=")], wanted[1:]
        shutil.copytree(stage.written / path.lstrip("/"), place, symlinks=True)
        return
    for name in wanted:
        files = [each for each in given if each == name or each.startswith(f"{name}/")]
        if not files:
            raise FileNotFoundError(f"COPY {name}: not in the context")
        for each in files:
            there = place / (each if target in (".", "./") else Path(each).relative_to(name))
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / each, there)


def start(stage: Stage, image: Debian) -> str:
    """Start what the image starts, as its user and on a root folder that cannot be written; ask what its health check
    asks, and tell it to stop. Returns what was printed. Raises ScriptError."""
    (user,), (command,), (health,) = stage.said("USER"), stage.said("CMD"), stage.said("HEALTHCHECK")
    asks = shlex.join(json.loads(health[health.index("[") :]))
    (volume,) = stage.said("VOLUME")
    as_user = f"setpriv --reuid {user} --regid {user} --clear-groups --no-new-privs --inh-caps=-all"
    return image.run(
        f"""
mount -t tmpfs tmpfs /tmp
cp -a {volume} /tmp/volume
mount -o bind /tmp/volume {volume}
mount -o remount,bind,ro / 2>/dev/null || mount -o remount,ro /
cd {stage.said("WORKDIR")[-1]}
! {as_user} touch /opt/paperlark/written 2>/dev/null
{as_user} {shlex.join(json.loads(command))} &
for _ in $(seq 60); do sleep 1; if {as_user} {asks} 2>/dev/null; then healthy=1; break; fi; done
test "${{healthy:-}}" = 1
{as_user} paperlark check
kill -TERM $!
wait $!
echo "ended with status $?"
""",
        network=False,
        seconds=180,
    )
