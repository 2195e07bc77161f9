"""Every parser that takes bytes from outside keeps its word: a short form of `make fuzz ARGS=parsers`."""

from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.amounts import examples, whole
from tests.fuzz.__main__ import guided
from tests.fuzz.parsers import CORPUS, PARSERS, example, mutated
from tests.programs import lacking

OF_STRANGERS = ("bounces", "capture", "query", "rss", "telegram")
"""What anybody at all may have written: these are led to new lines whenever the suite runs, and all with `--whole`."""
NAMED = pytest.mark.parametrize("name", sorted(PARSERS))


@NAMED
def test_a_parser_reads_its_corpus_or_says_why_not(name: str) -> None:
    corpus = PARSERS[name].corpus()
    assert corpus
    for body in corpus:
        PARSERS[name].keeps_its_word(body)


@NAMED
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=examples(25))
def test_a_parser_keeps_its_word_whatever_is_made_of_its_corpus(name: str, random: Random) -> None:
    PARSERS[name].keeps_its_word(mutated(PARSERS[name].corpus(), random))


@NAMED
@given(body=st.binary(max_size=300))
@settings(max_examples=examples(10))
def test_a_parser_keeps_its_word_whatever_comes(name: str, body: bytes) -> None:
    PARSERS[name].keeps_its_word(body)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", sorted(PARSERS) if whole() else OF_STRANGERS)
def test_a_parser_keeps_its_word_whatever_leads_to_new_lines(name: str, tmp_path: Path) -> None:
    if find_spec("atheris") is None:
        lacking("atheris is not here: there are wheels for Linux on x86-64, up to Python 3.13")
    assert guided(name, 2, 1, tmp_path, keep=True), [example(file.read_bytes()) for file in tmp_path.glob("crash-*")]
    assert any(tmp_path.iterdir()), "what reached new lines is kept"


def test_the_corpus_is_of_parsers_and_small() -> None:
    files = [file for file in CORPUS.rglob("*") if file.is_file()]
    assert {file.parent.name for file in files} <= set(PARSERS)
    assert sum(file.stat().st_size for file in files) < 200_000
