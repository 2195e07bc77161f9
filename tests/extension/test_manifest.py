"""The extension as its stores see it: the manifest, what its files may not do, its words, its packages."""

import json
import re
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from paperlark import __version__
from paperlark.cli import commands, edge
from paperlark.cli.extension import manifest_for
from tests.extension.tree import HERE, TREE, manifest, messages, text_of
from tests.programs import needed

SCRIPTS = sorted(path.name for path in TREE.glob("*.js"))
PAGES = sorted(path.name for path in TREE.glob("*.html"))
ON_PAGES = "pages.js"  # the content script


def named_files(told: Any) -> set[str]:
    """Every value of the manifest that looks like a file of the tree."""
    if isinstance(told, dict):
        return set().union(*map(named_files, told.values()))
    if isinstance(told, list):
        return set().union(*map(named_files, told)) if told else set()
    return {told} if isinstance(told, str) and re.fullmatch(r"[\w/-]+\.(?:js|html|png|svg|css)", told) else set()


# ── the manifest ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_file_that_the_manifest_names_is_there() -> None:
    named = named_files(manifest())
    assert len(named) > 8
    assert [name for name in named if not (TREE / name).is_file()] == []


def test_every_file_that_a_page_or_a_module_names_is_there() -> None:
    for name in PAGES:
        for found in re.findall(r'(?:src|href|srcset)="([^"]+)"', text_of(name)):
            assert (TREE / found).is_file(), (name, found)
    for name in SCRIPTS:
        for found in re.findall(r'^(?:import|export) [^;]*?from "([^"]+)";|^import "([^"]+)";', text_of(name), re.M):
            assert found[0].startswith("./") and (TREE / found[0]).is_file(), (name, found)


def test_no_file_lies_in_the_tree_that_nothing_names() -> None:
    whole = "".join(text_of(name) for name in [*SCRIPTS, *PAGES, "manifest.json"])
    there = [path.relative_to(TREE).as_posix() for path in TREE.rglob("*") if path.is_file()]
    drawn_by_theme = re.compile(r"icons/(?:light|dark)-\d+\.png")
    unnamed = [
        name
        for name in there
        if name not in whole and not name.startswith("_locales/") and name != "manifest.json"
        if not drawn_by_theme.fullmatch(name)
    ]
    assert unnamed == []


def test_it_asks_for_no_more_than_it_needs_and_for_no_site_at_all() -> None:
    told = manifest()
    assert sorted(told["permissions"]) == ["alarms", "contextMenus", "storage"]
    assert sorted(told["optional_permissions"]) == ["notifications", "scripting"]
    for absent in (
        "host_permissions",
        "content_scripts",
        "web_accessible_resources",
        "externally_connectable",
        "content_security_policy",
    ):
        assert absent not in told, absent


def test_one_tree_is_for_both_browsers() -> None:
    told = manifest()
    assert told["manifest_version"] == 3
    assert told["background"]["scripts"] == [told["background"]["service_worker"]]
    gecko = told["browser_specific_settings"]["gecko"]
    assert re.fullmatch(r"[\w.-]+@[\w.-]+", gecko["id"])
    assert set(gecko["data_collection_permissions"]["required"]) == {"authenticationInfo", "searchTerms"}


def test_its_version_is_paperlarks() -> None:
    assert manifest()["version"] == __version__


def test_each_icon_has_the_size_that_it_is_named_for_and_both_themes_have_one() -> None:
    for path in (TREE / "icons").glob("*.png"):
        data = path.read_bytes()
        size = int(path.stem.rpartition("-")[2])
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", data[16:24]) == (size, size)
    for theme in manifest()["action"]["theme_icons"]:
        # Each is named for the colour of the text beside it, as Firefox has it: dark text stands on light ground.
        assert "light" in theme["dark"] and "dark" in theme["light"]


# ── what its files may not do ──────────────────────────────────────────────────────────────────────────────────────

FORBIDDEN = {
    "mark-up from text": r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|document\.write)\b",
    "code from text": r"\beval\s*\(|new Function|setTimeout\(\s*[\"'`]|import\s*\(",
    "code from elsewhere": r"importScripts|<script[^>]+src=\"(?:https?:)?//|from \"https?:|url\(\s*[\"']?https?:",
    "a script or style in a page": r"<script>|<script(?![^>]*\ssrc=)|\sstyle=\"|\son\w+=\"|<style",
    "storage that follows the reader about": r"storage\.sync|localStorage|document\.cookie",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_has(what: str) -> None:
    found = [(name, re.findall(FORBIDDEN[what], text_of(name))) for name in [*SCRIPTS, *PAGES]]
    assert [each for each in found if each[1]] == []


def test_the_script_on_pages_knows_no_token_no_server_and_no_storage() -> None:
    assert not re.search(r"storage|token|fetch|XMLHttpRequest|\bimport\b", strip_comments(text_of(ON_PAGES)))


def test_only_the_worker_reads_the_token_and_only_its_rounds_ask_the_network() -> None:
    those = {name for name in SCRIPTS if re.search(r"\btoken\b", strip_comments(text_of(name)))}
    assert those == {"api.js", "kept.js", "rounds.js"}
    assert {name for name in SCRIPTS if "credentials(" in text_of(name)} == {"kept.js", "rounds.js"}
    for page in ("popup.js", "options.js", "cards.js"):
        assert "rounds.js" not in text_of(page) and not re.search(r"\bfetch\b", text_of(page))


def strip_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|(?<!:)//.*?$", "", text, flags=re.DOTALL | re.MULTILINE)


# ── its words ──────────────────────────────────────────────────────────────────────────────────────────────────────


def languages() -> list[str]:
    return sorted(path.name for path in (TREE / "_locales").iterdir())


def test_every_language_says_everything_with_the_same_places_to_fill() -> None:
    assert languages() == ["de", "en"]
    english = messages(manifest()["default_locale"])
    for language in languages():
        other = messages(language)
        assert other.keys() == english.keys()
        for key, said in other.items():
            assert said.strip() and set(re.findall(r"\$\d|%s", said)) == set(re.findall(r"\$\d|%s", english[key])), key
        assert other["language"] == language


def test_every_message_is_said_somewhere_and_every_one_that_is_said_is_there() -> None:
    told = messages("en")
    code = "".join(text_of(name) for name in [*SCRIPTS, *PAGES, "manifest.json"])
    said = set(re.findall(r'say\("(\w+)"|data-say(?:-\w+)?="(\w+)"|__MSG_(\w+)__|say: "(\w+)"', code))
    keys = {key for found in said for key in found if key}
    assert keys - told.keys() == set()
    beginnings = set(re.findall(r"`(\w+_)\$\{", code))
    counted = {f"{key}_{ending}" for key in re.findall(r'counted\(say, "(\w+)"', code) for ending in ("one", "many")}
    whole = set(re.findall(r'"(\w+)"', code)) | keys | counted
    made = re.compile("|".join(map(re.escape, sorted(beginnings))))
    unsaid = {key for key in told if key not in whole and not made.match(key) and not key.endswith("_more")}
    assert unsaid == set()


@pytest.mark.parametrize(
    "kind", ["offline", "signed_out", "forbidden", "too_old", "not_paperlark", "busy", "refused", "fault"]
)
def test_everything_that_can_be_wrong_has_its_words(kind: str) -> None:
    told = messages("en")
    assert {f"standing_{kind}", f"panel_{kind}", f"panel_{kind}_more"} <= told.keys()
    assert kind in ("signed_out", "forbidden") or f"banner_{kind}" in told


# ── its packages ───────────────────────────────────────────────────────────────────────────────────────────────────


def build(out: Path, *more: str | Path) -> None:
    """Make the packages, as the command does."""
    assert edge.status(commands, ["extension", "build", "--out", str(out), *map(str, more)]) == 0


def test_the_packages_are_the_same_bytes_each_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(TREE, tree)
    for path in tree.rglob("*.js"):
        path.touch()
        path.chmod(0o600)
    (tree / ".left-behind").write_text("by an editor", encoding="utf-8")
    build(tmp_path / "one")
    capsys.readouterr()
    build(tmp_path / "two", "--tree", tree, "--json")
    made = json.loads(capsys.readouterr().out)
    assert [Path(each).suffix for each in made["made"]] == [".zip", ".xpi"]
    for file in map(Path, made["made"]):
        assert file.read_bytes() == (tmp_path / "one" / file.name).read_bytes()


def test_a_package_holds_the_tree_with_a_manifest_for_its_browser(tmp_path: Path) -> None:
    build(tmp_path)
    for browser, suffix in (("chromium", "zip"), ("firefox", "xpi")):
        with zipfile.ZipFile(tmp_path / f"paperlark-{browser}-{__version__}.{suffix}") as package:
            names = package.namelist()
            assert names == sorted(names)
            assert set(names) == {path.relative_to(TREE).as_posix() for path in TREE.rglob("*") if path.is_file()}
            assert package.read("popup.js") == (TREE / "popup.js").read_bytes()
            assert json.loads(package.read("manifest.json")) == manifest_for(browser, manifest())


def test_each_browsers_manifest_lacks_only_what_the_other_one_needs() -> None:
    chromium, firefox = manifest_for("chromium", manifest()), manifest_for("firefox", manifest())
    assert chromium["background"] == {"service_worker": "worker.js", "type": "module"}
    assert firefox["background"] == {"scripts": ["worker.js"], "type": "module"}
    assert "browser_specific_settings" not in chromium and "browser_specific_settings" in firefox
    assert manifest()["background"]["scripts"]  # the tree's own is as it was


def test_where_there_is_no_extension_it_says_so_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert edge.status(commands, ["extension", "build", "--tree", str(tmp_path), "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "manifest.json" in said and len(said.splitlines()) == 1


@pytest.fixture(scope="module")
def web_ext() -> str:
    """Mozilla's linter at the version that package-lock.json pins; installed beside this file where it is missing."""
    npm = needed("npm", "npm")
    program = HERE / "node_modules" / ".bin" / "web-ext"
    if not program.is_file():
        subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=HERE, check=True, capture_output=True, timeout=110,
        )  # fmt: skip
    return str(program)


def test_mozillas_linter_finds_no_error(web_ext: str) -> None:
    done = subprocess.run(
        [web_ext, "lint", "--source-dir", str(TREE), "--no-config-discovery", "--output", "json"],
        cwd=HERE, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["errors"] == []
    # One tree for both: Chromium's worker stands beside Firefox's script, which the linter notes. The package for
    # Firefox leaves it out.
    assert {each["code"] for each in found["warnings"]} == {"BACKGROUND_SERVICE_WORKER_IGNORED"}
