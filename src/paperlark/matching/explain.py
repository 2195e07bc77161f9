"""Why a paper met a query, in its own words as written. Why it did not is the story of `nearest`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC

from paperlark.matching.document import Analysed
from paperlark.matching.names import read_name, same_person
from paperlark.matching.near import said_of
from paperlark.matching.query import Query
from paperlark.matching.reference import code_meets, holds, passages, runs, starts, values
from paperlark.matching.tree import LEAST, And, Author, Code, Leaf, Near, Node, Not, Number, Or, Since, Term
from paperlark.model.messages import Span

SHOWN = 5  # at most so many missing words, or matched ones, in a sentence

_ORDER = ("title", "abstract", "author", "org", "cat", "source", "id", "doi", "type")
PLACES = {
    "title": "the title",
    "abstract": "the abstract",
    "author": "the authors",
    "org": "the organisation",
    "cat": "the categories",
    "source": "the sources",
    "id": "the ids",
    "doi": "the DOIs",
}


def spans(query: Query, paper: Analysed) -> tuple[Span, ...]:
    """The words that meet the query, in the order of reading, each place once; () where the paper does not meet it.

    For every span `stored_field(paper, span.field)[span.start : span.end] == span.text`, but those of `about` and
    `like`: they say how near the paper is, which is written nowhere.
    """
    return spans_of(query.tree, paper) if holds(query.tree, paper) else ()


def spans_of(node: Node, paper: Analysed) -> tuple[Span, ...]:
    """The same of one node of a tree, which must hold."""
    return _in_order(_of_node(node, paper))


@dataclass(frozen=True, slots=True)
class MetTerm:
    """A check that was met, as canonical text of the profile language, and the words that met it. A term without words
    is one that a NOT asks for."""

    term: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    """A line, or a part between commas, that a paper met, as canonical text, with each check of it that held."""

    text: str
    terms: tuple[MetTerm, ...]

    @property
    def spans(self) -> tuple[Span, ...]:
        """Its words, in the order of reading, each place once."""
        return _in_order(span for term in self.terms for span in term.spans)


def alternatives(query: Query, paper: Analysed) -> tuple[Alternative, ...]:
    """Every alternative of the query that the paper meets, as written; () where it meets none."""
    return tuple(
        Alternative(str(wish), tuple(dict.fromkeys(_met_terms(wish, paper))))
        for wish in query.alternatives
        if holds(wish, paper)
    )


def _met_terms(node: Node, paper: Analysed) -> Iterator[MetTerm]:
    if isinstance(node, And | Or):
        for part in node.parts:
            if holds(part, paper):
                yield from _met_terms(part, paper)
    else:
        yield MetTerm(str(node), spans_of(node, paper))


def stored_field(paper: Analysed, field: str) -> str:
    """The text that spans of this field point into; lists are joined by "; "."""
    document = paper.document
    match field:
        case "title":
            return document.title
        case "abstract":
            return document.abstract
        case "author":
            return "; ".join(document.authors)
        case "org":
            return document.organisation or ""
        case "cat" | "source" | "id" | "doi" | "type":
            return "; ".join(values(Code(field, ""), document))
        case "since":
            return document.announced_at.astimezone(UTC).date().isoformat()
        case _:
            return str(document.count(field))


def why(query: Query, paper: Analysed) -> str:
    """One sentence: which words met the query, and where. "" where the paper does not meet it."""
    if not holds(query.tree, paper):
        return ""
    said: dict[str, list[str]] = {}
    near: dict[str, None] = {}
    for span in spans(query, paper):
        if span.field in LEAST:
            near[f"reads like {span.text}"] = None
            continue
        words = said.setdefault(span.field, [])
        if span.text not in words:
            words.append(span.text)
    if near:
        has = [f"has {'; '.join(_words_in(field, words) for field, words in said.items())}"] if said else []
        return f"It {'; '.join([*has, *near])}."
    if not said:
        return "It meets the query and holds none of the excluded words."
    return f"It has {'; '.join(_words_in(field, words) for field, words in said.items())}."


# -- the words that met -----------------------------------------------------------------------------------------------


def _of_node(node: Node, paper: Analysed) -> Iterator[Span]:
    """The spans of a node that holds. What is denied has no words to show."""
    match node:
        case And(parts):
            for part in parts:
                yield from _of_node(part, paper)
        case Or(parts):
            for part in parts:
                if _is_of_terms(part) or holds(part, paper):
                    yield from _of_node(part, paper)
        case Not():
            return
        case _:
            yield from _of_leaf(node, paper)


def _is_of_terms(node: Node) -> bool:
    """A term that does not hold has no words to show, nor has a choice of such terms: nobody need ask first."""
    return isinstance(node, Term) or (isinstance(node, Or) and all(map(_is_of_terms, node.parts)))


def _of_leaf(leaf: Leaf, paper: Analysed) -> Iterator[Span]:
    document = paper.document
    match leaf:
        case Term():
            begin = 0
            for field, text in passages(leaf, paper):
                said, begins, finishes = text.placed
                for first, last in runs(leaf, said, starts(leaf, said)):
                    start, end = begins[first], finishes[last]
                    yield Span(field, begin + start, begin + end, text.text[start:end])
                if field == "author":
                    begin += len(text.text) + len("; ")
        case Author(wanted):
            names = (read_name(author) for author in document.authors)
            yield from _whole(
                "author", document.authors, [name is not None and same_person(wanted, name) for name in names]
            )
        case Code(field):
            stored = values(leaf, document)
            yield from _whole(field, stored, [code_meets(leaf, value) for value in stored])
        case Number(count):
            value = stored_field(paper, count)
            yield Span(count, 0, len(value), value)
        case Since():
            day = stored_field(paper, "since")
            yield Span("since", 0, len(day), day)
        case Near(field):
            closeness = said_of(leaf, paper.texts.direction)
            yield Span(field, 0, len(closeness), closeness)


def _whole(field: str, stored: tuple[str, ...], met: list[bool]) -> Iterator[Span]:
    """The values of a list that met, as spans of the list joined by "; "."""
    begin = 0
    for value, meets in zip(stored, met, strict=True):
        if meets:
            yield Span(field, begin, begin + len(value), value)
        begin += len(value) + len("; ")


def _in_order(found: Iterable[Span]) -> tuple[Span, ...]:
    return tuple(sorted(dict.fromkeys(found), key=lambda span: (_rank(span.field), span.start, span.end)))


def _rank(field: str) -> int:
    return _ORDER.index(field) if field in _ORDER else len(_ORDER)


def _words_in(field: str, words: list[str]) -> str:
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    quoted = _listed([f"“{word}”" for word in words[:SHOWN]]) + more
    if field in PLACES:
        return f"{quoted} in {PLACES[field]}"
    return {"type": f"the type {quoted}", "since": f"been announced on {words[0]}"}.get(field, f"{words[0]} {field}")


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
