"""The extension's pure modules: their own tests in Node, and that every query they write is one that we can read."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paperlark.matching.query import parse
from paperlark.matching.tree import Author, Code, Or, Reading, Term
from paperlark.model.problems import QueryError
from tests.extension.tree import modules_for_node, node, program

SIGNS = "\"“”«»\\()[]{}*=:|,;-–—.!?$_^~&<>'\u202e\u200b\n\t　＂：（）／"
WORDS = ["larks", "LLM", "AND", "OR", "NOT", "title:x", "upvotes>=3", "since:2020", "cs.CL", "Ünïcode", "深度学习", "β"]
PIECES = st.one_of(st.sampled_from(WORDS), st.text(SIGNS, max_size=3), st.text(max_size=4))
SELECTIONS = st.lists(PIECES, min_size=1, max_size=6).map(" ".join)
SAYS_NOTHING = re.compile("nearly every paper has|there is no (?:word|name|value) to look for here")


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return modules_for_node(tmp_path_factory.mktemp("modules"))


def test_the_modules_pass_their_own_tests(modules: Path) -> None:
    told = node("--test", *sorted(path.name for path in modules.glob("*.test.js")), cwd=modules)
    passed = re.search(r"^(?:#|ℹ) pass (\d+)", told, re.MULTILINE)
    assert passed is not None and int(passed[1]) >= 120


class Wishes:
    """A Node that stays and answers: what following a selection asks for, as words, an author, an organisation."""

    def __init__(self, running: "subprocess.Popen[str]") -> None:
        self._running = running

    def __call__(self, selection: str) -> tuple[str | None, str | None, str | None]:
        assert self._running.stdin is not None and self._running.stdout is not None
        self._running.stdin.write(json.dumps(selection) + "\n")
        self._running.stdin.flush()
        words, author, organisation = json.loads(self._running.stdout.readline())
        return words, author, organisation


@pytest.fixture(scope="module")
def wishes(modules: Path) -> Iterator[Wishes]:
    command = [program(), "queries.mjs", "../../extension/follow.js"]
    with subprocess.Popen(
        command, cwd=modules, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as running:
        yield Wishes(running)
        assert running.stdin is not None
        running.stdin.close()
        running.wait(timeout=10)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SELECTIONS)
def test_whatever_is_selected_becomes_a_query_that_can_be_read_and_means_words(wishes: Wishes, selection: str) -> None:
    words, author, organisation = wishes(selection)
    assert words is None or isinstance(read(words), Term | Code | None)
    assert organisation is None or isinstance(read(organisation), Term | None)
    if author is not None:
        names = read(author)
        parts = names.parts if isinstance(names, Or) else (names,)
        assert all(isinstance(part, Author | Term | None) for part in parts)


def read(written: str) -> object:
    """The tree of a query; None for words that say nothing, which the server refuses in a sentence."""
    try:
        return parse(written).tree
    except QueryError as error:
        assert SAYS_NOTHING.search(str(error)), (written, str(error))
        return None


def test_a_phrase_is_followed_as_a_phrase_and_a_word_in_any_form(wishes: Wishes) -> None:
    phrase, name, _ = wishes("Yang Song")
    word, _, organisation = wishes("quantization")
    assert isinstance(tree := read(phrase or ""), Term) and tree.reading is Reading.PHRASE
    assert isinstance(tree := read(word or ""), Term) and tree.reading is Reading.STEMMED
    assert isinstance(read(name or ""), Author)
    assert isinstance(tree := read(organisation or ""), Term) and tree.field == "org"
