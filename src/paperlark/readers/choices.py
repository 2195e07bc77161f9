"""What of a paper its reader may want to hear no more of: a few words that it is about, and its authors."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from paperlark.matching.mutes import canonical
from paperlark.matching.query import parse
from paperlark.matching.text import stem, tokenise
from paperlark.matching.tree import Term
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import QueryError, ReaderError
from paperlark.model.readers import Mute, MuteKind, Profile
from paperlark.readers.search import one
from paperlark.store import mutes, profiles
from paperlark.store.database import Store

WORDS, AUTHORS = 3, 2
SHORTEST = 4  # letters of a word


@dataclass(frozen=True, slots=True)
class Choices:
    """What may be muted, each as `readers.mute` takes it. None of it is muted already, and no word is one that the
    reader follows."""

    words: tuple[str, ...]
    authors: tuple[str, ...]


async def choices(store: Store, account_id: int, paper: str) -> Choices:
    """What of a paper (given by id or any name) may be muted. Raises ReaderError: no such paper."""
    found = await one(store, paper)
    async with store.reading() as tx:
        mine, already = await profiles.listed(tx, account_id), await mutes.listed(tx, account_id)
    return await asyncio.to_thread(_choices, found, mine, already)


def _choices(paper: StoredPaper, mine: Iterable[Profile], already: Iterable[Mute]) -> Choices:
    known = {(mute.kind, mute.value) for mute in already}
    words = _canonical(MuteKind.WORD, _about(paper, _followed(mine)))
    # The first author did the work, the last one leads the group.
    authors = _canonical(MuteKind.AUTHOR, dict.fromkeys((*paper.authors[:1], *paper.authors[-1:])))
    return Choices(
        tuple(word for word in words if (MuteKind.WORD, word) not in known)[:WORDS],
        tuple(name for name in authors if (MuteKind.AUTHOR, name) not in known)[:AUTHORS],
    )


def _about(paper: StoredPaper, followed: set[str]) -> list[str]:
    """The words of the title that the abstract says again, the commonest there first: what the paper is about."""
    said = Counter(token.stem for token in tokenise(paper.abstract))
    titled = {token.stem: token.word for token in reversed(tokenise(paper.title))}
    words = [
        word
        for found, word in titled.items()
        if len(word) >= SHORTEST and word.isalpha() and found not in followed and (said[found] or not said)
    ]
    return sorted(words, key=lambda word: (-said[stem(word)], word))


def _followed(mine: Iterable[Profile]) -> set[str]:
    """The stems of all words that profiles ask for."""
    found: set[str] = set()
    for profile in mine:
        try:
            terms = parse(profile.text).terms
        except QueryError:
            continue
        found.update(stem(word) for term in terms if isinstance(term, Term) for word in term.words)
    return found


def _canonical(kind: MuteKind, written: Iterable[str]) -> Iterator[str]:
    for each in written:
        try:
            yield canonical(kind, each)
        except ReaderError:
            continue
