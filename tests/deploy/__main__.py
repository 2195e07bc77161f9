"""`make deploy`: on a clean Debian, the guide word by word; then the Dockerfile, step by step. Some minutes, and root.

A clean Debian is fetched by debootstrap. It is as clean as an operator's: of this machine it gets only how it reaches
the packages of Debian and Python.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from tests.deploy import image, walked
from tests.deploy.debian import Debian, fetch, possible, reaching, source

Done = TypeVar("Done")

SOURCE = "srv/paperlark"
NEWER = "srv/newer"
POSTGRES = "apt-get install --yes postgresql\nrm -f /var/lib/paperlark/*.backup"
"""It is taken without backups of the walk before."""
PYTHON = "apt-get update && apt-get install --yes --no-install-recommends python3-venv python3-dev"
"""What the image of Python holds already, for a Debian that plays it."""


def main(arguments: list[str]) -> int:
    """Walk both ways. arguments: none, or the folder of a clean Debian that debootstrap has made before.

    Exit status 1 where this machine cannot; a step that fails is raised with all that it said."""
    if not possible() or shutil.which("debootstrap") is None:
        print("this needs root, namespaces, and debootstrap (Debian: apt-get install debootstrap)", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="paperlark-deploy-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        debian = Path(arguments[0]) if arguments else folder / "clean"
        if not arguments:
            _timed("a clean Debian", lambda: fetch(debian))
        variables = reaching(debian)
        _guide(Debian((debian,), folder / "guide", variables))
        _image(debian, folder, variables)
    return 0


def _guide(debian: Debian) -> None:
    """The second walk, on PostgreSQL, begins where the first ended: with the release that was there at first."""
    source(walked.ROOT, debian.written / SOURCE)
    _timed("deploy/README.md: installed", lambda: walked.install(debian, source=f"/{SOURCE}"))
    printed = _timed("deploy/README.md: running, asked, checked", lambda: walked.serve(debian, source=f"/{SOURCE}"))
    assert "paperlark@run is ready" in printed and '{"status": "ready"}' in printed, printed
    source(walked.ROOT, debian.written / NEWER)
    walked.as_newer(debian.written / NEWER)
    there = partial(walked.there_and_back, debian, source=f"/{SOURCE}", newer=f"/{NEWER}", network=True, seconds=900)
    seen = _timed("deploy/README.md: upgraded and back, SQLite", there)
    assert walked.right(seen), seen
    _timed("PostgreSQL, of Debian", lambda: debian.run(POSTGRES, network=True, seconds=900))
    seen = _timed("deploy/README.md: upgraded and back, PostgreSQL", partial(there, postgres=True))
    assert walked.right(seen), seen


def _image(clean: Path, folder: Path, variables: dict[str, str]) -> None:
    """Both stages begin as a Debian with Python; the second is not told how to reach a network."""
    python = Debian((clean,), folder / "python", variables)
    _timed("a Debian with Python", lambda: python.run(PYTHON, network=True, seconds=900))
    source(walked.ROOT, folder / "context")
    given = image.context(folder / "context", (walked.ROOT / "deploy" / "Dockerfile.dockerignore").read_text())
    first, last = image.read((walked.ROOT / "deploy" / "Dockerfile").read_text())
    built: dict[str, Debian] = {}
    for stage, told in ((first, variables), (last, {})):
        name = stage.name or "image"
        begun = Debian((python.written, clean), folder / f"stage-{name}", told)
        made = partial(image.build, stage, begun, built, folder / "context", given)
        built[name] = _timed(f"Dockerfile: {name}", made)
    printed = _timed("Dockerfile: started, healthy, stopped", lambda: image.start(last, built["image"]))
    assert "ended with status 0" in printed, printed


def _timed(what: str, step: Callable[[], Done]) -> Done:
    began = time.monotonic()
    done = step()
    print(f"{what:48} {time.monotonic() - began:6.0f} s", flush=True)
    return done


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
