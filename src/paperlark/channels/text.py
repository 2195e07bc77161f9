"""What channels say alike: a digest in plain words and marked runs, before any platform's mark-up. Pure.

`show` turns a paper into the lines that every channel prints: its title with the matched words marked, who wrote it,
where and when it was announced, why it came, and an excerpt of the abstract around the matched words. A channel only
dresses these lines; nothing here knows a platform.

All text from outside is made legible first (`channels.letters`), and marked in runs (`channels.marked`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from urllib.parse import quote, urlsplit

from paperlark.channels.letters import cut, isolate, legible, seen_whole, stop
from paperlark.channels.marked import Run, excerpt, isolated, joined, mark, part, plain
from paperlark.model.messages import Digest, DigestPaper, Reason, Span

# Bounds in code points. Together they keep a paper without its excerpt under 1,700, whatever it was sent with.
TITLE = 300
NAME = 60
ORGANISATION = 80
SOURCES = 100
OCCASION = 80
PROFILE = 60
BECAUSE = 120
WORD = 40
DIGEST_TITLE = 100
NOTE = 600
HEALTH = 300
LINK = 600

NAMES_SHOWN = 3
WORDS_SHOWN = 4
PROFILES_SHOWN = 4

SHOWN_KEPT = 1_024  # papers of digests whose words are remembered: some 2 kB each

REPEATED = "sent again: the first copy's fate is unknown"

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SOURCES = {
    "arxiv": "arXiv",
    "biorxiv": "bioRxiv",
    "capture": "Hugging Face",
    "hf_daily": "Hugging Face",
    "medrxiv": "medRxiv",
}
_PAGES = {
    "arxiv": "https://arxiv.org/abs/",
    "doi": "https://doi.org/",
    "hf": "https://huggingface.co/papers/",
    "url": "",
}
_COUNTS = {"upvotes": "upvote", "comments": "comment", "stars": "star"}


# --- A paper in words -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """A paper in the words that every channel prints.

    title: matched words marked. byline: who wrote it, or "". facts: what happened, where, when, and its counts.
    why: profile names marked, e.g. "because of *Agents*: “tool use” in the title". excerpt: of the abstract, matched
    words marked; empty where none was asked for or none is there. link, code: https addresses, or None.
    """

    title: tuple[Run, ...]
    byline: str
    facts: str
    why: tuple[Run, ...]
    excerpt: tuple[Run, ...]
    link: str | None
    code: str | None


@lru_cache(maxsize=SHOWN_KEPT)
def show(paper: DigestPaper, day: date, *, abstract: int) -> Shown:
    """A paper in words, for a digest of `day`, with at most `abstract` code points of its abstract.

    Remembered: in one hour the same papers are told to many readers, and often for the same reasons.
    """
    spans = [span for reason in paper.reasons for span in reason.spans]
    title = mark(paper.title, (span for span in spans if span.field == "title")) or (Run("(untitled)"),)
    found = mark(paper.abstract, (span for span in spans if span.field == "abstract")) if abstract else ()
    return Shown(
        title=isolated(_shortened(title, TITLE)),
        byline=byline(paper),
        facts=facts(paper, day),
        why=why(paper),
        excerpt=isolated(excerpt(found, abstract)),
        link=link(paper),
        code=https(paper.code_url),
    )


def byline(paper: DigestPaper) -> str:
    """Who wrote it: "A. One, B. Two, C. Three and 61 more · Acme Lab". The count is true, whatever is shown."""
    names = list(islice(filter(None, map(_name, paper.authors)), NAMES_SHOWN + 1))
    total = max(paper.author_count or 0, sum(map(_is_named, paper.authors)))
    # "and 1 more" would be no shorter than the name that it hides.
    shown = names if total == NAMES_SHOWN + 1 == len(names) else names[:NAMES_SHOWN]
    if not shown:
        wrote = count(total, "author") if total else ""
    elif total > len(shown):
        wrote = f"{', '.join(shown)} and {total - len(shown):,} more"
    else:
        wrote = listed(shown)
    organisation = isolate(cut(legible(paper.organisation or ""), ORGANISATION))
    return " · ".join(part for part in (wrote, organisation) if part)


def facts(paper: DigestPaper, day: date) -> str:
    """What happened, where, when, and the counts: "revised: version 2 · arXiv · 20 Nov · 35 upvotes"."""
    sources = list(dict.fromkeys(source_name(source) for source in paper.sources))
    announced = paper.announced_at.date()
    counts = [count(paper.signals[name], noun) for name, noun in _COUNTS.items() if paper.signals.get(name, 0) > 0]
    parts = (_occasion(paper.occasion), cut(", ".join(sources), SOURCES), short_day(announced, day.year), *counts)
    return " · ".join(part for part in parts if part)


def why(paper: DigestPaper) -> tuple[Run, ...]:
    """Every reason in words, profile names marked; none for a paper without reasons."""
    runs: list[Run] = []
    for reason in paper.reasons[:PROFILES_SHOWN]:
        runs.append(Run(" · " if runs else "because of "))
        runs.append(Run(isolate(cut(legible(reason.profile), PROFILE)) or "a profile", True))
        words = because(reason, paper)
        runs.append(Run(f": {words}" if words else ""))
    hidden = len(paper.reasons) - PROFILES_SHOWN
    if hidden > 0:
        runs.append(Run(f" · and {count(hidden, 'more profile')}"))
    return joined(runs)


def because(reason: Reason, paper: DigestPaper) -> str:
    """What met one profile: "“tool use” and “agents” in the title; “planning” in the abstract; 35 upvotes"."""
    if reason.said:
        return cut(legible(reason.said), BECAUSE)
    by_field: dict[str, list[Span]] = {}
    for span in reason.spans:
        by_field.setdefault(span.field, []).append(span)
    titled: set[str] = set()
    parts: list[str] = []
    for field in sorted(by_field, key=_field_order):
        words: dict[str, Span] = {}
        for span in sorted(by_field[field], key=attrgetter("start")):
            if not (field == "abstract" and span.text.casefold() in titled):
                words.setdefault(span.text.casefold(), span)
        if field == "title":
            titled = set(words)
        shown = [_word(paper, span) for span in list(words.values())[:WORDS_SHOWN]]
        if any(shown):
            parts.append(_met(field, list(dict.fromkeys(filter(None, shown))), len(words) - len(shown)))
    return cut("; ".join(parts), BECAUSE)


def link(paper: DigestPaper) -> str | None:
    """Where the paper can be read: its own address if that is https, else one made of what names it, else None."""
    own = https(paper.url)
    if own:
        return own
    named = {alias.scheme: alias.value for alias in reversed(paper.aliases)}
    for scheme, page in _PAGES.items():
        made = https(page + named[scheme].replace("%", "%25")) if scheme in named else None
        if made:
            return made
    return None


def https(address: str | None) -> str | None:
    """The address in ASCII if it is a safe https one (a host, no user name, of bounded length), else None."""
    return _web(address, ("https",))


def own_page(address: str | None) -> str | None:
    """This paperlark's own page: http is allowed too, as on a reader's own machine."""
    return _web(address, ("https", "http"))


def source_name(source: str) -> str:
    """A source's name for readers: "arXiv cs.CL" of "arxiv:cs.CL"."""
    kind, _, instance = legible(source).partition(":")
    name = _SOURCES.get(kind)
    return f"{name} {instance}".rstrip() if name else isolate(cut(instance or kind, WORD))


def _shortened(runs: tuple[Run, ...], limit: int) -> tuple[Run, ...]:
    text = plain(runs)
    return runs if len(text) <= limit else joined((*part(runs, 0, stop(text, 0, limit - 1)), Run("…")))


def _name(author: str) -> str:
    return isolate(cut(legible(author), NAME))


def _is_named(author: str) -> bool:
    """Quick for most: there may be thousands."""
    return bool(author.strip() if author.isascii() and "\\" not in author else legible(author))


def _occasion(occasion: str) -> str:
    kind, _, detail = legible(occasion).partition(":")
    said = {
        "first": "",
        "replaced": f"revised: version {detail.removeprefix('v')}" if detail else "revised",
        "published": f"published as {detail}" if detail else "published",
        "withdrawn": "withdrawn",
    }
    return isolate(cut(said.get(kind, occasion), OCCASION))


_FIELDS = ("title", "abstract", "author", "org", "cat", "source", "id", "doi", "type")


def _field_order(field: str) -> tuple[int, str]:
    return (_FIELDS.index(field) if field in _FIELDS else len(_FIELDS), field)


def _met(field: str, words: list[str], hidden: int) -> str:
    """The words that met a query in one field, in a phrase; `hidden` counts those that are not among them."""
    if field in _COUNTS or field == "authors":
        number = words[0].replace(",", "")
        return count(int(number), _COUNTS.get(field, "author")) if number.isdecimal() else f"{words[0]} {field}"
    quoted = [isolate(word) if field == "author" else f"“{isolate(word)}”" for word in words]
    said = listed(quoted) if hidden <= 0 else f"{', '.join(quoted)} and {hidden} more"
    return {
        "title": f"{said} in the title",
        "abstract": f"{said} in the abstract",
        "author": f"by {said}",
        "org": f"{said} in the organisation",
        "cat": f"category {said}",
        "source": f"source {said}",
        "since": f"announced on {words[0]}",
    }.get(field, f"{field} {said}")


def _word(paper: DigestPaper, span: Span) -> str:
    """What met, as written; of an author the whole name (author spans count along the names joined by "; ")."""
    if span.field == "author":
        at = 0
        for author in paper.authors:
            if at <= span.start < at + len(author):
                return cut(legible(author), NAME)
            at += len(author) + len("; ")
    return cut(legible(span.text), WORD)


def _web(address: str | None, schemes: tuple[str, ...]) -> str | None:
    if not address or not seen_whole(address):
        return None
    try:
        parts = urlsplit(address)
        host = parts.hostname
        _ = parts.port  # raises where it is no number
    except ValueError:
        return None
    if parts.scheme.lower() not in schemes or not host or parts.username is not None or not host.isascii():
        return None
    ascii_only = quote(address, safe="%/:=&?~#+!$,;'@()*[]")
    return ascii_only if len(ascii_only) <= LINK else None


# --- A digest in words ------------------------------------------------------------------------------------------


def heading(digest: Digest) -> str:
    """The digest's own title, legible and bounded."""
    return isolate(cut(legible(digest.title), DIGEST_TITLE)) or "Papers"


def dateline(digest: Digest) -> str:
    """The day and how many papers there are: "Sat 21 Nov 2026 · 12 papers"."""
    return " · ".join(filter(None, (whole_day(digest.day), how_many(digest))))


def how_many(digest: Digest) -> str:
    """How many papers there are, shown or not: "12 papers", or ""."""
    papers = len(digest.papers) + digest.more
    return count(papers, "paper") if papers else ""


def empty_note(digest: Digest) -> str:
    """What a digest without papers says."""
    return isolate(cut(legible(digest.note), NOTE)) or "Nothing new met your profiles. All is well."


def health(digest: Digest) -> str:
    """How the sources are, in one line, or ""."""
    return isolate(cut(legible(digest.health), HEALTH))


def remainder(more: int) -> str:
    """How many papers are not shown: "and 12 more"."""
    return f"and {more:,} more"


def whole_day(day: date) -> str:
    """ "Sat 21 Nov 2026"."""
    return f"{_DAYS[day.weekday()]} {short_day(day, None)}"


def short_day(day: date, year: int | None) -> str:
    """ "20 Nov", with the year where it is not `year`."""
    said = f"{day.day} {_MONTHS[day.month - 1]}"
    return said if day.year == year else f"{said} {day.year}"


def count(number: int, noun: str) -> str:
    """A number and its noun: "1 paper", "1,200 papers"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(words: Sequence[str]) -> str:
    """Words in a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


# --- Parts ------------------------------------------------------------------------------------------------------

Size = tuple[int, ...]
"""A block's size in as many measures as a platform limits."""


def pack(sizes: Sequence[Size], room: Size) -> list[range]:
    """Cut blocks into parts between blocks: ranges that hold each block once, in order, each within `room`.

    Sizes add up; a part is filled before the next is begun. Raises ValueError for a block larger than `room`.
    """
    parts: list[range] = []
    used = tuple(0 for _ in room)
    for at, size in enumerate(sizes):
        if any(part > limit for part, limit in zip(size, room, strict=True)):
            raise ValueError(f"block {at} is larger than a part: {size} > {room}")
        grown = tuple(a + b for a, b in zip(used, size, strict=True))
        if parts and all(part <= limit for part, limit in zip(grown, room, strict=True)):
            parts[-1] = range(parts[-1].start, at + 1)
            used = grown
        else:
            parts.append(range(at, at + 1))
            used = size
    return parts
