"""Why a paper met a query, in its own words as written; or why not, in one plain sentence."""

from collections.abc import Iterator
from datetime import UTC

from paperlark.matching.document import Analysed
from paperlark.matching.names import read_name, same_person
from paperlark.matching.query import Query
from paperlark.matching.reference import code_meets, holds, passages, runs, values
from paperlark.matching.tree import And, Author, Code, Leaf, Node, Not, Number, Or, Since, Term
from paperlark.model.messages import Span

SHOWN = 5  # at most so many missing words, or matched ones, in a sentence

_ORDER = ("title", "abstract", "author", "org", "cat", "source", "id", "doi", "type")
_PLACES = {
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

    For every span `stored_field(paper, span.field)[span.start : span.end] == span.text`.
    """
    if not holds(query.tree, paper):
        return ()
    found = dict.fromkeys(_of_node(query.tree, paper))
    return tuple(sorted(found, key=lambda span: (_rank(span.field), span.start, span.end)))


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
    for span in spans(query, paper):
        words = said.setdefault(span.field, [])
        if span.text not in words:
            words.append(span.text)
    if not said:
        return "It meets the query and holds none of the excluded words."
    return f"It has {'; '.join(_words_in(field, words) for field, words in said.items())}."


def why_not(query: Query, paper: Analysed) -> str:
    """One sentence: the nearest alternative and what it lacked; or the exclusion that fired, and where; or the number
    that was not reached, and by how much. "" where the paper meets the query."""
    if holds(query.tree, paper):
        return ""
    nearest = min(query.alternatives, key=lambda wish: _distance(wish, paper))
    failed = _failed(nearest, paper)
    lacking = [str(node) for node in failed if isinstance(node, Term | Author | Code | Or)]
    others = [_shortfall(node, paper) for node in failed if not isinstance(node, Term | Author | Code | Or)]
    if lacking:
        shown = _listed([f"`{text}`" for text in lacking[:SHOWN]])
        more = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
        others.insert(0, f"the paper does not have {shown}{more}")
    sentence = ", and ".join(others)
    if len(query.alternatives) > 1:
        return f"Nearest is `{nearest}`: {sentence}."
    return f"{sentence[0].upper()}{sentence[1:]}."


# -- the words that met -----------------------------------------------------------------------------------------------


def _of_node(node: Node, paper: Analysed) -> Iterator[Span]:
    """The spans of a node that holds. What is denied has no words to show."""
    if isinstance(node, And | Or):
        for part in node.parts:
            if holds(part, paper):
                yield from _of_node(part, paper)
    elif not isinstance(node, Not):
        yield from _of_leaf(node, paper)


def _of_leaf(leaf: Leaf, paper: Analysed) -> Iterator[Span]:
    document = paper.document
    match leaf:
        case Term():
            begin = 0
            for field, text in passages(leaf, paper):
                for first, last in runs(leaf, text.tokens):
                    start, end = text.tokens[first].start, text.tokens[last].end
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


def _whole(field: str, stored: tuple[str, ...], met: list[bool]) -> Iterator[Span]:
    """The values of a list that met, as spans of the list joined by "; "."""
    begin = 0
    for value, meets in zip(stored, met, strict=True):
        if meets:
            yield Span(field, begin, begin + len(value), value)
        begin += len(value) + len("; ")


def _rank(field: str) -> int:
    return _ORDER.index(field) if field in _ORDER else len(_ORDER)


def _words_in(field: str, words: list[str]) -> str:
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    quoted = _listed([f"“{word}”" for word in words[:SHOWN]]) + more
    if field in _PLACES:
        return f"{quoted} in {_PLACES[field]}"
    return {"type": f"the type {quoted}", "since": f"been announced on {words[0]}"}.get(field, f"{words[0]} {field}")


# -- the words that did not -------------------------------------------------------------------------------------------


def _failed(node: Node, paper: Analysed) -> list[Node]:
    """The parts of a node that do not hold, down to what can be named."""
    if isinstance(node, And):
        return [failed for part in node.parts for failed in _failed(part, paper)]
    return [] if holds(node, paper) else [node]


def _distance(wish: Node, paper: Analysed) -> tuple[float, int]:
    """How far a wish is from being met: the share of its parts that fail, then their number."""
    parts = len(wish.parts) if isinstance(wish, And) else 1
    failed = len(_failed(wish, paper))
    return failed / parts, failed


def _shortfall(node: Node, paper: Analysed) -> str:
    """Why an exclusion, a number or a date does not hold."""
    match node:
        case Not(part):
            met = sorted(dict.fromkeys(_of_node(part, paper)), key=lambda span: (_rank(span.field), span.start))
            if not met:
                return f"`{part}` is excluded, and holds"
            span = met[0]
            where = f" in {_PLACES[span.field]}" if span.field in _PLACES else ""
            return f"`{part}` is excluded, and “{span.text}” stands{where}" if where else f"`{part}` is excluded"
        case Number(count, comparison, value):
            known = paper.document.count(count)
            if known is None:
                return f"nobody has told its {count}, and `{node}` is asked for"
            apart = abs(known - value) + (comparison in ("<", ">"))
            away = f": {apart} too {'few' if known <= value and comparison in ('>=', '>', '=') else 'many'}"
            return f"it has {known:,} {count}, and `{node}` is asked for{away}"
        case Since(day):
            return f"it was announced on {stored_field(paper, 'since')}, before {day.isoformat()}"
        case _:
            return f"`{node}` does not hold"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
