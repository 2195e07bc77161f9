"""The part of an abstract that shows why a paper was found. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from paperlark.model.messages import Span

LENGTH = 280  # code points
BEFORE = 60  # of them in front of the first match, at most


@dataclass(frozen=True, slots=True)
class Snippet:
    """Some of an abstract, as stored: `text == abstract[start : start + len(text)]`.

    spans: the matched words within it; their offsets are into `text`.
    """

    text: str
    start: int = 0
    spans: tuple[Span, ...] = ()


def snippet(abstract: str, spans: Iterable[Span], *, length: int = LENGTH) -> Snippet:
    """At most `length` code points around the first match, from word to word; the beginning where nothing matched."""
    matched = [span for span in spans if span.field == "abstract"]
    start, shown = 0, 0
    if len(abstract) > length and matched:
        before = min(BEFORE, length // 4)
        start = _word_from(abstract, max(0, min(matched[0].start - before, len(abstract) - length)), matched[0].start)
        shown = matched[0].end
    end = min(start + length, len(abstract))
    if end < len(abstract) and not abstract[end].isspace():
        last = abstract.rfind(" ", max(start, shown), end)
        end = last if last > start else end
    text = abstract[start:end].rstrip()
    end = start + len(text)
    within = [span for span in matched if start <= span.start and span.end <= end]
    return Snippet(text, start, tuple(replace(span, start=span.start - start, end=span.end - start) for span in within))


def _word_from(text: str, start: int, latest: int) -> int:
    """Where the next word begins, not after `latest`."""
    if start == 0 or text[start - 1].isspace():
        return start
    space = text.find(" ", start, latest)
    return space + 1 if space >= 0 else start
