"""How arXiv writes names: its papers' ids in their spellings, and all of a paper's authors in one line.

Ids: https://info.arxiv.org/help/arxiv_identifier.html. Authors: https://info.arxiv.org/help/prep.html#author. They are
separated by commas or "and"; affiliations stand in parentheses, which may nest; TeX is kept as written.
"""

import re
from typing import NamedTuple

from paperlark.model.papers import Alias, arxiv_alias
from paperlark.sources._reading import fold

ABSTRACT_PAGE = "https://arxiv.org/abs/"
AUTHORS_KEPT = 5_000

_ID_PREFIX = re.compile(
    r"(?:oai:arXiv\.org:|arXiv:|(?:https?://)?(?:\w+\.)?arxiv\.org/(?:abs|pdf|html)/|/?abs/)", re.IGNORECASE
)
_ID_TAIL = re.compile(r"(?:\.pdf)?/?(?:[?#].*)?$", re.IGNORECASE | re.DOTALL)
_SUBJECT_CLASS = re.compile(r"^([a-z-]+)\.[a-z]{2}(?=/\d{7})", re.IGNORECASE)  # math.GT/0309136 is math/0309136
_VERSION = re.compile(r"v(\d{1,4})$")

_GROUP = r"(?:collaborations?|consortium|team|group)\b"
_SEPARATOR = re.compile(
    r"[,;]"
    # "the LIGO and Virgo Collaborations" stay together.
    rf"|(?<=\s)(?:and|&)\s(?!(?:the\s)?[^\s,;]+(?:\s(?!and\s)[^\s,;]+)?\scollaborations\b)"
    rf"|(?:(?<=\s)|^)(?:on behalf of|for)\s(?=the\s[^,;]{{1,80}}?{_GROUP})",
    re.IGNORECASE,
)
_GROUP_COLON = re.compile(rf"({_GROUP})\s*:", re.IGNORECASE)  # "D0 Collaboration: V. Abazov"
_SUFFIX = re.compile(r"(?:jr|sr)\.?|ii|iii|iv", re.IGNORECASE)
_NOBODY = re.compile(  # an "and" that separated nothing, and what stands for authors without naming them
    r"^(?:(?:and|&)(?:\s|$))?(?:others$)?|(?:\bet\.? al\b\.?|\band others\b|…|\.\.\.)$", re.IGNORECASE
)
_PARENTHESIS = re.compile(r"[()]")
_DOUBT = re.compile(r"\([^,;]*")  # a parenthesis that nobody closed: what it holds ends at the next comma


class ArxivId(NamedTuple):
    """An arXiv id: the paper's alias, and the version where one stood behind it."""

    alias: Alias
    version: int | None

    @property
    def page(self) -> str:
        """The abstract page, without a version: where arXiv asks links to lead."""
        return ABSTRACT_PAGE + self.alias.value


def read_id(text: str) -> ArxivId | None:
    """The id in one of its spellings (`2511.00001v2`, `oai:arXiv.org:…`, `arXiv:…`, an abstract's address), or None."""
    bare = _ID_TAIL.sub("", _ID_PREFIX.sub("", text.strip(), count=1))
    alias = arxiv_alias(_SUBJECT_CLASS.sub(r"\1", bare))
    if alias is None:
        return None
    version = _VERSION.search(bare.lower())
    return ArxivId(alias, int(version[1]) if version else None)


def split_authors(line: str) -> tuple[str, ...]:
    """The authors in one line, as written, without their affiliations; at most 5,000.

    Commas, semicolons and "and" separate; nothing inside parentheses does, however deep. A collaboration is an author
    like any other, whether it stands first ("X Collaboration: A. One") or last ("for the X collaboration"). "Jr." goes
    with the name before it; "et al" names nobody and is left out. Linear in the length of the line.
    """
    bare = _GROUP_COLON.sub(r"\1,", fold(_without_parentheses(line)))
    names: list[str] = []
    for part in _SEPARATOR.split(bare):
        name = _NOBODY.sub("", part.strip()).strip()
        if names and _SUFFIX.fullmatch(name):
            names[-1] += f" {name}"
        elif any(letter.isalnum() for letter in name):
            names.append(name)
        if len(names) > AUTHORS_KEPT:
            break
    return tuple(names[:AUTHORS_KEPT])


def unturned(name: str) -> str:
    """A name that is written with the family name first ("One, Ada B."), the way it is said: "Ada B. One"."""
    family, comma, given = fold(name).partition(",")
    return f"{given.strip()} {family.strip()}".strip() if comma else family


def _without_parentheses(line: str) -> str:
    """The line with a space in place of each outermost pair of parentheses and all that it holds."""
    opened: list[int] = []
    pairs: list[tuple[int, int]] = []
    for sign in _PARENTHESIS.finditer(line):
        if sign[0] == "(":
            opened.append(sign.start())
        elif opened:
            start = opened.pop()
            while pairs and pairs[-1][0] > start:
                pairs.pop()
            pairs.append((start, sign.end()))
    outside: list[str] = []
    end = 0
    for start, after in pairs:
        outside.append(line[end:start])
        end = after
    outside.append(line[end:])
    return _DOUBT.sub(" ", " ".join(outside)).replace(")", " ")
