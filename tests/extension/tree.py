"""The extension's folder, and Node to run its modules with."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.programs import needed

ROOT = Path(__file__).parent.parent.parent
TREE = ROOT / "extension"
HERE = Path(__file__).parent


def manifest() -> dict[str, Any]:
    """The manifest."""
    told: dict[str, Any] = json.loads((TREE / "manifest.json").read_text(encoding="utf-8"))
    return told


def messages(language: str) -> dict[str, str]:
    """What is said in a language, by key."""
    text = (TREE / "_locales" / language / "messages.json").read_text(encoding="utf-8")
    return {key: told["message"] for key, told in json.loads(text).items()}


def text_of(name: str) -> str:
    """One of the extension's files."""
    return (TREE / name).read_text(encoding="utf-8")


def modules_for_node(folder: Path) -> Path:
    """The extension's modules and their tests where Node knows them for modules, which old ones ask a package.json."""
    shutil.copytree(TREE, folder / "extension")
    beside = folder / "tests" / "extension"
    beside.mkdir(parents=True)
    for path in [*HERE.glob("*.js"), *HERE.glob("*.mjs")]:
        shutil.copy(path, beside)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    return beside


def program() -> str:
    """Node. Skips where there is none; in CI it fails."""
    return needed("node", "nodejs")


def node(*arguments: str, cwd: Path, seconds: float = 60) -> str:
    """Run Node and return what it wrote; fails with what it said."""
    done = subprocess.run(
        [program(), *arguments], cwd=cwd, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    return done.stdout
