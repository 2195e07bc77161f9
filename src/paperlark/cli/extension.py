"""The browser extension: making the packages that browsers' stores take.

The tree in `extension/` runs in Chromium and in Firefox as it is. Each package leaves out what only the other browser
understands, so that its store has nothing to remark. The same tree always makes the same bytes: names are sorted, times
are fixed, rights are plain, and nothing is compressed, which libraries do each in its own way.
"""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import print_json, say
from paperlark.model.problems import PaperlarkError

TREE = Path(__file__).parents[3] / "extension"  # in a checkout; an installed package does not carry it
SUFFIXES = {"chromium": "zip", "firefox": "xpi"}
THE_OTHERS = {
    "chromium": (("browser_specific_settings",), ("background", "scripts"), ("action", "theme_icons")),
    "firefox": (("minimum_chrome_version",), ("background", "service_worker")),
}
"""What of the manifest a browser does not know: the ways to it, key by key."""
EARLIEST = (1980, 1, 1, 0, 0, 0)  # of a zip's clock
PLAIN_FILE = 0o100644 << 16

commands = typer.Typer()
extension = typer.Typer(rich_markup_mode=None, context_settings=edge.CONTEXT)
commands.add_typer(extension, name="extension")

Tree = Annotated[
    Path, typer.Option(metavar="FOLDER", help="The extension's own folder.", show_default="that of the checkout")
]


@extension.callback(
    invoke_without_command=True,
    help=told(
        "The browser extension: build its packages.",
        "paperlark extension",
        "paperlark extension build --out dist",
    ),
)
def show(context: typer.Context, as_json: Json = False) -> None:
    """Its version, unless a command follows."""
    if context.invoked_subcommand is not None:
        edge.refuse_early_json(context, as_json)
        return
    version = _manifest(TREE)["version"]
    if as_json:
        print_json({"version": version})
    else:
        say(version)


@extension.command(
    help=told(
        "Make the stores' packages: a zip for Chromium, an xpi for Firefox.",
        "paperlark extension build --out dist",
        more="The same files make the same bytes, wherever and whenever they are packed.",
    )
)
def build(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the packages go.")] = Path("dist"),
    tree: Tree = TREE,
    as_json: Json = False,
) -> None:
    """Pack the tree once for each browser."""
    manifest = _manifest(tree)
    made = []
    for browser, suffix in SUFFIXES.items():
        file = out / f"paperlark-{browser}-{manifest['version']}.{suffix}"
        _pack(tree, file, manifest_for(browser, manifest))
        made.append(str(file))
    if as_json:
        print_json({"made": made})
    else:
        say(*made)


def manifest_for(browser: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest as one browser knows it."""
    told: dict[str, Any] = json.loads(json.dumps(manifest))
    for *way, last in THE_OTHERS[browser]:
        part = told
        for key in way:
            part = part.get(key, {})
        part.pop(last, None)
    return told


def _manifest(tree: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((tree / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PaperlarkError(
            f"there is no extension in {tree}: its manifest.json cannot be read; run this in a checkout, or name the "
            "folder with --tree"
        ) from error
    return manifest


def _pack(tree: Path, file: Path, manifest: Mapping[str, Any]) -> None:
    bodies = {
        path.relative_to(tree).as_posix(): path.read_bytes()
        for path in tree.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(tree).parts)
    }
    bodies["manifest.json"] = (json.dumps(manifest, indent=2) + "\n").encode()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(file, "w") as package:
            for name in sorted(bodies):
                about = zipfile.ZipInfo(name, EARLIEST)
                about.external_attr = PLAIN_FILE
                about.create_system = 3  # Unix, also when packed on Windows
                package.writestr(about, bodies[name])
    except OSError as error:
        raise PaperlarkError(f"the package cannot be written: {error.strerror} ({file})") from error
