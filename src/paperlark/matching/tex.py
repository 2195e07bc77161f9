"""TeX inside titles and abstracts: how it is read for matching, and how it is shown where there is no math.

arXiv's metadata holds a loose subset of LaTeX (https://info.arxiv.org/help/prep.html): accents, `$…$`, formatting
commands, and macros that the authors forgot to expand. Nothing here raises, whatever the text.
"""

import logging
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from pylatexenc.latex2text import LatexNodes2Text

GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "ο": "omicron", "π": "pi",
    "ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega",
}  # fmt: skip
"""Greek letters and their names."""

_GREEK_COMMANDS = {
    command: command.removeprefix("var")
    for name in GREEK.values()
    for command in (name, name.capitalize(), f"var{name}", f"var{name.capitalize()}")
}
_LETTERS = {
    "ss": "ss", "o": "o", "O": "O", "l": "l", "L": "L", "ae": "ae", "AE": "AE", "oe": "oe", "OE": "OE",
    "aa": "a", "AA": "A", "i": "i", "j": "j", "dh": "d", "dj": "d", "th": "th", "ng": "ng", "ell": "l", "hbar": "h",
    "textmu": "mu",
}  # fmt: skip
_ACCENTS = frozenset("'`\"^~=.")
_LETTER_ACCENTS = frozenset(
    re.findall(r"\w+", "c v u H k r b d t hat tilde bar vec dot ddot acute grave check breve widehat")
)
FORMATTING = frozenset(
    re.findall(
        r"\w+",
        """
        mathtt mathbf mathrm mathcal mathsf mathbb mathit mathfrak mathscr mathnormal textsc textbf textit
        texttt textrm textsf textsl textup textmd textnormal textsuperscript textsubscript text boldsymbol
        operatorname ensuremath mbox hbox xspace bm pmb emph underline overline scriptsize footnotesize
        normalsize displaystyle textstyle scriptstyle scriptscriptstyle tiny small large Large LARGE huge Huge
        tt bf it rm sc em sf sl bfseries itshape ttfamily scshape rmfamily sffamily left right big Big bigl
        bigr Bigl Bigr protect uppercase lowercase relax centering noindent limits nolimits mathop mathrel
        mathbin mathord phantom smash textquotesingle
        """,
    )
)
"""Commands that change how the text beside them looks, and say nothing themselves."""

_FIRST_ARGUMENT_DROPPED = frozenset(
    re.findall(
        r"\w+",
        """
        cite citep citet citealp citeauthor citeyear href hyperlink hyperref textcolor color colorbox label
        ref eqref unicode vspace hspace thanks includegraphics begin end
        """,
    )
)
_SYMBOLS = frozenset(
    re.findall(
        r"\w+",
        """
        times sim simeq pm mp cdot cdots ldots dots rightarrow leftarrow Rightarrow Leftarrow leftrightarrow
        to gets leq geq le ge ll gg neq ne approx equiv propto in notin subset subseteq cup cap setminus
        forall exists infty partial nabla sum prod int sqrt frac dfrac tfrac binom langle rangle lfloor rfloor
        lceil rceil vert Vert mid parallel perp circ degree deg star ast dagger ddagger bullet prime top bot
        uparrow downarrow wedge vee oplus otimes odot mapsto longrightarrow url quad qquad textemdash
        textendash textregistered texttrademark copyright circledR checkmark cite item par newline linebreak
        smallskip medskip bigskip hfill space textbackslash
        """,
    )
)

_MARK_UP = re.compile(  # what it begins with is said first: without that the search takes ten times as long
    r"(?=[\\${}^_])(?:\\(?P<name>[A-Za-z]+)\*?(?P<space>\s*)|\\(?P<sign>[^A-Za-z])|(?P<dollar>\$\$?)"
    r"|(?P<brace>[{}])|(?P<script>[\^_]))",
    re.DOTALL,
)
_ARGUMENT = re.compile(r"\s*\{[^{}]*\}")


class Piece(NamedTuple):
    """A stretch of a text read without its mark-up: `said` stands for text[start:end].

    Where `literal`, said is that very slice, code point for code point.
    """

    said: str
    start: int
    end: int
    literal: bool


def pieces(text: str) -> Iterator[Piece]:
    """What a text with TeX says, in order. Mark-up without a word vanishes, a symbol leaves a gap.

    Formatting commands, `$`, braces, accents, and `^` and `_` inside math take no room, so that `F$^3$Set` says F3Set.
    Greek commands say their names, an unknown command says its own: authors leave `\\OurMethod` behind.
    """
    at = 0
    in_math = False
    greek_until = -1
    while found := _MARK_UP.search(text, at):
        if found.start() > at:
            yield Piece(text[at : found.start()], at, found.start(), True)
        start, at = found.span()
        name = found["name"]
        if name is None:
            if found["dollar"]:
                # A lone dollar is money, and opens nothing.
                in_math = not in_math and text.find("$", at) >= 0
            elif (found["script"] and not in_math) or (found["sign"] and found["sign"] not in _ACCENTS):
                yield Piece(" ", start, at, False)
            continue
        named_until = found.start("space")
        if name in _GREEK_COMMANDS:
            at = named_until
            apart = " " if greek_until == start else ""
            yield Piece(apart + _GREEK_COMMANDS[name], start, at, False)
            greek_until = at
        elif name in _LETTERS:
            yield Piece(_LETTERS[name], start, named_until, False)
        elif name in _FIRST_ARGUMENT_DROPPED:
            if argument := _ARGUMENT.match(text, named_until):
                at = argument.end()
            yield Piece(" ", start, at, False)
        elif name in _SYMBOLS:
            at = named_until
            yield Piece(" ", start, at, False)
        elif name not in FORMATTING and name not in _LETTER_ACCENTS:
            at = named_until
            yield Piece(text[start + 1 : start + 1 + len(name)], start + 1, start + 1 + len(name), True)
    if at < len(text):
        yield Piece(text[at:], at, len(text), True)


# -- TeX made readable ------------------------------------------------------------------------------------------------

_BRACED = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"
MARKED = re.compile(
    rf"(?!\$\d[^$]*\s\$)\$[^$]{{1,400}}\$|\{{\\[A-Za-z]+\b[^{{}}]*\}}|\\[A-Za-z]+\*?(?:\s*{_BRACED})*"
    rf"|\\[{re.escape(''.join(_ACCENTS))}]\s?(?:\\?[A-Za-z]|\{{\\?[A-Za-z]\}})|\\[%&_#$ {{}}]"
)
"""A stretch of mark-up: math, a command with its arguments, an accent, an escaped sign. Not money: in "from $5 to $10"
what would be math begins with a digit and ends with a space."""

_SCRIPT = re.compile(r"([\^_])(?:\{([^{}]*)\}|([^\s{}\\]))")
_RAISED = dict(
    zip(
        "0123456789+-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVW",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂ",
        strict=True,
    )
)
_LOWERED = dict(zip("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_STYLED = re.compile(
    rf"\\(?:{'|'.join(sorted(FORMATTING, reverse=True))})(?![A-Za-z])\s*\{{([^{{}}]*)\}}"
    r"|\\href\s*\{[^{}]*\}\{([^{}]*)\}"
)


def shown(marked: str) -> str:
    """A stretch of mark-up in Unicode, as well as it goes: the caller checks that nothing was lost. Never raises."""
    while (plainer := _STYLED.sub(lambda found: found[1] or found[2] or "", marked)) != marked:
        marked = plainer
    marked = re.sub(r"(?<!\\)%", r"\\%", marked)  # in metadata a per cent sign begins no comment
    if marked.startswith("$"):
        marked = _SCRIPT.sub(_script, marked)
    try:
        return str(_converter().latex_to_text(marked, tolerant_parsing=True)).strip("\n")
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError):
        return ""  # what pylatexenc's converters trip over: missing arguments, odd nesting


def _script(found: re.Match[str]) -> str:
    sign, group, single = found.groups()
    letters = _RAISED if sign == "^" else _LOWERED
    said = group if group is not None else single
    return "".join(letters[c] for c in said) if said and all(c in letters for c in said) else found[0]


@cache
def _converter() -> LatexNodes2Text:
    # It logs what it cannot parse; that is our ordinary case.
    logging.getLogger("pylatexenc").setLevel(logging.CRITICAL + 1)
    return LatexNodes2Text(math_mode="text", keep_comments=True, strict_latex_spaces="macros")
