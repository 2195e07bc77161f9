r"""BibTeX, as BibTeX itself reads it (O. Patashnik, "BibTeXing", 1988; the grammar in `bibtex.web`).

What counts there: values stand in braces, and braces are counted whatever stands before them, also in `\{`; names are
parted by the word `and` outside of braces; two commas in a name part family, suffix and given name. TeX that a title
holds stays TeX. What would break it is written so that it prints as it reads: `%`, `&`, `#`; outside of mathematics
`_`, `^`, `<`, `>` and `|`; a `$` or a brace without a partner. Titles have braces of their own, so that no style takes
their capitals away. UTF-8.
"""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from paperlark.formats.cited import Cited, Person, cited
from paperlark.model.papers import StoredPaper

MEDIA = "application/x-bibtex"

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WIDTH = len("archivePrefix")
_RESERVED = re.compile(r",|\b(?:and|others)\b", re.IGNORECASE)

_TOKEN = re.compile(r"\\[A-Za-z]+|\\[^A-Za-z]?|[{}$%&#_^~<>|]|[^\\{}$%&#_^~<>|]+", re.DOTALL)
_PARTNERS = {"}": "{", r"\}": r"\{"}
_CONTROL = frozenset(r"'`\"^~=.,;:!-/@&%$#_()[]\ |")  # what TeX knows behind a backslash, beside letters
_ALWAYS = {"%": r"\%", "&": r"\&", "#": r"\#"}
_AS_TEXT = _ALWAYS | {
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "$": r"\$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    r"\{": r"\textbraceleft{}",
    r"\}": r"\textbraceright{}",
}
_IN_MATH = _ALWAYS | {"{": r"\lbrace{}", "}": r"\rbrace{}", r"\{": r"\lbrace{}", r"\}": r"\rbrace{}"}


def write(papers: Iterable[StoredPaper]) -> str:
    """The papers, an entry each, an empty line between two."""
    return "\n".join(_entry(cited(paper)) for paper in papers)


def _entry(paper: Cited) -> str:
    fields = "".join(f"  {name.ljust(_WIDTH)} = {value},\n" for name, value in _fields(paper))
    return f"@misc{{{paper.key},\n{fields}}}\n"


def _fields(paper: Cited) -> Iterator[tuple[str, str]]:
    people = [_name(person) for person in paper.people]
    if people:
        yield "author", f"{{{' and '.join(people + ['others'] * bool(paper.unnamed))}}}"
    yield "title", f"{{{{{tex(paper.raw_title)}}}}}"
    yield "year", f"{{{paper.day:%Y}}}"
    yield "month", _MONTHS[paper.day.month - 1]
    if paper.arxiv:
        yield "eprint", f"{{{paper.arxiv}}}"
        yield "archivePrefix", "{arXiv}"
    if paper.primary:
        yield "primaryClass", f"{{{paper.primary}}}"
    if paper.doi:
        yield "doi", f"{{{_verbatim(paper.doi)}}}"
    if paper.url:
        yield "url", f"{{{_verbatim(paper.url)}}}"
    if paper.keywords:
        yield "keywords", f"{{{tex(', '.join(paper.keywords))}}}"
    if paper.raw_abstract:
        yield "abstract", f"{{{tex(paper.raw_abstract)}}}"


def _name(person: Person) -> str:
    """ "van Beethoven, Ludwig", "King, Jr., Martin Luther", "{The ATLAS Collaboration}"."""
    if person.body:
        return f"{{{tex(person.family)}}}"
    return ", ".join(_whole(part) for part in (person.family, person.suffix, person.given) if part)


def _whole(part: str) -> str:
    """A part of a name, in braces where BibTeX would take it apart."""
    return f"{{{tex(part)}}}" if _RESERVED.search(part) else tex(part)


def _verbatim(name: str) -> str:
    """A DOI or an address: styles print it as it stands, so what would break a value is percent-encoded."""
    return quote(name, safe="%/:=&?~#+!$,;'@()*[]<>_-.")


# ── text ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def tex(text: str) -> str:
    """Text that may hold TeX, as the inside of a value: its braces are in balance, so are its dollars, and what is no
    TeX prints as it reads."""
    tokens = _TOKEN.findall(text)
    partners = _paired_braces(tokens)
    in_math = _mathematics(tokens, partners)
    return "".join(
        _written(token, tokens[at + 1 : at + 2], at in partners, at in in_math) for at, token in enumerate(tokens)
    )


def _written(token: str, following: list[str], paired: bool, mathematical: bool) -> str:
    if paired:
        return token
    if token.startswith("\\") and token not in _AS_TEXT:
        known = token[1:].isascii() and (token[1:].isalpha() or token[1:] in _CONTROL)
        return token if known else r"\textbackslash{}" + token[1:]
    if token == "~":
        return token if mathematical or _ties(following) else r"\textasciitilde{}"
    return (_IN_MATH if mathematical else _AS_TEXT).get(token, token)


def _ties(following: list[str]) -> bool:
    """TeX's space that no line breaks at stands before a word; "~50" means about as many."""
    return bool(following) and following[0][0].isalpha()


def _paired_braces(tokens: list[str]) -> set[int]:
    """Where the braces stand that have a partner of their own kind."""
    paired, open_ones = set[int](), list[int]()
    for at, token in enumerate(tokens):
        if token in _PARTNERS.values():
            open_ones.append(at)
        elif token in _PARTNERS and open_ones and tokens[open_ones[-1]] == _PARTNERS[token]:
            paired |= {open_ones.pop(), at}
    return paired


def _mathematics(tokens: list[str], paired: set[int]) -> set[int]:
    """Which tokens are mathematics: those from a dollar to the next, with the dollars.

    As in Markdown of Pandoc, the first has no space behind it, the last none before it and no digit behind it, so that
    prices are none; and both stand in the same group.
    """
    found, depth, opened = set[int](), 0, (-1, 0)
    for at, token in enumerate(tokens):
        if at in paired:
            depth += 1 if token in _PARTNERS.values() else -1
            if depth < opened[1]:
                opened = (-1, 0)
        elif token == "$":
            before, behind = tokens[at - 1 : at], tokens[at + 1 : at + 2]
            start, outside = opened
            closes = start >= 0 and depth == outside and at - start > 1
            if closes and not before[0][-1].isspace() and not (behind and behind[0][0].isdigit()):
                found.update(range(start, at + 1))
                opened = (-1, 0)
            elif behind and not behind[0][0].isspace() and behind != ["$"]:
                opened = (at, depth)
    return found
