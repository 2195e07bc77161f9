"""What might be changed about a profile, by what its papers have in common; and why, in words. Pure.

Nothing here asks how much a change would bring: `suggest` does.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from paperlark.matching.explained import Explained, stems_of
from paperlark.matching.lean import Lean
from paperlark.matching.names import read_name, same_person
from paperlark.matching.query import Query, parse
from paperlark.matching.terms import Usual, terms, titled, written
from paperlark.matching.text import stem, tokenise
from paperlark.matching.tree import And, Author, Node, Not, Or, Reading, Term, all_of, any_of
from paperlark.model.problems import QueryError
from paperlark.ranking.cooccurring import FEW, Companion, companions, distinct
from paperlark.readers import rewritten

Kind = Literal["spelling", "acronym", "term", "author", "organisation"]
KINDS: tuple[Kind, ...] = ("spelling", "acronym", "term", "author", "organisation")

TERMS = 6  # words that may be proposed: two ways each
TITLED = 2  # papers: what stands in titles too is what papers are about; the rest is how people write
SPLITS = (0.1, 0.6)  # of the papers: what leaves less or more is no narrower reading to propose
LONGEST_RUN = 8  # words
VOWELS = frozenset("AEIOUY")


Names = Callable[[Lean], Sequence[str]]
"""Those that stand on a paper."""


@dataclass(frozen=True, slots=True)
class Material:
    """What proposals are made of: the profile, the papers that meet it, by id (the newest; `all_of_them`: there are no
    more), their abstracts, the reader's saved papers, what is usual, and the words that are hardly known, each with
    the one that is meant and in how many papers the two stand."""

    text: str
    query: Query
    matched: Mapping[int, Lean]
    all_of_them: bool
    abstracts: Sequence[str]
    saved: Mapping[int, Lean]
    usual: Usual
    misspelt: Mapping[str, tuple[str, int, int]]

    @property
    def matches(self) -> str:
        """What the papers that meet it are called."""
        if self.all_of_them:
            return f"your {len(self.matched)} matches"
        return f"your newest {len(self.matched)} matches"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A changed text. what: the word, phrase or name it is about; reason: a clause, as for a person; share: of the
    profile's papers, how many have it; narrower: whether it would bring less, not more."""

    kind: Kind
    what: str
    reason: str
    text: str
    share: float = 1.0
    narrower: bool = False


def proposals(material: Material) -> list[Proposal]:
    """All of them, in the order of `KINDS`, the best of each kind first. Of some words there are two: one that widens
    the profile, one that narrows it."""
    same = list(_acronyms(material))
    names = [*_authors(material), *_organisations(material)]
    return [*_spellings(material), *same, *_terms(material, [each.what for each in same]), *names]


# ── spelling ───────────────────────────────────────────────────────────────────────────────────────────────────────


def words_asked_for(query: Query) -> list[str]:
    """The words of title and abstract that a query asks for, as they may be misspelt."""
    leaves = (leaf for leaf in _asked_for(query.tree) if isinstance(leaf, Term) and not leaf.prefix)
    of_texts = (leaf for leaf in leaves if leaf.field in (None, "title", "abstract"))
    return list(dict.fromkeys(word for leaf in of_texts if leaf.reading is not Reading.EXACT for word in leaf.words))


def _spellings(material: Material) -> Iterator[Proposal]:
    for word, (instead, papers, others) in material.misspelt.items():
        text = rewritten.respelt(material.text, material.query, word, instead)
        if text is not None:
            known = {0: "no paper has", 1: "one paper has"}.get(papers, f"{papers} papers have")
            yield Proposal("spelling", instead, f"{known} “{word}”, {others:,} have “{instead}”", text)


# ── acronyms ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _acronyms(material: Material) -> Iterator[Proposal]:
    explained = Explained(material.abstracts)
    asked = {stems_of(" ".join(each.words)) for each in _asked_for(material.query.tree) if isinstance(each, Term)}
    for run in _wordings(material.query.tree):
        stems = tuple(stem(word) for term in run for word in term.words)
        for other, number, _, is_long in explained.others(stems):
            if other in asked:
                continue
            own, instead = explained.as_written(stems), explained.as_written(other)
            short, long = (own, instead.lower()) if is_long else (instead, own.lower())
            both = any_of([all_of(list(run)), _long(instead) if is_long else _short(instead)])
            text = rewritten.swapped(material.text, material.query, run, both)
            if text is not None:
                reason = f"{number} abstracts explain “{short}” as “{long}”"
                yield Proposal("acronym", long if is_long else short, reason, text)


def _wordings(tree: Node) -> Iterator[tuple[Term, ...]]:
    """What a query asks for in words: its terms; and words in a row that must all be there."""
    match tree:
        case And(parts):
            for at in range(len(parts)):
                for end in range(at + 2, min(at + LONGEST_RUN, len(parts)) + 1):
                    run = [part for part in parts[at:end] if isinstance(part, Term) and _plain(part)]
                    if len(run) == end - at and all(len(term.words) == 1 for term in run):
                        yield tuple(run)
            for part in parts:
                yield from _wordings(part)
        case Or(parts):
            for part in parts:
                yield from _wordings(part)
        case Term() if _plain(tree):
            yield (tree,)
        case _:
            pass


def _plain(term: Term) -> bool:
    return term.field is None and not term.prefix


def _long(text: str) -> Term:
    return Term(tuple(token.word for token in tokenise(text)), Reading.PHRASE)


def _short(text: str) -> Term:
    """A short form that could be read as a word (RAG) keeps its case, so that it does not meet rags."""
    tokens = tokenise(text)
    if len(tokens) == 1 and text.isalpha() and VOWELS & set(text.upper()):
        return Term((tokens[0].exact,), Reading.EXACT)
    return Term(tuple(token.word for token in tokens))


# ── words that go with it ──────────────────────────────────────────────────────────────────────────────────────────


def _terms(material: Material, said: Iterable[str]) -> Iterator[Proposal]:
    """said: what is proposed already."""
    own = Counter(term for paper in material.matched.values() for term in terms(paper))
    titles = Counter(term for paper in material.matched.values() for term in titled(paper))
    known = {term: held for term, held in own.items() if held >= FEW and titles[term] >= TITLED}
    found = companions(known, len(material.matched), material.usual.terms, material.usual.papers)
    asked = {stem(word) for leaf in _asked_for(material.query.tree) if isinstance(leaf, Term) for word in leaf.words}
    asked |= {each for text in said for each in stems_of(text)}
    for each in islice(distinct(found, asked), TERMS):
        node = Term(written(material.matched.values(), each.name))
        if tuple(map(stem, node.words)) == tuple(each.name.split(" ")):
            yield from _both_ways(
                material, "term", " ".join(node.words), _stands(material, each), node, each.own / each.of
            )


def _stands(material: Material, each: Companion) -> str:
    return f"stands in {each.own} of {material.matches}, {_one_in(each)} of all papers"


def _one_in(each: Companion) -> str:
    """ "1 in 50"."""
    if not each.usual:
        return f"less than 1 in {each.of_usual:,}"
    return f"1 in {max(2, round(each.of_usual / each.usual)):,}"


def _both_ways(
    material: Material, kind: Kind, what: str, reason: str, node: Node, share: float, said: str | None = None
) -> Iterator[Proposal]:
    wider = rewritten.widened(material.text, material.query, node, said)
    if wider is not None:
        yield Proposal(kind, what, reason, wider, share)
    least, most = SPLITS
    narrower = rewritten.narrowed(material.text, material.query, node, said) if least <= share <= most else None
    if narrower is not None:
        yield Proposal(kind, what, reason, narrower, share, narrower=True)


# ── names ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _authors(material: Material) -> Iterator[Proposal]:
    followed = [leaf.name for leaf in _asked_for(material.query.tree) if isinstance(leaf, Author)]
    for each in _recurring(material, material.usual.authors, _by):
        said = f'author:"{each.name}"'
        name, node = read_name(each.name), _node(said)
        if name is None or node is None or any(same_person(other, name) for other in followed):
            continue
        text = rewritten.widened(material.text, material.query, node, said)
        if text is not None:
            yield Proposal("author", each.name, _is_on(material, each.name, _by), text, each.own / each.of)


def _organisations(material: Material) -> Iterator[Proposal]:
    if any(isinstance(leaf, Term) and leaf.field == "org" for leaf in _asked_for(material.query.tree)):
        return
    for each in _recurring(material, material.usual.organisations, _from):
        said = f'org:"{each.name}"'
        node = _node(said)
        if node is not None:
            reason = _is_on(material, each.name, _from)
            yield from _both_ways(material, "organisation", each.name, reason, node, each.own / each.of, said)


def _recurring(material: Material, usual: Mapping[str, int], names: Names) -> list[Companion]:
    """The names that recur among what matched and what was saved, more often than usual."""
    papers = {**material.matched, **material.saved}
    own = Counter(name for paper in papers.values() for name in set(names(paper)))
    return companions(own, len(papers), usual, material.usual.papers)


def _is_on(material: Material, name: str, names: Names) -> str:
    matched = sum(name in names(paper) for paper in material.matched.values())
    saved = sum(name in names(paper) for paper in material.saved.values())
    of_saved = f"{saved} {'paper' if saved == 1 else 'papers'} that you saved"
    if not matched:
        return f"on {of_saved}"
    return f"on {matched} of {material.matches}" + (f" and {of_saved}" if saved else "")


def _by(paper: Lean) -> tuple[str, ...]:
    return paper.document.authors


def _from(paper: Lean) -> tuple[str, ...]:
    return (paper.document.organisation,) if paper.document.organisation else ()


def _node(text: str) -> Node | None:
    """The tree of a piece of text; None where it cannot be read."""
    try:
        return parse(text).tree
    except QueryError:
        return None


def _asked_for(node: Node) -> Iterator[Node]:
    """The leaves that are not excluded."""
    match node:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _asked_for(part)
        case Not():
            pass
        case _:
            yield node
