"""Text from outside, made *legible*: TeX as Unicode, white space folded, and everything invisible that could rearrange
or hide its surroundings taken out (bidirectional controls, zero-width characters, control characters, lone surrogates).
Pure.

The joiners U+200C and U+200D stay: Persian, Indic scripts and emoji need them. Right-to-left text keeps its own order
inside an isolate (FSI … PDI, Unicode UAX #9), so that it cannot reorder the words around it.
"""

import re
import unicodedata

from paperlark.matching.text import readable

_SPACE = re.compile("[\\s\x00-\x1f\x7f-\x9f]+")
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff"
    "\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_PERHAPS_LEFTWARD = re.compile(
    "[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
FSI, PDI = "\u2068", "\u2069"
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"


def legible(text: str) -> str:
    """The text as people read it: TeX and its quotes and dashes as Unicode, one space between words, nothing hidden."""
    return polished(loose(readable(text))).strip()


def one_line(text: str) -> str:
    """The text with white space folded and nothing hidden; TeX as written."""
    return loose(text).strip()


def seen_whole(text: str) -> bool:
    """Is nothing hidden in it, and no white space?"""
    return not _SPACE.search(text) and not _HIDDEN.search(text)


def isolate(text: str) -> str:
    """The text, in an isolate if it holds right-to-left letters, so that it cannot reorder its neighbours."""
    return f"{FSI}{text}{PDI}" if right_to_left(text) else text


def cut(text: str, limit: int) -> str:
    """At most `limit` code points, at a word's end where there is one in the last third, with "…" where cut.

    An isolate that was cut open is closed, outside the limit.
    """
    if len(text) <= limit:
        return text
    kept = text[: stop(text, 0, limit - 1)].rstrip()
    return kept + PDI * (kept.count(FSI) - kept.count(PDI)) + "…"


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


def polished(text: str) -> str:
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


def loose(text: str) -> str:
    """White space folded, nothing hidden."""
    return _SPACE.sub(" ", _HIDDEN.sub("", text))


def right_to_left(text: str) -> bool:
    """Does it hold letters that run from right to left?"""
    return any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in _PERHAPS_LEFTWARD.findall(text))


def stop(text: str, start: int, end: int) -> int:
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
