"""From a profile's text to its tree: the grammar's tokens become checks, and what cannot be read becomes a problem
with a place and, where there is one, the smallest change that would do.
"""

import re
from datetime import date
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from itertools import takewhile
from typing import NamedTuple, NoReturn, cast

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from paperlark.matching.names import read_name
from paperlark.matching.text import tokenise
from paperlark.matching.tree import (
    CODE_FIELDS,
    LEAST,
    NUMBERS,
    TEXT_FIELDS,
    And,
    Author,
    Code,
    CodeField,
    Comparison,
    Count,
    Near,
    NearField,
    Node,
    Not,
    Number,
    Or,
    Reading,
    Since,
    Term,
    TextField,
    all_of,
    any_of,
    leaves,
    none_of,
)
from paperlark.model.papers import arxiv_alias, doi_alias

LENGTH = 4_000  # code points of a profile's text
WORDS = 200  # words and checks in it
DEPTH = 20  # parentheses inside one another
DIGITS = 9  # of a number


class Change(NamedTuple):
    """Put `text` in the place of [start:end] of the query's text."""

    start: int
    end: int
    text: str


class Unreadable(Exception):  # noqa: N818  a finding, told on as QueryError
    """The text stops making sense at code point `at`; `change` is the smallest that would help with this problem."""

    def __init__(self, message: str, at: int, change: Change | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.change = change


# What keyboards and word processors make of the language's signs, one for one, so that places stay.
_SIGNS = str.maketrans("“”„‟«»＂‐‑‒–—―−－，、（）：｜＝＊", '"' * 7 + "-" * 8 + ",,():|=*")
_WHITE = " \t\r\n\f\v,"


def read(text: str) -> Node:
    """The tree of a profile's text. Raises Unreadable."""
    if len(text) > LENGTH:
        raise Unreadable(f"a profile may have {LENGTH:,} characters, this one has {len(text):,}", LENGTH)
    text = text.translate(_SIGNS)
    if not text.strip(_WHITE):
        raise Unreadable("the query is empty", 0)
    _check_pairs(text)
    try:
        parsed = _grammar().parse(text)
    except UnexpectedInput as error:
        _explain(text, error)
    [query] = _trees(parsed)
    wishes = [_Wish(*_span(each), _node(text, each, None)) for wish in _trees(query) for each in _trees(wish)]
    words = sum(len(leaf.words) if isinstance(leaf, Term) else 1 for wish in wishes for leaf in leaves(wish.node))
    if words > WORDS:
        raise Unreadable(f"a profile may have {WORDS} words and checks, this one has {words}", len(text))
    _check_wishes(text, wishes)
    return any_of([wish.node for wish in wishes])


@cache
def _grammar() -> Lark:
    # The basic lexer: a contextual one would read a misplaced OR as a word.
    grammar = (files(__package__) / "grammar.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer="basic", propagate_positions=True, maybe_placeholders=False)


# -- the text as a whole ----------------------------------------------------------------------------------------------


def _check_pairs(text: str) -> None:
    """Every quote and parenthesis has its other half. A backslash takes away the next sign's meaning (TeX accents)."""
    opened: list[int] = []
    at = 0
    while at < len(text):
        sign = text[at]
        if sign == "\\":
            at += 1
        elif sign == '"':
            at = _closing_quote(text, at)
        elif sign == "(":
            opened.append(at)
            if len(opened) > DEPTH:
                raise Unreadable(f"parentheses may stand {DEPTH} deep, these are deeper", at)
        elif sign == ")":
            if not opened:
                raise Unreadable("a parenthesis is closed that was not opened", at, Change(at, at + 1, ""))
            opened.pop()
        at += 1
    if opened:
        end = len(text.rstrip(_WHITE))
        raise Unreadable("a parenthesis is opened and not closed", opened[-1], Change(end, end, ")"))


def _closing_quote(text: str, start: int) -> int:
    at = start + 1
    while at < len(text):
        if text[at] == '"':
            return at
        at += 2 if text[at] == "\\" else 1
    line = text[: text.find("\n", start)] if "\n" in text[start:] else text
    end = len(line.rstrip(_WHITE + ")\\"))  # most likely it was meant to end with its line
    change = Change(end, end, '"') if end > start + 1 else Change(start, start + 1, "")
    raise Unreadable("a quote is opened and not closed", start, change)


def _explain(text: str, error: UnexpectedInput) -> NoReturn:
    """What the grammar did not expect, in a reader's words."""
    if isinstance(error, UnexpectedCharacters):
        at = cast(int, error.pos_in_stream)
        away = Change(at, at + 1, "")
        if text[at] == "-":
            raise Unreadable("a dash stands alone (`-word` excludes a word)", at, away) from None
        raise Unreadable(f"`{text[at]}` means nothing here", at, away) from None
    assert isinstance(error, UnexpectedToken)
    token: Token = error.token
    until = len(text) if token.type == "$END" else _start(token)
    earlier = list(takewhile(lambda each: _start(each) < until, _grammar().lex(text)))
    before = earlier[-1] if earlier else None
    if before is not None and before.type in ("AND", "OR", "NOT", "MINUS", "FIELD"):
        raise Unreadable(f"`{before.strip()}` has nothing after it", _start(before), _without(before)) from None
    if token.type == "RPAR":
        opened = text.rindex("(", 0, _start(token))
        raise Unreadable("the parentheses are empty", opened, Change(opened, _end(token), "")) from None
    if token.type in ("AND", "OR"):
        raise Unreadable(f"`{token}` has nothing before it", _start(token), _without(token)) from None
    raise Unreadable(f"`{token.strip()}` is not expected", max(0, _start(token)), _without(token)) from None


class _Wish(NamedTuple):
    """One alternative, and where it is written."""

    start: int
    end: int
    node: Node


def _check_wishes(text: str, wishes: list[_Wish]) -> None:
    """Every alternative asks for something."""
    for number, (start, end, node) in enumerate(wishes):
        if _asks(node):
            continue
        written = text[start:end]
        if not _denies(node):
            quoted = Change(start, end, f'"{written}"') if not set(written) & set('"()*:\\') else None
            raise Unreadable(f"nearly every paper has `{written}` (quote it to ask for it all the same)", start, quoted)
        change: Change | None
        if number:  # let it exclude from the alternative before it, or else from the one after it
            change = Change(wishes[number - 1].end, start, " ")
        elif len(wishes) > 1:
            change = Change(end, wishes[1].start, " ")
        else:
            signs = _DENIAL.match(written)
            change = Change(start, start + signs.end(), "") if signs else None
        raise Unreadable("an alternative must ask for something, not only exclude", start, change)


_DENIAL = re.compile(r"(?:NOT(?=[\s(\"])\s*|-)+")
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a about all also an and any are as at be been but by can do for from had has have he her his how i if
        in into is it its may more most no not of on one or our she so some such than that the their them then
        there these they this those to up us use using was we were what when where which while who will with
        would you your
        """,
    )
)


def says_nothing(term: Term) -> bool:
    """Whether nearly every paper has it."""
    return term.reading is Reading.STEMMED and not term.prefix and _STOP_WORDS.issuperset(term.words)


def _asks(node: Node, denied: bool = False) -> bool:
    """Whether no paper can meet the node without having something that it names."""
    if isinstance(node, Not):
        return _asks(node.part, not denied)
    if isinstance(node, And | Or):
        return (any if isinstance(node, And) is not denied else all)(_asks(part, denied) for part in node.parts)
    return not denied and not (isinstance(node, Term) and says_nothing(node))


def _denies(node: Node) -> bool:
    return isinstance(node, Not) or (isinstance(node, And | Or) and any(map(_denies, node.parts)))


# -- from the grammar's tree to ours ----------------------------------------------------------------------------------


def _node(text: str, tree: Tree[Token], field: Token | None) -> Node:
    """`field` is the one that holds for the group that this stands in."""
    children = _trees(tree)
    match tree.data:
        case "query" | "wish":
            return any_of([_node(text, child, field) for child in children])
        case "all":
            return all_of([_node(text, child, field) for child in children])
        case "denied":
            node = _node(text, children[0], field)
            return none_of(node) if (len(tree.children) - 1) % 2 else node
        case "group":
            return _node(text, children[0], field)
        case "fielded":
            fields = [child for child in tree.children if isinstance(child, Token)]
            inner = fields[1:] if field is None else fields
            first = field or fields[0]
            if inner and _name(first) in (*CODE_FIELDS, "like") and children[0].data == "check":
                # What looks like a field inside is part of the value: source:arxiv:cs.CL
                return _check(text, _end(fields[0]) if field is None else _start(fields[0]), children[0], first)
            if inner:
                start, (_, end) = _start(inner[0]), _span(tree)
                ours = _name(inner[0]) in _FIELDS or children[0].data == "group"
                change = _without(inner[0]) if ours else Change(start, end, f'"{text[start:end]}"')
                raise Unreadable("a field cannot stand inside a field", start, change)
            if children[0].data == "group":
                _known(text, first, None)
            return _node(text, children[0], first)
        case _:
            return _check(text, _span(tree)[0], tree, field)


def _check(text: str, start: int, tree: Tree[Token], field: Token | None) -> Node:
    """One check: what is written from `start` to the tree's end, in a field or in none."""
    token, *more = cast("list[Token]", tree.children)
    end, least = _end(token), next(iter(more), None)
    if least is not None and (field is None or _name(field) not in LEAST):
        raise Unreadable("`>=` goes with a count, or with `about:` and `like:`", _start(least), _without(least))
    if token.type == "NUMBER":
        if field is not None:
            raise Unreadable("a number check cannot stand inside a field", start, _without(field))
        return _number(str(token), start, end)
    name = _known(text, field, token)
    value = _Value.of(text[start:end], start, end)
    if name is None or name in TEXT_FIELDS:
        if name == "author":
            return _author(value)
        return _term(value, cast("TextField | None", name))
    if name in CODE_FIELDS:
        if text[end : end + 1] == "(":
            close = re.compile(r"[^\s\",|]*").match(text, end)
            until = close.end() if close else end
            raise Unreadable("a value with parentheses is quoted", end, Change(start, until, f'"{text[start:until]}"'))
        return _code(value, name)
    if name in LEAST:
        return _near(value, name, least)
    assert field is not None
    if name == "since":
        return _since(value, _start(field))
    return _number(text[_start(field) : end], _start(field), end)


def _known(text: str, field: Token | None, token: Token | None) -> str | None:
    """The field's name, which is one of ours."""
    if field is None:
        return None
    name = _name(field)
    if name in _FIELDS:
        if token is None and name not in TEXT_FIELDS + CODE_FIELDS:
            raise Unreadable(f"`{name}:` takes one value", _start(field), _without(field))
        return name
    nearest = _MEANT.get(name) or next(iter(get_close_matches(name, _FIELDS, 1, 0.6)), None)
    start, end = _start(field), _end(field)
    if nearest:
        change = Change(start, start + len(name), nearest)
    elif token is not None and token.type == "WORD":
        change = Change(start, _end(token), f'"{text[start : _end(token)]}"')
    else:
        change = Change(start + len(name), end, " ")
    raise Unreadable(f"there is no field `{name}`", start, change)


_FIELDS = (*TEXT_FIELDS, *CODE_FIELDS, *NUMBERS, *LEAST, "since")
_MEANT = {
    "ti": "title", "titles": "title", "abs": "abstract", "summary": "abstract", "au": "author", "by": "author",
    "name": "author", "organisation": "org", "organization": "org", "affiliation": "org", "category": "cat",
    "categories": "cat", "subject": "cat", "arxiv": "id", "from": "source", "sources": "source", "types": "type",
    "likes": "upvotes", "votes": "upvotes", "upvote": "upvotes", "comment": "comments", "star": "stars",
    "after": "since", "date": "since",
}  # fmt: skip


class _Value(NamedTuple):
    """A word or a quoted text with what stands around it: `=`, quotes, `*`; and its place."""

    said: str
    exact: bool
    quoted: bool
    prefix: bool
    start: int
    end: int

    @classmethod
    def of(cls, written: str, start: int, end: int) -> "_Value":
        exact = written.startswith("=")
        said = written.removeprefix("=")
        prefix = said.endswith("*")
        said = said.rstrip("*")
        quoted = said.startswith('"')
        if quoted:
            said = said[1:-1]
            prefix = prefix or said.endswith("*")
            said = said.rstrip("*")
        return cls(said, exact, quoted, prefix, start, end)

    @property
    def without(self) -> Change:
        return Change(self.start, self.end, "")


def _term(value: _Value, field: TextField | None) -> Term:
    if not value.quoted:
        _check_word(value)
    tokens = tokenise(value.said)
    if not tokens:
        raise Unreadable("there is no word to look for here", value.start, value.without)
    if value.prefix and len(tokens) == 1 and tokens[0].word.isascii() and len(tokens[0].word) < 2:
        change = Change(value.start, value.end, value.said)
        raise Unreadable("before `*` at least two letters are needed", value.start, change)
    if value.exact:
        return Term(tuple(token.exact for token in tokens), Reading.EXACT, value.prefix, field)
    reading = Reading.PHRASE if value.quoted else Reading.STEMMED
    return Term(tuple(token.word for token in tokens), reading, value.prefix, field)


def _check_word(value: _Value) -> None:
    """What would be read otherwise than it was surely meant."""
    star = re.search(r"\*+(?=\w)", value.said)
    if star:
        at = value.start + value.exact + star.start()
        raise Unreadable("`*` may only end a word", at, Change(at, at + len(star[0]), ""))
    if value.said.endswith(";"):
        raise Unreadable("alternatives are parted by commas", value.end - 1, Change(value.end - 1, value.end, ","))
    unknown = re.fullmatch(r"([A-Za-z_]+)(?:>=|<=|≥|≤|>|<)\d+", value.said)
    if unknown:
        name = unknown[1].lower()
        nearest = _MEANT.get(name) or next(iter(get_close_matches(name, NUMBERS, 1, 0.5)), None)
        change = Change(value.start, value.start + len(name), nearest) if nearest in NUMBERS else value.without
        raise Unreadable(f"there is no count `{name}`", value.start, change)


def _author(value: _Value) -> Term | Author:
    """One word meets any word of a name; more are a whole name."""
    tokens = tokenise(value.said)
    name = read_name(value.said)
    if name is None:
        raise Unreadable("there is no name to look for here", value.start, value.without)
    if len(tokens) == 1 and "," not in value.said:
        term = _term(value, "author")
        return term if value.exact else Term(term.words, Reading.PHRASE, term.prefix, "author")
    if value.exact or value.prefix:
        plain = Change(value.start, value.end, f'"{value.said}"')
        raise Unreadable("`=` and `*` go with a single word of a name", value.start, plain)
    return Author(name)


def _code(value: _Value, field: CodeField) -> Code:
    said = " ".join(value.said.replace("\\", "").replace('"', "").split()).casefold().rstrip("*")
    if not any(map(str.isalnum, said)):
        raise Unreadable("there is no value to look for here", value.start, value.without)
    if field in ("id", "doi") and not value.prefix:
        alias = arxiv_alias(said) or doi_alias(said.removeprefix("doi:"))
        if alias is not None:
            # arXiv's own DOIs name arXiv's papers.
            return Code("doi" if field == "doi" and alias.scheme == "doi" else "id", alias.value)
    return Code(field, said, value.prefix)


_NUMBER = re.compile(
    r"(?P<count>[a-z]+)\s*:?\s*(?P<comparison>>=|<=|≥|≤|>|<|=)?\s*(?P<value>.*)", re.IGNORECASE | re.DOTALL
)


def _number(written: str, start: int, end: int) -> Number:
    found = _NUMBER.fullmatch(written)
    assert found is not None
    count = cast(Count, found["count"].lower())
    comparison = (found["comparison"] or "=").replace("≥", ">=").replace("≤", "<=")
    value = found["value"]
    if not re.fullmatch(rf"[0-9]{{1,{DIGITS}}}", value):
        digits = re.match(rf"[0-9]{{1,{DIGITS}}}", value.lstrip('"'))
        mended = f"{count}:{comparison}{digits[0]}" if digits else ""
        at = start + found.start("value")
        raise Unreadable(f"`{count}` takes a whole number of up to {DIGITS} digits", at, Change(start, end, mended))
    return Number(count, cast(Comparison, comparison), int(value))


def _since(value: _Value, start: int) -> Since:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value.said) and not value.prefix and not value.exact:
            return Since(date.fromisoformat(value.said))
    except ValueError:
        pass  # no such day
    change = Change(start, value.end, "")
    if parts := re.match(r"([0-9]{4})(?:[-/.]([0-9]{1,2})(?:[-/.]([0-9]{1,2}))?)?", value.said):
        year, month, day = (int(part or 1) for part in parts.groups())
        if year >= 1 and 1 <= month <= 12:
            latest = max(d for d in range(28, 32) if _is_day(year, month, d))
            change = Change(start, value.end, f"since:{date(year, month, min(max(day, 1), latest)).isoformat()}")
    raise Unreadable("`since` takes a day as in 2026-01-31", value.start, change)


_CLOSENESS = re.compile(r"(?:>=|≥)\s*(?P<number>[0-9.]*)")


def _near(value: _Value, field: NearField, least: Token | None) -> Near:
    written = "" if least is None else str(least)
    said = value.said
    if not value.quoted and (found := _CLOSENESS.search(said)):
        said, written = said[: found.start()], said[found.start() :]
    said = " ".join(said.replace("\\", "").replace('"', "").split())
    if value.exact or value.prefix:
        plain = Change(value.start, value.end, f'"{said}"')
        raise Unreadable(f"`=` and `*` do not go with `{field}:`", value.start, plain)
    if not tokenise(said):
        raise Unreadable("there is nothing here to be like", value.start, value.without)
    if field == "like" and (alias := arxiv_alias(said) or doi_alias(said.removeprefix("doi:"))) is not None:
        said = alias.value
    return Near(field, said, _closeness(written, value, least) if written else LEAST[field])


def _closeness(written: str, value: _Value, least: Token | None) -> float:
    found = _CLOSENESS.fullmatch(written)
    if found and re.fullmatch(r"0?\.[0-9]{1,2}|1(?:\.0{1,2})?", found["number"]) and float(found["number"]) > 0:
        return float(found["number"])
    start = value.end - len(written) if least is None else _start(least)
    end = value.end if least is None else _end(least)
    raise Unreadable("closeness is a number between 0.01 and 1, as in `>=0.6`", start, Change(start, end, ""))


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


# -- the grammar's tokens ---------------------------------------------------------------------------------------------


def _name(field: Token) -> str:
    return field.rstrip(": \t").lower()


def _trees(tree: Tree[Token]) -> list[Tree[Token]]:
    return [child for child in tree.children if isinstance(child, Tree)]


def _span(tree: Tree[Token]) -> tuple[int, int]:
    return tree.meta.start_pos, tree.meta.end_pos


def _start(token: Token) -> int:
    return token.start_pos if token.start_pos is not None else 0


def _end(token: Token) -> int:
    return token.end_pos if token.end_pos is not None else 0


def _without(token: Token) -> Change:
    return Change(_start(token), _end(token), "")
