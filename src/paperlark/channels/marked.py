"""Legible text as marked runs: a paper's own field with the words that met a profile marked, before any platform's
mark-up. Pure."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from paperlark.channels.letters import FSI, PDI, legible, loose, polished, right_to_left, stop
from paperlark.matching.text import readable
from paperlark.model.messages import Span

MARKS = 36  # marked stretches of one field: more say nothing new, and platforms count them
MARKED_KEPT = 512  # fields whose marked runs are remembered


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
    end = stop(text, start, start + room)
    inside = part(runs, start, end)
    before = (Run("… "),) if start else ()
    after = (Run("…"),) if end < len(text) else ()
    return joined((*before, *inside, *after))


def joined(runs: Iterable[Run]) -> tuple[Run, ...]:
    """The runs without empty ones, neighbours that are dressed alike made one."""
    joined: list[Run] = []
    for run in runs:
        if joined and joined[-1].marked == run.marked:
            joined[-1] = Run(joined[-1].text + run.text, run.marked)
        elif run.text:
            joined.append(run)
    return tuple(joined)


def part(runs: Iterable[Run], start: int, end: int) -> tuple[Run, ...]:
    """What stands between two places of the runs' text."""
    sliced: list[Run] = []
    at = 0
    for run in runs:
        piece = run.text[max(start - at, 0) : max(end - at, 0)]
        if piece:
            sliced.append(Run(piece, run.marked))
        at += len(run.text)
    return tuple(sliced)


def isolated(runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """The runs in one isolate, if any of them holds right-to-left letters."""
    return joined((Run(FSI), *runs, Run(PDI))) if right_to_left(plain(runs)) else runs


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
        words = polished(loose(before + readable(core) + after))
        if spaced:
            words = words.lstrip()
        if words:
            spaced = words.endswith(" ")
            folded.append(Run(words, run.marked))
    if folded:  # at most one space stands at the end: the seams let no second one in
        folded[-1] = Run(folded[-1].text.rstrip(), folded[-1].marked)
    return joined(folded)


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
