"""Muted words, authors and sources: what they meet is what the profile language would meet."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperlark.matching.document import Analysed, Document, analyse
from paperlark.matching.mutes import canonical, muted
from paperlark.matching.query import parse
from paperlark.matching.reference import meets
from paperlark.model.problems import ReaderError
from paperlark.model.readers import Mute, MuteKind
from tests.builders import MONDAY

WORD, AUTHOR, SOURCE = MuteKind.WORD, MuteKind.AUTHOR, MuteKind.SOURCE


def paper(
    title: str = "Larks in the wind", *, authors: tuple[str, ...] = (), sources: tuple[str, ...] = ()
) -> Analysed:
    return analyse(Document(title, MONDAY, "Of birds.", authors=authors, sources=sources))


def mute(kind: MuteKind, text: str) -> Mute:
    return Mute(kind, canonical(kind, text), MONDAY)


@pytest.mark.parametrize(
    ("kind", "written", "kept"),
    [
        (WORD, "Agents", "agents"),
        (WORD, "agent*", "agent*"),
        (WORD, "=RAG", "=RAG"),
        (WORD, "test-time", "test-time"),
        (WORD, "  mixture of  experts ", '"mixture of experts"'),
        (WORD, '"mixture of experts"', '"mixture of experts"'),
        (AUTHOR, "Yang Song", "song, yang"),
        (AUTHOR, "Song, Yang", "song, yang"),
        (AUTHOR, "Müller", "muller"),
        (SOURCE, "arXiv", "arxiv"),
        (SOURCE, "arxiv:cs.CL", "arxiv:cs.cl"),
    ],
)
def test_what_reads_the_same_is_kept_the_same(kind: MuteKind, written: str, kept: str) -> None:
    assert canonical(kind, written) == kept
    assert canonical(kind, kept) == kept


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (WORD, ""),
        (WORD, "larks OR owls"),
        (WORD, "larks, owls"),
        (WORD, "larks -owls"),
        (WORD, "title:larks"),
        (WORD, "upvotes:>3"),
        (WORD, "the"),
        (WORD, "lark" * 60),
        (AUTHOR, ""),
        (AUTHOR, "Son*"),
        (AUTHOR, 'Song" OR "Yang'),
        (SOURCE, ""),
        (SOURCE, "ar*"),
    ],
)
def test_what_is_no_word_name_or_source_is_refused_in_a_line(kind: MuteKind, written: str) -> None:
    with pytest.raises(ReaderError) as refused:
        canonical(kind, written)
    assert "\n" not in str(refused.value)


def test_words_are_stemmed_phrases_are_not_and_several_words_are_a_phrase() -> None:
    title = "Quantized larks: mixtures of experts for RAG"
    assert muted([mute(WORD, "quantization")], paper(title)) is not None
    assert muted([mute(WORD, "mixture of experts")], paper(title)) is None
    assert muted([mute(WORD, "mixtures of experts")], paper(title)) is not None
    assert muted([mute(WORD, "experts mixtures")], paper(title)) is None
    assert muted([mute(WORD, "=rag")], paper(title)) is None


def test_an_author_is_met_in_every_spelling() -> None:
    muted_song = [mute(AUTHOR, "Song, Yang")]
    assert muted(muted_song, paper(authors=("Ann Lark", "Y. Song"))) == muted_song[0]
    assert muted(muted_song, paper(authors=("Ann Lark", "Yun Song"))) is None
    assert muted(muted_song, paper("Yang Song sings")) is None


def test_a_source_mutes_only_what_nobody_else_told_of() -> None:
    arxiv, hf = mute(SOURCE, "arxiv"), mute(SOURCE, "hf_daily")
    both = paper(sources=("arxiv:cs.CL", "hf_daily"))
    assert muted([arxiv], paper(sources=("arxiv:cs.CL", "arxiv:stat.ML"))) == arxiv
    assert muted([arxiv], both) is None
    assert muted([hf], both) is None
    assert muted([hf, arxiv], both) == arxiv
    assert muted([mute(SOURCE, "arxiv:cs.CL")], paper(sources=("arxiv:cs.CL", "arxiv:stat.ML"))) is None
    assert muted([arxiv], paper()) is None


def test_of_several_the_first_that_meets_is_told() -> None:
    first, second = mute(WORD, "wind"), mute(WORD, "larks")
    assert muted([mute(WORD, "owls"), first, second], paper()) == first
    assert muted([], paper()) is None


@settings(deadline=None)
@given(st.sampled_from(MuteKind), st.text(max_size=60))
def test_whatever_is_typed_is_refused_in_words_or_kept_in_a_spelling_that_stays(kind: MuteKind, written: str) -> None:
    try:
        kept = canonical(kind, written)
    except ReaderError:
        return
    assert canonical(kind, kept) == kept
    muted([Mute(kind, kept, MONDAY)], paper(authors=(written,), sources=(written,)))


WORDS = st.sampled_from(["lark", "larks", "wind", "winds", "of", "test-time", "=Wind", "win*", '"larks of"', "owl"])
TITLES = st.lists(
    st.sampled_from(["larks", "lark", "Wind", "winds", "of", "test", "time", "testtime", "owls"]), min_size=1
).map(" ".join)


@settings(deadline=None)
@given(WORDS, TITLES)
def test_a_muted_word_meets_what_a_query_of_it_meets(written: str, title: str) -> None:
    try:
        kept = canonical(WORD, written)
    except ReaderError:
        return
    found = muted([Mute(WORD, kept, MONDAY)], paper(title))
    assert (found is not None) == meets(parse(written), paper(title))
