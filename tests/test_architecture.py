"""The shape of the house, kept by tests: who may import whom, and what only one place may do.

`LAW` is the law: for each part of the package, the parts it may import. It is a list of what is allowed, because a
mere order of layers would let a pipeline import a concrete source unnoticed. Imports inside functions and under
TYPE_CHECKING count like any other.
"""

import ast
import graphlib
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from paperlark import channels, sources

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src"

# A part is a package or module under `paperlark`; of the edges each file is one: `sources.*` is any adapter,
# `sources._` what several adapters share. `bots` is what no platform is named in, `bots.*` a platform's front end.
WORDS = {"channels.letters", "channels.marked", "channels.text"}
LAW: dict[str, set[str]] = {
    "model": set(),
    # tools
    "matching": {"model"},
    "ranking": {"model"},
    "schedule": {"model"},
    "health": {"model"},
    "addresses": set(),
    "manners": set(),
    "codings": set(),
    "links": set(),
    "http": {"addresses", "manners", "codings", "model"},
    # two ports and the database
    "sources.base": {"model", "matching", "schedule"},
    "channels.base": {"model", "matching", "schedule"},
    "store": {"model", "matching", "schedule", "health"},
    # the order of events; what readers can do
    "pipeline": {
        "interpreter",
        "sources.base",
        "channels.base",
        "store",
        "matching",
        "ranking",
        "schedule",
        "http",
        "health",
        "links",
        "tracing",
        "model",
    },
    "metrics": {"pipeline", "store", "model"},
    "readers": {"store", "matching", "ranking", "schedule", "health", "model"},
    # the edges: never one another
    "sources": set(),  # the contents list
    "sources._": {"sources.base", "matching", "http", "model"},
    "sources.*": {"sources._", "sources.base", "matching", "http", "model"},
    "channels": set(),  # the contents list
    "channels.letters": {"matching", "model"},
    "channels.marked": {"channels.letters", "matching", "model"},
    "channels.text": {"channels.letters", "channels.marked", "model"},
    "channels.buttons": {"model"},
    "channels._": {*WORDS, "channels.buttons", "matching", "http", "model"},
    "channels.*": {"channels._", *WORDS, "channels.buttons", "channels.base", "matching", "http", "model"},
    "formats": {*WORDS, "matching", "model"},
    "bots": {"readers", "store", *WORDS, "channels.buttons", "matching", "schedule", "model"},
    "bots.*": {
        "bots",
        "readers",
        "pipeline",
        "store",
        *WORDS,
        "channels.buttons",
        "matching",
        "schedule",
        "model",
    },
    "web": {
        "readers",
        "metrics",
        "tracing",
        "pipeline",
        "store",
        *WORDS,
        "formats",
        "matching",
        "ranking",
        "schedule",
        "health",
        "links",
        "model",
    },
    # the root's own tools
    "settings": {"model"},
    "log": set(),
    "tracing": set(),
    "reporting": {"log"},
    "supervision": {"model"},
    "interpreter": set(),
}
LAW["testing"] = set(LAW) - {"settings", "log"}
COMPOSITION_ROOT = {"cli", "app", "from_settings", "saved_files", "adapters", "__main__"}
LAW |= {part: set(LAW) | {"adapters", "paperlark"} for part in sorted(COMPOSITION_ROOT - {"adapters"})}
LAW["adapters"] = set(LAW) - COMPOSITION_ROOT
LAW["saved_files"] |= {"from_settings"}
LAW["app"] |= {"from_settings", "saved_files"}
LAW["cli"] |= {"app", "from_settings", "saved_files"}
LAW["__main__"] |= {"app", "cli"}
LAW["paperlark"] = set()  # the package's own docstring and version

PLATFORMS = ("telegram", "discord")  # how the names of the bots' front ends begin

STANDARD_LIBRARY_ONLY = {"model", "schedule"}

HOMES: dict[str, tuple[str, ...]] = {
    "sqlalchemy": ("paperlark.store",),
    "sqlmodel": ("paperlark.store",),
    "alembic": ("paperlark.store",),
    "telegram": ("paperlark.channels.telegram", "paperlark.channels._telegram", "paperlark.bots.telegram"),
    "discord": ("paperlark.channels.discord", "paperlark.bots.discord"),
    "aiosmtplib": ("paperlark.channels.email",),
    "dkim": ("paperlark.channels._dkim",),
    "itsdangerous": ("paperlark.links",),
    "cryptography": ("paperlark.store.sealed",),
    "apprise": ("paperlark.channels.apprise",),
    "standardwebhooks": ("paperlark.channels.webhook",),
    "feedparser": ("paperlark.sources",),
    "lark": ("paperlark.matching",),
    "tokenizers": ("paperlark.matching.meaning",),
    "numpy": ("paperlark.matching", "paperlark.ranking", "paperlark.store", "paperlark.readers"),
    "apscheduler": ("paperlark.pipeline", "paperlark.app"),
    "typer": ("paperlark.cli",),
    "prometheus_client": ("paperlark.metrics", "paperlark.app"),
    "opentelemetry": ("paperlark.tracing",),
    "sentry_sdk": ("paperlark.reporting",),
    "pydantic_settings": ("paperlark.settings",),
}
"""Libraries that one part of the house hides from the others."""

FORBIDDEN_WORDS = {"item", "event", "handler", "manager", "service", "util", "helper", "processor", "engine"}


@cache
def path_of(module: str) -> Path | None:
    base = SRC.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def module_of(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted((SRC / "paperlark").rglob("*.py"))}


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def nodes_of(tree: ast.AST) -> list[ast.AST]:
    return list(ast.walk(tree))


def part_of(module: str) -> str:
    _, *below = module.split(".")
    if not below:
        return "paperlark"
    if below[0] in ("sources", "channels", "bots") and len(below) > 1:
        own = ".".join(below[:2])
        if own in LAW:
            return own
        if below[0] == "bots" and not below[1].startswith(PLATFORMS):
            return "bots"
        return f"{below[0]}._" if below[1].startswith("_") else f"{below[0]}.*"
    return below[0]


def imports_of(module: str, tree: ast.AST, *, is_package: bool = False) -> Iterator[str]:
    """Every module that `module` imports, wherever the import stands; `from package import module` names the module."""
    for node in nodes_of(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = module.split(".") if is_package else module.split(".")[:-1]
                base = ".".join([*here[: len(here) - node.level + 1], *filter(None, [base])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if base.startswith("paperlark") and path_of(inner) else base


def own_imports(module: str, tree: ast.AST, *, is_package: bool = False) -> set[str]:
    found = set(imports_of(module, tree, is_package=is_package))
    return {name for name in found if name == "paperlark" or name.startswith("paperlark.")}


def platforms_own(module: str) -> tuple[str, ...]:
    """How the names begin of what belongs to a bot's front end: its other files, and its channel."""
    platform = next(name for name in PLATFORMS if module.split(".")[2].startswith(name))
    return (f"paperlark.channels.{platform}", f"paperlark.bots.{platform}")


def violations(module: str, tree: ast.AST, *, is_package: bool = False) -> list[str]:
    part = part_of(module)
    if part not in LAW:
        return [f"{module}: the law knows no part {part!r}"]
    broken = []
    for imported in sorted(own_imports(module, tree, is_package=is_package)):
        other = part_of(imported)
        # Within a part everyone may import everyone; adapters are a part each.
        at_home = other == part and not part.endswith("*")
        # One rendering a platform: bots.telegram may use channels.telegram, and what else of bots is named so.
        same_platform = part == "bots.*" and imported.startswith(platforms_own(module))
        if other not in LAW[part] and not at_home and not same_platform and imported != module:
            broken.append(f"{module} imports {imported}")
    return broken


def is_package(module: str) -> bool:
    return MODULES[module].name == "__init__.py"


def lines(faults: Iterable[str]) -> str:
    return "\n" + "\n".join(sorted(faults))


# --- imports


def test_imports_point_down() -> None:
    broken = [
        fault for module in MODULES for fault in violations(module, tree_of(module), is_package=is_package(module))
    ]
    assert not broken, lines(broken)


def test_the_law_runs_one_way() -> None:
    graphlib.TopologicalSorter(LAW).prepare()


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {
        module: own_imports(module, tree_of(module), is_package=is_package(module)) - {module} for module in MODULES
    }
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("paperlark.pipeline.deliver", "from paperlark.channels.telegram import Telegram"),
        ("paperlark.pipeline.deliver", "from paperlark.channels import telegram"),
        ("paperlark.pipeline.ingest", "def f():\n    import paperlark.sources.capture"),
        ("paperlark.pipeline.ingest", "if TYPE_CHECKING:\n    from paperlark.sources.capture import Capture"),
        ("paperlark.pipeline.ingest", "from ..sources.capture import Capture"),
        ("paperlark.sources.rss", "from paperlark.channels.base import Channel"),
        ("paperlark.sources.rss", "from paperlark.sources.hf_daily import HfDaily"),
        ("paperlark.channels.email", "from paperlark.store import database"),
        ("paperlark.store.outbox", "from paperlark.pipeline import deliver"),
        ("paperlark.model.papers", "import paperlark.matching.text"),
        ("paperlark.web", "from paperlark.bots import commands"),
        ("paperlark.http", "from paperlark.settings import Settings"),
        ("paperlark.matching.index", "from paperlark import __version__"),
        ("paperlark.app", "from paperlark.cli import main"),
        ("paperlark.somewhere_new", ""),
    ],
)
def test_the_law_would_notice(module: str, text: str) -> None:
    assert violations(module, ast.parse(text)) != []


def test_bots_may_use_the_channel_of_their_own_platform_only() -> None:
    use = ast.parse("from paperlark.channels.telegram import Telegram")
    assert violations("paperlark.bots.telegram", use) == []
    assert violations("paperlark.bots.discord", use) != []


@cache
def foreign_imports(module: str) -> set[str]:
    found = imports_of(module, tree_of(module), is_package=is_package(module))
    return {name.partition(".")[0] for name in found} - {"paperlark"}


def test_the_nouns_and_the_schedule_need_the_standard_library_only() -> None:
    strangers = [
        f"{module} imports {outside}"
        for module in MODULES
        if part_of(module) in STANDARD_LIBRARY_ONLY
        for outside in foreign_imports(module) - set(sys.stdlib_module_names)
    ]
    assert not strangers, lines(strangers)


def test_libraries_stay_at_home() -> None:
    away = [
        f"{module} imports {library}"
        for module in MODULES
        if part_of(module) != "testing"
        for library in foreign_imports(module) & set(HOMES)
        if not module.startswith(HOMES[library])
    ]
    assert not away, lines(away)


# --- what only one place may do


@cache
def names_used(module: str) -> set[str]:
    """Every dotted name in the module's code, as written."""
    nodes = nodes_of(tree_of(module))
    return {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute | ast.Name)}


def users_of(pattern: str) -> set[str]:
    wanted = re.compile(pattern)
    return {module for module in MODULES if any(wanted.fullmatch(name) for name in names_used(module))}


def test_only_the_settings_read_the_environment() -> None:
    assert users_of(r"os\.(environ|environb|getenv|getenvb)|environ|getenv") <= {"paperlark.settings"}


def test_only_http_opens_client_sessions() -> None:
    assert users_of(r"(aiohttp\.)?ClientSession|(httpx\.)?AsyncClient|(urllib\.)?request\.urlopen|urlopen") <= {
        "paperlark.http"
    }


def test_nothing_below_the_root_asks_the_machine_for_the_time() -> None:
    clock = r"(datetime\.)?(datetime|date)\.(now|utcnow|today)|time\.time(_ns)?"
    root = {"paperlark.cli", "paperlark.app", "paperlark.from_settings"}
    allowed = root | {"paperlark.model.ids", "paperlark.store.steady"}
    assert users_of(clock) <= allowed


# --- names and words


def defined_names(module: str) -> Iterator[str]:
    yield module.rpartition(".")[2]
    for node in nodes_of(tree_of(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def words_of(name: str) -> list[str]:
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)


def test_names_use_the_glossarys_words() -> None:
    forbidden = {
        f"{module}: {name}"
        for module in MODULES
        for name in defined_names(module)
        if any(word.lower().removesuffix("s") in FORBIDDEN_WORDS for word in words_of(name))
    }
    assert not forbidden, lines(forbidden)


def test_words_are_found_inside_names() -> None:
    assert words_of("RetryManager") == ["Retry", "Manager"]
    assert words_of("HTTPHandler_2x") == ["HTTP", "Handler", "2", "x"]
    assert words_of("_parse_items") == ["parse", "items"]


def test_everything_public_says_what_it_promises() -> None:
    silent = []
    for module in MODULES:
        tree = tree_of(module)
        if not ast.get_docstring(tree):
            silent.append(module)
        silent += [
            f"{module}.{node.name}"
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ]
    assert not silent, lines(silent)


def test_docstrings_are_more_than_a_place_holder() -> None:
    empty = [module for module in MODULES if len(ast.get_docstring(tree_of(module)) or "") < 10]
    assert not empty, lines(empty)


# --- adapters


def adapter_modules(package: str) -> set[str]:
    """The files of a package that define an adapter: a public class that says its `kind`."""
    return {
        module
        for module in MODULES
        if part_of(module) == f"{package}.*"
        and any(isinstance(node, ast.ClassDef) and not node.name.startswith("_") and says_kind(node)
                for node in tree_of(module).body)
    }  # fmt: skip


def says_kind(cls: ast.ClassDef) -> bool:
    targets: list[ast.expr] = [node.target for node in cls.body if isinstance(node, ast.AnnAssign)]
    targets += [target for node in cls.body if isinstance(node, ast.Assign) for target in node.targets]
    return any(isinstance(target, ast.Name) and target.id == "kind" for target in targets)


@pytest.mark.parametrize("package", ["sources", "channels"])
def test_every_adapter_stands_in_its_contents_list_and_the_readme(package: str) -> None:
    contents = {"sources": sources.CONTENTS, "channels": channels.CONTENTS}[package]
    listed = {path.partition(":")[0] for path in contents.values()}
    assert listed == adapter_modules(package)
    assert {kind: path.partition(":")[0] for kind, path in contents.items()} == {
        kind: f"paperlark.{package}.{kind}" for kind in contents
    }
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [kind for kind in contents if f"`{kind}`" not in readme] == []
