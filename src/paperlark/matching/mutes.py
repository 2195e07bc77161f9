"""Muted words, authors and sources: is this paper one that its reader does not want to hear of?

Each is matched as the profile language matches it. A word is one term: `agent*`, `=RAG`, or a phrase; several words
without quotes are a phrase, as a shell eats quotes. An author is a name in any spelling. A source is muted with its
instances (`arxiv` mutes arxiv:cs.CL), and mutes a paper only where no other source told of it: who mutes Hugging Face
still hears what arXiv announces.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from paperlark.matching.checks import checker
from paperlark.matching.document import Analysed
from paperlark.matching.query import Query, parse
from paperlark.matching.reference import code_meets
from paperlark.matching.tree import Author, Code, Node, Or, Term
from paperlark.model.problems import QueryError, ReaderError
from paperlark.model.readers import Mute, MuteKind

VALUE_LIMIT = 200  # characters


def muted(mutes: Iterable[Mute], paper: Analysed) -> Mute | None:
    """The first of the mutes that keeps this paper from its reader, or None. Several muted sources count together."""
    silenced: list[Mute] = []
    for mute in mutes:
        if mute.kind is MuteKind.SOURCE:
            silenced.append(mute)
        elif _check(mute.kind, mute.value)(paper):
            return mute
    return muted_there(silenced, paper.document.sources)


def keeping_away(mutes: Iterable[Mute]) -> Query | None:
    """What a paper meets that a muted word or author keeps from its reader; None where none is muted."""
    told = (_read(mute.kind, mute.value) for mute in mutes if mute.kind is not MuteKind.SOURCE)
    trees = [tree for tree in told if tree is not None]
    return Query(trees[0] if len(trees) == 1 else Or(tuple(trees))) if trees else None


def canonical(kind: MuteKind, text: str) -> str:
    """What is muted, in its one spelling: what reads the same is the same.

    Raises ReaderError where it is no word or phrase, no name, no source, or too long.
    """
    text = " ".join(text.split())
    if len(text) > VALUE_LIMIT:
        raise ReaderError(f"what is muted has at most {VALUE_LIMIT} characters, this has {len(text)}")
    match kind, _read(kind, text):
        case MuteKind.WORD, Term(field=None) as term:
            return str(term)
        case MuteKind.AUTHOR, Author() as author:
            return str(author.name)
        case MuteKind.AUTHOR, Term(field="author", words=(word,), prefix=False):
            return word
        case MuteKind.SOURCE, Code(field="source", prefix=False) as code:
            return code.value
    raise ReaderError(_REFUSED[kind].format(text))


_MEANT = re.compile(r'["():=*|,]|(?:^| )-|\b(?:AND|OR|NOT)\b')  # what is more than words in the language

_REFUSED = {
    MuteKind.WORD: "{!r} cannot be muted; a word or a phrase can, such as agent* or mixture of experts",
    MuteKind.AUTHOR: "{!r} is no name of a person; write it like Yang Song or Song, Yang",
    MuteKind.SOURCE: "{!r} is no source; `paperlark sources` shows them",
}


def _read(kind: MuteKind, text: str) -> Node | None:
    if kind is not MuteKind.WORD:
        text = f'{kind}:"{text}"'
    elif " " in text and not _MEANT.search(text):
        text = f'"{text}"'
    try:
        return parse(text).tree
    except QueryError:
        return None


def muted_there(silenced: Iterable[Mute], sources: Iterable[str]) -> Mute | None:
    """The first of some muted sources that told of a paper, where nobody else did. sources: all that told of it."""
    codes = [(mute, Code("source", mute.value)) for mute in silenced]
    hits = [next((mute for mute, code in codes if code_meets(code, source)), None) for source in sources]
    return hits[0] if hits and None not in hits else None


@lru_cache(maxsize=4096)
def _check(kind: MuteKind, value: str) -> Callable[[Analysed], bool]:
    tree = _read(kind, value)
    # It was read once, so the language has changed under it: it must not silence anything else.
    return checker(Query(tree)) if tree is not None else lambda paper: False
