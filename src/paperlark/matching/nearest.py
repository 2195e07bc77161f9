"""Why a paper did not meet a query: the alternative that came nearest, and each part of it that did not hold."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from paperlark.matching.document import Analysed
from paperlark.matching.explain import PLACES, SHOWN, spans_of, stored_field
from paperlark.matching.near import said_of
from paperlark.matching.query import Query
from paperlark.matching.reference import holds
from paperlark.matching.tree import And, Near, Node, Not, Number, Since, leaves
from paperlark.model.messages import Span


class Lack(StrEnum):
    """What kind of part did not hold."""

    WORDS = "words"  # words, a person, a category, a source, an id, a type
    EXCLUSION = "exclusion"
    NUMBER = "number"
    DATE = "date"
    MEANING = "meaning"  # it reads otherwise


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A part of an alternative that does not hold.

    asked: the part, as canonical text of the profile language. clause: in words, without a full stop. span: the word
    that fired an exclusion. away: how far a number is from being reached; None where nobody has told it.
    """

    lack: Lack
    asked: str
    clause: str
    span: Span | None = None
    away: int | None = None


@dataclass(frozen=True, slots=True)
class Nearest:
    """The alternative that lacks least, as canonical text; `alone` where the query has no other."""

    alternative: str
    alone: bool
    shortfalls: tuple[Shortfall, ...]

    @property
    def lacks(self) -> tuple[Lack, ...]:
        """The kinds of what it lacked, in the order of Lack."""
        return tuple(lack for lack in Lack if any(each.lack is lack for each in self.shortfalls))

    def only(self, lack: Lack) -> "Nearest":
        """The same, of one kind of what it lacked."""
        return replace(self, shortfalls=tuple(each for each in self.shortfalls if each.lack is lack))

    @property
    def clause(self) -> str:
        """All that it lacked, in plain words without a full stop."""
        said = ", and ".join(_clauses(self.shortfalls))
        return said if self.alone else f"nearest is `{self.alternative}`: {said}"

    @property
    def sentence(self) -> str:
        """The same as one plain sentence."""
        return f"{self.clause[0].upper()}{self.clause[1:]}."


def nearest(query: Query, paper: Analysed) -> Nearest | None:
    """What came nearest to meeting the query; None where the paper meets it.

    Of several alternatives that of which the least share of parts fails; then the one with fewer that fail; then the
    first as written.
    """
    if holds(query.tree, paper):
        return None
    wish = min(query.alternatives, key=lambda wish: _distance(wish, paper))
    shortfalls = tuple(_shortfall(node, paper) for node in _failed(wish, paper))
    return Nearest(str(wish), len(query.alternatives) == 1, shortfalls)


def why_not(query: Query, paper: Analysed) -> str:
    """One sentence: the nearest alternative and what it lacked; or the exclusion that fired, and where; or the number
    that was not reached, and by how much. "" where the paper meets the query."""
    found = nearest(query, paper)
    return found.sentence if found else ""


def _failed(node: Node, paper: Analysed) -> list[Node]:
    """The parts of a node that do not hold, down to what can be named."""
    if isinstance(node, And):
        return [failed for part in node.parts for failed in _failed(part, paper)]
    return [] if holds(node, paper) else [node]


def _distance(wish: Node, paper: Analysed) -> tuple[float, int]:
    parts = len(wish.parts) if isinstance(wish, And) else 1
    failed = len(_failed(wish, paper))
    return failed / parts, failed


def _clauses(shortfalls: tuple[Shortfall, ...]) -> Iterator[str]:
    """What was lacking in words, in one clause for all missing words."""
    lacking = [f"`{each.asked}`" for each in shortfalls if each.lack is Lack.WORDS]
    if lacking:
        more = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
        yield f"the paper does not have {_listed(lacking[:SHOWN])}{more}"
    yield from (each.clause for each in shortfalls if each.lack is not Lack.WORDS)


def _shortfall(node: Node, paper: Analysed) -> Shortfall:
    match node:
        case Not(part):
            met = sorted(spans_of(part, paper), key=lambda span: (span.field not in PLACES, span.start))
            span = met[0] if met else None
            where = f", and “{span.text}” stands in {PLACES[span.field]}" if span and span.field in PLACES else ""
            return Shortfall(Lack.EXCLUSION, str(node), f"`{part}` is excluded{where or ', and holds'}", span)
        case Number(count, comparison, value):
            known = paper.document.count(count)
            if known is None:
                return Shortfall(Lack.NUMBER, str(node), f"nobody has told its {count}, and `{node}` is asked for")
            apart = abs(known - value) + (comparison in ("<", ">"))
            away = f"{apart} too {'few' if known <= value and comparison in ('>=', '>', '=') else 'many'}"
            clause = f"it has {known:,} {count}, and `{node}` is asked for: {away}"
            return Shortfall(Lack.NUMBER, str(node), clause, away=apart)
        case Since(day):
            announced = stored_field(paper, "since")
            return Shortfall(Lack.DATE, str(node), f"it was announced on {announced}, before {day.isoformat()}")
        case Near():
            return Shortfall(Lack.MEANING, str(node), f"it does not read like {said_of(node, paper.texts.direction)}")
        case _:
            return Shortfall(_kind_of(node), str(node), f"the paper does not have `{node}`")


def _kind_of(node: Node) -> Lack:
    """An Or of checks of one kind lacks that; of several kinds, words."""
    kinds = {_OF.get(type(leaf), Lack.WORDS) for leaf in leaves(node)}
    return kinds.pop() if len(kinds) == 1 else Lack.WORDS


_OF: dict[type, Lack] = {Number: Lack.NUMBER, Since: Lack.DATE, Near: Lack.MEANING}


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
