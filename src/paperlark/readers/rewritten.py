"""A profile's text, changed as a suggestion says. Pure.

What the reader wrote stays as it is written wherever the new text then reads as meant; else the whole is put in the
language's canonical text. What cannot be read (it is too long now) is None.
"""

import re
from collections.abc import Callable, Sequence

from paperlark.matching.query import Query, parse
from paperlark.matching.tree import And, Node, Not, Or, Term, all_of, any_of
from paperlark.model.problems import QueryError


def widened(text: str, query: Query, node: Node, said: str | None = None) -> str | None:
    """With one more alternative. said: its text, where that is not the canonical one."""
    between = "\n" if "\n" in text.strip() else ", "
    return _best([f"{text.strip()}{between}{said or node}"], any_of([query.tree, node]))


def narrowed(text: str, query: Query, node: Node, said: str | None = None) -> str | None:
    """With one more thing that every paper must have. said: its text, where that is not the canonical one."""
    return _best([f"{text.strip()} {said or node}"], all_of([query.tree, node]))


def swapped(text: str, query: Query, run: Sequence[Node], instead: Node) -> str | None:
    """With something else in the place of a part of it, or of several in a row that must all be there. What is
    excluded stays."""
    found = _swapped(query.tree, tuple(run), instead)
    if found == query.tree:
        return None
    if isinstance(instead, Or) and isinstance(found, Or) and set(found.parts) >= set(_alternatives(query.tree)):
        # An alternative has become two: the text may stay as it is, and one more be written behind it.
        [*more] = [part for part in found.parts if part not in _alternatives(query.tree)]
        if len(more) == 1:
            return widened(text, query, more[0])
    return _best([], found)


def respelt(text: str, query: Query, word: str, instead: str) -> str | None:
    """With a word written otherwise, wherever it is asked for."""

    def spelt(node: Node) -> Node:
        if isinstance(node, Term) and node.field in (None, "title", "abstract") and word in node.words:
            words = tuple(instead if each == word else each for each in node.words)
            return Term(words, node.reading, node.prefix, node.field)
        return node

    found = _mapped(query.tree, spelt)
    plain = re.sub(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", instead, text, flags=re.IGNORECASE)
    return _best([plain], found) if found != query.tree else None


def _best(texts: Sequence[str], tree: Node) -> str | None:
    for text in (*texts, str(tree)):
        try:
            if parse(text).tree == tree:
                return text
        except QueryError:
            continue
    return None


def _alternatives(tree: Node) -> tuple[Node, ...]:
    return tree.parts if isinstance(tree, Or) else (tree,)


def _swapped(node: Node, run: tuple[Node, ...], instead: Node) -> Node:
    if run == (node,):
        return instead
    match node:
        case And(parts):
            for at in range(len(parts) - len(run) + 1):
                if parts[at : at + len(run)] == run:
                    return all_of([*parts[:at], instead, *parts[at + len(run) :]])
            return all_of([_swapped(part, run, instead) for part in parts])
        case Or(parts):
            return any_of([_swapped(part, run, instead) for part in parts])
        case _:
            return node


def _mapped(node: Node, change: Callable[[Node], Node]) -> Node:
    match node:
        case And(parts):
            return all_of([_mapped(part, change) for part in parts])
        case Or(parts):
            return any_of([_mapped(part, change) for part in parts])
        case Not():
            return node
        case _:
            return change(node)
