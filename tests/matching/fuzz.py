"""`make fuzz ARGS=core`: the compiled core under AddressSanitizer and UndefinedBehaviorSanitizer, for ten minutes.

It is compiled anew with both, and loaded into a Python of its own. There a table lives a random life: terms, queries,
holders come and go, it is put in order, saved and read again, now and then with damage that no checksum tells of; and
random texts, made by cutting up and mixing what stands in `corpus.txt`, are held against it, by matchers that have seen
its whole life, that have the words of such a one, and that are new. In some lives thousands
of words come at once and most go again, so that all arrays grow, and what finds things in them is made anew. The numpy
core lives the same life, and both must answer alike. What went wrong is printed with the seed that does it again.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from paperlark.matching import core as cores
from paperlark.matching.core import PLAIN, Core
from paperlark.matching.core.compact import arrays, compacted
from paperlark.matching.symbols import Kind, Paper, Row, Scope, learn

CORPUS = (Path(__file__).parent / "corpus.txt").read_text("utf-8").splitlines()
SOURCES = Path(cores.__file__).parent / "c"
STEPS = 60  # in one life
CROWDED = 0.15  # of all lives
CROWD = 2_500  # words at most that come at once


class NotHereError(Exception):
    """There is no compiler with sanitizers."""


def build(folder: Path) -> Path:
    """The core with sanitizers, in a folder. Raises NotHereError."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NotHereError("no compiler")
    made = folder / f"_core{sysconfig.get_config_var('EXT_SUFFIX')}"
    done = subprocess.run(
        [
            *(compiler, "-shared", "-fPIC", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
            *("-fno-omit-frame-pointer", f"-I{sysconfig.get_paths()['include']}", "-o", str(made)),
            *map(str, sorted(SOURCES.glob("*.c"))),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise NotHereError(done.stderr.strip().splitlines()[-1])
    return made


def run(made: Path, seconds: float, seed: int) -> subprocess.CompletedProcess[str]:
    """Live lives in a Python with the sanitizers, from a seed on."""
    runtime = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, timeout=20, check=True
    ).stdout.strip()
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.matching.fuzz",
            "--made",
            str(made),
            "--seconds",
            str(seconds),
            "--seed",
            str(seed),
        ],
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "LD_PRELOAD": runtime,
            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
            "PYTHONMALLOC": "malloc",
        },
        capture_output=True,
        text=True,
        timeout=seconds + 300,
        check=False,
    )


def live(core: Core, seed: int) -> int:
    """One life of a table. Returns how many answers were compared. Raises AssertionError where two differ."""
    chance = Random(seed)
    both = [core.table(), PLAIN.table()]
    matchers = _matchers(core, both)
    terms = 2
    compared = 0
    queries: list[int] = []
    words: list[str] = []
    steps = ["term", "term", "outside", "query", "query", "hold", "release", "order", "match", "match"]
    if chance.random() < CROWDED:
        steps.append("crowd")
    for _ in range(STEPS):
        match chance.choice(steps):
            case "crowd":
                come = _crowd(both, chance)
                words, queries = [*words, *come][-2 * CROWD :], [*queries, *come.values()]
                terms = both[1].terms
            case "term":
                rows = _rows(chance)
                scope, guess = chance.randrange(Scope.OUTSIDE), chance.random()
                terms = max(terms, 1 + _same(table.term(scope, rows, guess) for table in both))
            case "outside":
                terms = 1 + _same(table.outside(0.5) for table in both)
            case "query":
                key = chance.randbytes(16)
                clauses = [
                    tuple([chance.randrange(terms) for _ in range(chance.choice((0, 1, 1, 2, 3, 7)))] for _ in "rf")
                    for _ in range(chance.randint(0, 5))
                ]
                queries.append(_same(table.query(key, clauses) for table in both))
            case "hold" if queries:
                query = chance.choice(queries)
                for table in both:
                    table.hold(query)
            case "release" if queries:
                held = [query for query in queries if both[1].held[query]]
                if held:
                    query = chance.choice(held)
                    for table in both:
                        table.release(query)
            case "order":
                both, queries = _in_order(core, both, queries, chance)
                matchers = _matchers(core, both)
                terms = both[1].terms
            case "match":
                papers = [_paper(chance, terms, words) for _ in range(chance.randint(0, 4))]
                at = chance.randrange(2)
                known = {"knows": matchers[at]} if chance.random() < 0.5 else {}
                another = type(matchers[at])(both[at], learn, teaches=False, **known)
                answers = [
                    [sorted(memoryview(each).cast("I")) for each in matcher.match(papers)]
                    for matcher in (*matchers, another)
                ]
                assert all(each == answers[0] for each in answers)
                compared += len(papers)
    _damaged(core, both[0], chance)
    return compared


def _matchers(core: Core, both: list[Any]) -> list[Any]:
    return [core.matcher(both[0], learn), PLAIN.matcher(both[1], learn)]


def _crowd(both: list[Any], chance: Random) -> dict[str, int]:
    """Many words, alone and behind another one, each asked for by a query of its own, most of them not for long."""
    found: dict[str, int] = {}
    first = chance.randrange(1_000_000)
    for number in range(first, first + chance.randint(1, CROWD)):
        word = f"{number:x}{chance.choice(('', '', 'z' * chance.randrange(40)))}"
        single: Row = ((chance.choice((Kind.WORD, Kind.WORD, Kind.BEGINS)), word.encode()),)
        row: Row = ((Kind.WORD, b"lark"), *single) if chance.random() < 0.3 else single
        term = _same(table.term(Scope.ANYWHERE, (row,), 0.001) for table in both)
        key = chance.randbytes(16)
        clauses = [([term], []), ([term, 0], [1])][: chance.randint(1, 2)]
        found[word] = _same(table.query(key, clauses) for table in both)
        for table in both:
            table.hold(found[word])
    for query in chance.sample(list(found.values()), len(found) * 3 // 4):
        for table in both:
            table.release(query)
    return found


def _same(found: Any) -> int:
    one, other = found
    assert one == other
    return int(one)


def _in_order(core: Core, both: list[Any], queries: list[int], chance: Random) -> tuple[list[Any], list[int]]:
    """Both of what one of them held: what one writes, the other reads."""
    assert len(both[0]) == len(both[1])
    assert both[0].postings == both[1].postings
    one = chance.choice(both)
    made = compacted(arrays(one.columns()), one.papers)
    tables = [make.restored(made.columns, one.papers) for make in (core.table, PLAIN.table)]
    return tables, [int(made.queries[query]) for query in queries if made.queries[query] >= 0]


def _damaged(core: Core, table: Any, chance: Random) -> None:
    """Columns with a few wrong bytes are refused, or can be used: never followed to where nothing is."""
    for _ in range(10):
        columns = {name: bytearray(content) for name, content in table.columns().items()}
        name = chance.choice([name for name, content in columns.items() if content])
        for _ in range(chance.randint(1, 4)):
            columns[name][chance.randrange(len(columns[name]))] = chance.choice((0, 1, 255, chance.randrange(256)))
        try:
            read = core.table.restored(columns, 7)
        except ValueError:
            continue
        core.matcher(read, learn).match([_paper(chance, 2) for _ in range(3)])
        read.term(0, _rows(chance), 0.5)
        read.columns()


def _text(chance: Random) -> str:
    """Pieces of the corpus, some with a letter changed; at times very long."""
    pieces = []
    for _ in range(chance.choice((0, 1, 1, 2, 5, 12))):
        line = chance.choice(CORPUS)
        at = chance.randrange(len(line))
        pieces.append(line[at : at + chance.randrange(30)])
        if chance.random() < 0.1:
            pieces.append(chr(chance.choice((0, 45, 45, 32, chance.randrange(0xD800), chance.randrange(0x110000)))))
    return "".join(pieces) * chance.choice((1, 1, 1, 1, 1, 1, 3, 20))


def _said(chance: Random) -> str | bytes:
    text = _text(chance)
    return text if text.isascii() and chance.random() < 0.7 else text.encode("utf-8", "surrogatepass")


def _rows(chance: Random) -> tuple[Row, ...]:
    words = [word.encode() for word in (*" ".join(CORPUS).replace("-", " ").lower().split(), "", "a" * 30)]
    return tuple(
        tuple((chance.randrange(len(Kind)), chance.choice(words)) for _ in range(chance.randint(1, 4)))
        for _ in range(chance.randint(1, 4))
    )


def _paper(chance: Random, terms: int, words: Sequence[str] = ()) -> Paper:
    texts = tuple((chance.randrange(1 << Scope.OUTSIDE), _said(chance)) for _ in range(chance.randint(0, 4)))
    if words:
        some = chance.choices(words, k=chance.randrange(400))
        texts += ((1 << Scope.ANYWHERE, " ".join(f"lark {word}" if word < "5" else word for word in some)),)
    codes = tuple(chance.choice(CORPUS).encode()[: chance.randrange(20)] for _ in range(chance.randint(0, 3)))
    outside = tuple(term for term in (chance.randrange(terms) for _ in range(chance.randint(0, 3))) if term != 1)
    return Paper(texts, codes, outside)


def _in_sanitizer(made: Path, seconds: float, seed: int) -> None:
    spec = importlib.util.spec_from_file_location("_core", made)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    core = Core(module.Table, module.Matcher)
    end, lives, compared = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        try:
            compared += live(core, seed + lives)
        except BaseException:
            print(f"seed {seed + lives}", file=sys.stderr)
            raise
        lives += 1
    print(f"{lives:,} tables, {compared:,} papers answered alike by both cores; nothing found")


def main() -> int:
    """Exit status 0: nothing found; 1: something was; 2: there is no compiler with sanitizers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--made", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.made:
        _in_sanitizer(given.made, given.seconds, given.seed)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = run(build(Path(folder)), given.seconds, given.seed)
        except NotHereError as error:
            print(f"the core cannot be built with sanitizers here: {error}", file=sys.stderr)
            return 2
    print(done.stdout + done.stderr, end="")
    return min(1, abs(done.returncode))


if __name__ == "__main__":
    sys.exit(main())
