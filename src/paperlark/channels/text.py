"""What channels say alike: a digest in plain words and marked runs, before any platform's mark-up. Pure.

`show` turns a paper into the lines that every channel prints: its title with the matched words marked, who wrote it,
where and when it was announced, why it came, and an excerpt of the abstract around the matched words. A channel only
dresses these lines; nothing here knows a platform.

All text from outside becomes *legible* first: TeX as Unicode, white space folded, and everything invisible that could
rearrange or hide its surroundings taken out (bidirectional controls, zero-width characters, control characters, lone
surrogates). The joiners U+200C and U+200D stay: Persian, Indic scripts and emoji need them. Right-to-left text keeps
its own order inside an isolate (FSI … PDI, Unicode UAX #9), so that it cannot reorder the words around it.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from paperlark.matching.text import readable
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
MARKS = 36  # marked stretches of one field: more say nothing new, and platforms count them
PROFILES_SHOWN = 4

SHOWN_KEPT = 1_024  # papers of digests whose words are remembered: some 2 kB each
MARKED_KEPT = 512  # fields whose marked runs are remembered

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


# --- Legible text -----------------------------------------------------------------------------------------------

_SPACE = re.compile("[\\s\x00-\x1f\x7f-\x9f]+")
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff"
    "\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_PERHAPS_LEFTWARD = re.compile(
    "[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_FSI, _PDI = "\u2068", "\u2069"
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"


def legible(text: str) -> str:
    """The text as people read it: TeX and its quotes and dashes as Unicode, one space between words, nothing hidden."""
    return _polished(_loose(readable(text))).strip()


def one_line(text: str) -> str:
    """The text with white space folded and nothing hidden; TeX as written."""
    return _loose(text).strip()


def isolate(text: str) -> str:
    """The text, in an isolate if it holds right-to-left letters, so that it cannot reorder its neighbours."""
    return f"{_FSI}{text}{_PDI}" if _right_to_left(text) else text


def cut(text: str, limit: int) -> str:
    """At most `limit` code points, at a word's end where there is one in the last third, with "…" where cut.

    An isolate that was cut open is closed, outside the limit.
    """
    if len(text) <= limit:
        return text
    kept = text[: _stop(text, 0, limit - 1)].rstrip()
    return kept + _PDI * (kept.count(_FSI) - kept.count(_PDI)) + "…"


# What is left of TeX where there is no math and no command that is known; each rule looks at one word at most, so that
# a mark beside it changes nothing.
_LEFT_OF_TEX = re.compile(
    r"(?P<open>``)|(?P<close>'')"
    r"|(?P<dash>(?<= )--(?= )|(?:^|(?<=[\w)]))--(?=\w))"
    r"|(?P<tie>(?<=[^\W\d])~(?=[\w(\[])|(?<=[.,])~(?=[^\W\d]))"
    r"|\^(?P<brace>\{)?(?P<raised>[0-9]{1,3}(?![0-9])|\+|∘|circ(?![a-z]))(?(brace)\})"
    r"|(?<!\\)\\+(?P<command>[A-Za-z]{2,})"
    r"|\\(?P<thin>[, ])|\\(?P<sign>[$%&#_])|(?P<math>\\\( ?| ?\\\))"
    r"| (?P<stop>[,;:!?]|\.(?!\.))(?= |$)"
)
_SIGNS_OF_TEX = ("``", "''", "--", "~", "^", "\\", " ,", " ;", " :", " !", " ?", " .")
_COMMANDS = {"eg": "e.g.", "ie": "i.e.", "etal": "et al.", "etc": "etc.", "wrt": "w.r.t.", "cf": "cf.", "vs": "vs."}
_RAISED = str.maketrans("0123456789+∘", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺°")


def _polished(text: str) -> str:
    """A loose text, without what is left of TeX. Most hold none of it, which is found out twenty times as fast."""
    if not any(sign in text for sign in _SIGNS_OF_TEX):
        return text
    return _SPACE.sub(" ", _LEFT_OF_TEX.sub(_polish, text))


def _polish(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "open":
            return "“"
        case "close":
            return "”"
        case "dash":
            return "–"
        case "raised":
            return found["raised"].replace("circ", "∘").translate(_RAISED)
        case "command":  # one that nobody knows says its own name: authors leave `\OurMethod` behind
            return _COMMANDS.get(found["command"], found["command"])
        case "stop" | "sign" as name:
            return found[name]
        case "math":
            return ""
    return " "


def _loose(text: str) -> str:
    return _SPACE.sub(" ", _HIDDEN.sub("", text))


def _right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in _PERHAPS_LEFTWARD.findall(text))


def _stop(text: str, start: int, end: int) -> int:
    """Where to stop reading at or before `end`: after a word, else between two characters that are drawn apart."""
    if end >= len(text):
        return len(text)
    space = text.rfind(" ", start + (end - start) * 2 // 3, end + 1)
    if space > start:
        return space
    for stop in range(end, max(end - 16, start), -1):
        if text[stop] not in _JOINERS and text[stop - 1] not in _JOINERS and not unicodedata.combining(text[stop]):
            return stop
    return end


# --- Marked runs ------------------------------------------------------------------------------------------------


class Run(NamedTuple):
    """Some text that is dressed alike: marked, or not."""

    text: str
    marked: bool = False


# Stretches of TeX that are only readable whole: mathematics, a command with its argument, a word holding any of it.
# Each pattern is linear in the text, whatever the text is.
_FORMULA = re.compile(r"\$[^$]*\$|\\[A-Za-z]+\*?\s?\{[^{}]*\}")
_WORD = re.compile(r"\S+")
_TEX = re.compile(r"[\\{}$^_~]")


def mark(text: str, spans: Iterable[Span]) -> tuple[Run, ...]:
    """A stored field as runs, the words of `spans` (offsets into it) marked; spans may overlap and touch.

    The first MARKS stretches are marked. The runs' texts together are always `legible(text)`. A mark inside TeX grows
    to the whole formula; where even that would read otherwise than the field as a whole, nothing is marked: readable
    words come before marks.
    """
    return _marked(text, tuple(sorted({(max(span.start, 0), min(span.end, len(text))) for span in spans})))


@lru_cache(maxsize=MARKED_KEPT)
def _marked(text: str, places: tuple[tuple[int, int], ...]) -> tuple[Run, ...]:
    """Kept for a while: a digest is rendered in several lengths until one fits, and for several channels."""
    whole = legible(text)
    runs: list[Run] = []
    at = 0
    for start, end in _merged(text, places):
        runs += (Run(text[at:start]), Run(text[start:end], True))
        at = end
    runs.append(Run(text[at:]))
    marked = _folded(runs)
    return marked if plain(marked) == whole else (Run(whole),) if whole else ()


def plain(runs: Iterable[Run]) -> str:
    """The runs' text without marks."""
    return "".join(run.text for run in runs)


def excerpt(runs: Sequence[Run], limit: int) -> tuple[Run, ...]:
    """At most `limit` code points of the runs around the first marked words, cut between words, with "…" where cut."""
    text = plain(runs)
    if len(text) <= limit:
        return tuple(runs)
    if limit < 8:
        return ()
    room = limit - 3  # "… " before, "…" after
    first = _first_mark(runs)
    start = 0
    if first and first[1] > room * 2 // 3:
        start = _opening(text, max(first[0] - room // 3, 0), first[0])
    end = _stop(text, start, start + room)
    inside = _slice(runs, start, end)
    before = (Run("… "),) if start else ()
    after = (Run("…"),) if end < len(text) else ()
    return _joined((*before, *inside, *after))


def _merged(text: str, places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The places as at most MARKS ascending stretches that neither overlap nor cut through TeX."""
    formulas = _formulas(text)
    merged: list[tuple[int, int]] = []
    for start, end in places:
        if start >= end:
            continue
        for at in range(bisect_right(formulas, start, key=lambda f: f[1]), len(formulas)):
            if formulas[at][0] >= end:
                break
            start, end = min(start, formulas[at][0]), max(end, formulas[at][1])
        if merged and start <= merged[-1][1]:
            merged[-1] = (min(start, merged[-1][0]), max(end, merged[-1][1]))
        elif len(merged) == MARKS:
            break
        else:
            merged.append((start, end))
    return merged


def _formulas(text: str) -> list[tuple[int, int]]:
    """Where TeX stands, in ascending stretches that do not touch."""
    if not _TEX.search(text):
        return []
    found = [match.span() for match in _FORMULA.finditer(text)]
    found += [match.span() for match in _WORD.finditer(text) if _TEX.search(match[0])]
    stretches: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if stretches and start < stretches[-1][1]:
            stretches[-1] = (stretches[-1][0], max(end, stretches[-1][1]))
        else:
            stretches.append((start, end))
    return stretches


def _folded(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Each run made legible by itself, white space folded across their seams."""
    folded: list[Run] = []
    spaced = True
    for run in runs:
        core = run.text.strip()
        before = run.text[: len(run.text) - len(run.text.lstrip())]
        after = run.text[len(run.text.rstrip()) :] if core else ""
        words = _polished(_loose(before + readable(core) + after))
        if spaced:
            words = words.lstrip()
        if words:
            spaced = words.endswith(" ")
            folded.append(Run(words, run.marked))
    if folded:  # at most one space stands at the end: the seams let no second one in
        folded[-1] = Run(folded[-1].text.rstrip(), folded[-1].marked)
    return _joined(folded)


def _joined(runs: Iterable[Run]) -> tuple[Run, ...]:
    """The runs without empty ones, neighbours that are dressed alike made one."""
    joined: list[Run] = []
    for run in runs:
        if joined and joined[-1].marked == run.marked:
            joined[-1] = Run(joined[-1].text + run.text, run.marked)
        elif run.text:
            joined.append(run)
    return tuple(joined)


def _slice(runs: Iterable[Run], start: int, end: int) -> tuple[Run, ...]:
    sliced: list[Run] = []
    at = 0
    for run in runs:
        piece = run.text[max(start - at, 0) : max(end - at, 0)]
        if piece:
            sliced.append(Run(piece, run.marked))
        at += len(run.text)
    return tuple(sliced)


def _first_mark(runs: Iterable[Run]) -> tuple[int, int] | None:
    at = 0
    for run in runs:
        if run.marked:
            return at, at + len(run.text)
        at += len(run.text)
    return None


def _opening(text: str, earliest: int, latest: int) -> int:
    """Where to begin reading between two places: a sentence's beginning, else a word's."""
    sentence = text.rfind(". ", earliest, latest)
    if sentence >= 0:
        return sentence + 2
    word = text.find(" ", earliest, latest)
    return word + 1 if word >= 0 else latest


def _isolated(runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """The runs in one isolate, if any of them holds right-to-left letters."""
    return _joined((Run(_FSI), *runs, Run(_PDI))) if _right_to_left(plain(runs)) else runs


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
        title=_isolated(_shortened(title, TITLE)),
        byline=byline(paper),
        facts=facts(paper, day),
        why=why(paper),
        excerpt=_isolated(excerpt(found, abstract)),
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
    return _joined(runs)


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
    return runs if len(text) <= limit else _joined((*_slice(runs, 0, _stop(text, 0, limit - 1)), Run("…")))


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
    if not address or _SPACE.search(address) or _HIDDEN.search(address):
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
