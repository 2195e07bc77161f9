"""Titles and abstracts as bioRxiv and medRxiv give them: flattened out of JATS, with its tags turned into words.

`AO_SCPLOWBSTRACTC_SCPLOW` was "Abstract" in small capitals, `O_LI … C_LI` one entry of a list, `O_FIG … C_FIG` a figure
with its caption; a section's heading runs into its first word ("MethodsWe asked"), and a Greek letter is `{beta}`. Left
as they are, such words would be found by nobody. Written from what recorded answers hold: it is documented nowhere.
"""

import re
from typing import Any

from paperlark.matching.tex import GREEK
from paperlark.sources._reading import plain

TEXT_LIMIT = 40_000  # characters that are looked at

# A figure goes with its caption. One whose end was cut off loses what no reader can read.
_FIGURE = re.compile(r"O_(FIG|TBL)\b(?:(?!O_\1\b).)*?C_\1(?![A-Z])", re.DOTALL)
_FIGURE_HEAD = re.compile(
    r"O_(?:FIG|TBL)\s+O_LINKSMALL(?:FIG|TBL)\b[^>]{0,400}>\s*(?:View larger version \([^)]{0,20}\):)?"
    r"\s*(?:[0-9a-f]{0,9}org\.highwire\.\S+\s*)*(?:M_(?:FIG|TBL)\b)?"
)
_LABEL = re.compile(r"AO_SCP(?:LOW|CAP)BSTRACTC_SCP(?:LOW|CAP)|O_ST_ABSAbstractC_ST_ABS", re.IGNORECASE)
_SMALL_CAPITALS = re.compile(r"[OC]_SCP(?:LOW|CAP)")  # within a word: "MO_SCPLOWETAC_SCPLOW" was META
_HEADED = re.compile(r"O_ST_ABS(.{0,80}?)C_ST_ABS")
_PART = re.compile(r"[OCM]_(?:ST_ABS|LINKSMALLFIG|LI|FIG|TBL|QD|TEXTBOX)")
_GLUED = re.compile(
    r"^((?i:abstract|aims?|author summary|availability(?: and implementation)?|background|conclusions?|context|design"
    r"|discussion|findings|funding|graphical abstract|highlights|hypothesis|importance|interpretation|introduction"
    r"|(?:materials and )?methods?|motivation|objectives?|one sentence summary|purpose|rationale|results?"
    r"|significance(?: statement)?|summary(?: sentence)?|teaser))(?=[A-Z])",
    re.MULTILINE,
)
_BRACED = re.compile(r"\{([A-Za-z]{2,12}|\+/-)\}")
_SYMBOLS = {name: letter for letter, name in GREEK.items()}
_SYMBOLS |= {name.capitalize(): letter.upper() for name, letter in _SYMBOLS.items()}
_SYMBOLS |= {"micro": "µ", "degrees": "°", "+/-": "±", "approx": "≈", "times": "×", "infty": "∞", "rightarrow": "→"}


def text_of(value: Any) -> str:
    """A title or abstract as plain text on one line; "" for what is no text and for "NA"."""
    if not isinstance(value, str) or value.strip().upper() in ("NA", "N/A"):
        return ""
    text = value[:TEXT_LIMIT]
    if "_" in text:
        text = _FIGURE_HEAD.sub("\n", _FIGURE.sub("\n", text))
        text = _HEADED.sub("\n\\1: ", _SMALL_CAPITALS.sub("", _LABEL.sub("\n", text)))
        text = _PART.sub("\n", text)
    text = _GLUED.sub(r"\1: ", "\n".join(line.strip() for line in text.splitlines()))
    if "{" in text:
        text = _BRACED.sub(lambda found: _SYMBOLS.get(found[1], found[0]), text)
    return plain(text)
