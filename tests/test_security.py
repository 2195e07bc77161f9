"""What SECURITY.md says: every requirement of ASVS 5.0, levels 1 and 2, stands there once, and every test that it names
is there. And what no single test could show: what is used nowhere."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.test_architecture import MODULES, names_used, users_of

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+\.\d+\.\d+) \| (\S+) \| (.+?) \| (.*?) ?\|$", PAGE, re.MULTILINE)

OF_LEVELS_1_AND_2 = {
    "1": (2, 9, 11, 3, 2), "2": (3, 3, 4, 1), "3": (0, 2, 4, 6, 5, 0, 2), "4": (3, 1, 2, 4), "5": (1, 3, 2, 3),
    "6": (3, 12, 4, 4, 5, 3, 0, 4), "7": (3, 4, 2, 5, 2, 2), "8": (2, 3, 1, 1), "9": (3, 4),
    "10": (2, 2, 4, 11, 5, 2, 3), "11": (2, 3, 3, 4, 1, 1), "12": (3, 2, 4), "13": (1, 5, 2, 5), "14": (2, 4, 3),
    "15": (3, 3, 7), "16": (1, 5, 4, 3, 3), "17": (1, 4, 2),
}  # fmt: skip
"""How many there are in each section of a chapter; within a section those of level 3 come last."""


def test_every_requirement_of_levels_1_and_2_stands_there_once_in_order() -> None:
    wanted = [
        f"{chapter}.{section}.{number}"
        for chapter, sections in OF_LEVELS_1_AND_2.items()
        for section, count in enumerate(sections, start=1)
        for number in range(1, count + 1)
    ]
    assert len(wanted) == 253
    assert [number for number, *_ in ROWS] == wanted


def test_what_is_met_is_shown_and_what_is_not_says_why() -> None:
    for number, state, how, shown in ROWS:
        assert state in ("met", "n/a", "operator", "open"), number
        assert len(how) > 5 or state == "n/a", number
        assert shown or state != "met", number


@pytest.mark.parametrize("path", sorted({shown.strip("`").partition("::")[0] for *_, shown in ROWS if shown}))
def test_the_tests_that_it_names_are_there(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    there = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    named = {test for *_, shown in ROWS for where, _, test in [shown.strip("`").partition("::")] if where == path}
    assert named - there == set(), "a test, and not a whole file"


# ── what is used nowhere ───────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_evaluates_text_or_starts_a_shell() -> None:
    forbidden = r"eval|exec|compile|os\.(system|popen)|(subprocess|asyncio)\.(getoutput|create_subprocess_shell)"
    assert users_of(forbidden) == set()
    assert users_of(r".*\.from_string") == set()
    shells = [module for module, path in MODULES.items() if "shell=True" in path.read_text(encoding="utf-8")]
    assert shells == []


def test_scripts_write_text_and_evaluate_none() -> None:
    ours = [*(ROOT / "extension").glob("*.js"), *(ROOT / "src/paperlark/web/static").glob("*.js")]
    forbidden = re.compile(r"(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function|javascript:")
    assert len(ours) > 10
    assert [path.name for path in ours if forbidden.search(path.read_text(encoding="utf-8"))] == []


def test_types_are_checked_and_nothing_is_compared_loosely() -> None:
    checked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert checked["strict"] is True and set(checked["files"]) == {"src", "tests"}
    ours = [*(ROOT / "extension").glob("*.js"), *(ROOT / "src/paperlark/web/static").glob("*.js")]
    loosely = re.compile(r"(?<![=!<>])[=!]=(?!=)")
    assert [path.name for path in ours if loosely.search(path.read_text(encoding="utf-8"))] == []


def test_pages_need_no_plug_in() -> None:
    pages = [*(ROOT / "extension").glob("*.html"), *(ROOT / "src/paperlark/web/templates").rglob("*.*")]
    forbidden = re.compile(r"<(applet|object|embed|param|bgsound|frame|frameset)\b", re.IGNORECASE)
    assert len(pages) > 10
    assert [path.name for path in pages if forbidden.search(path.read_text(encoding="utf-8"))] == []


def test_paths_into_xml_are_fixed_texts() -> None:
    paths = []
    for name, module in MODULES.items():
        tree = ast.parse(module.read_text(encoding="utf-8"))
        if not any("lxml" in ast.unparse(each) for each in tree.body if isinstance(each, ast.Import | ast.ImportFrom)):
            continue
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args:
                of = ast.unparse(call.func.value)
                if call.func.attr in ("xpath", "find", "findall", "findtext", "iterfind") and not of.isupper():
                    paths.append((name, call.args[0]))
    assert len(paths) > 5
    made = {(name, ast.unparse(path)) for name, path in paths if not _fixed(path)}
    assert made == {("paperlark.sources._arxiv_record", "f'{{*}}{name}'")}, "whose names are that file's own words"


def _fixed(path: ast.expr) -> bool:
    """Whether an expression is made of literals and constants alone, whatever chooses between them."""
    match path:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return name.isupper()
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, right=other):
            return _fixed(one) and _fixed(other)
    return False


def test_pickles_come_from_our_own_processes_only() -> None:
    assert users_of(r"pickle\.loads?") <= {"paperlark.sources._frames"}
    assert users_of(r"(marshal|shelve|yaml)\..*") == set()


def test_no_broken_hash_is_used() -> None:
    assert users_of(r"(hashlib\.)?(md5|sha1)") == set()


def test_what_must_not_be_guessed_is_made_by_secrets() -> None:
    """Chance of the other kind is for waits, order, and nothing else."""
    dice = users_of(r"(random\.)?Random|random\.(random|randint|randrange|choices?|shuffle|sample|uniform)")
    assert (
        dice & {module for module in MODULES if names_used(module) & {"secrets.token_urlsafe", "secrets.choice"}}
        == set()
    )
    assert not any(
        module.startswith(("paperlark.web", "paperlark.store.accounts", "paperlark.links")) for module in dice
    )


# ── dependencies ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_says_how_soon_holes_are_mended() -> None:
    assert "mended within a week" in PAGE


def test_what_is_audited_is_what_the_lock_names() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\naudit:")[2].partition("\n\n")[0]
    assert "export --frozen" in recipe and "$(AUDIT)" in recipe and "--strict" in recipe
