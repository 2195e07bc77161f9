"""TeX in titles and abstracts as MathML, which browsers draw and screen readers read. Pure; never raises.

A formula becomes MathML only where every sign in it is understood; any other stays in the text, which is made legible
as everywhere (`channels.text.legible`). `$` opens a formula as Pandoc has it (User's Guide, "tex_math_dollars"): a
character that is no space follows it, one stands before the closing `$`, and no digit after that; so money stays money.
The elements are those of MathML Core (https://www.w3.org/TR/mathml-core/).
"""

import re
from collections.abc import Callable

from markupsafe import Markup, escape

from paperlark.channels import letters

FORMULA = re.compile(
    r"(?<!\\)\$\$(?P<shown>[^$]{1,400})\$\$(?!\$)|(?<![\\$])\$(?!\s)(?P<inline>[^$]{1,400})(?<![\s\\])\$(?![$\d])"
    r"|\\\((?P<round>.{1,400}?)\\\)",
    re.DOTALL,
)
DEEPEST = 20  # groups and accents within one another
FORMULAS = 0x1900  # private characters that stand for a text's formulas while it is made legible
_FIRST = 0xE000


def formulas(written: str) -> Markup:
    """A title or an abstract as HTML: formulas as MathML, the rest in legible words."""
    if ("$" not in written and "\\(" not in written) or any(_FIRST <= ord(c) < _FIRST + FORMULAS for c in written):
        return escape(letters.legible(written))
    drawn: list[Markup] = []

    def draw(found: re.Match[str]) -> str:
        formula = mathml(found["shown"] or found["inline"] or found["round"])
        if formula is None or len(drawn) == FORMULAS:
            return found[0]
        drawn.append(formula)
        return chr(_FIRST + len(drawn) - 1)

    words = letters.legible(FORMULA.sub(draw, written))
    return Markup("").join(drawn[ord(c) - _FIRST] if _is_drawn(c, drawn) else c for c in _pieces(words))


def _is_drawn(piece: str, drawn: list[Markup]) -> bool:
    return len(piece) == 1 and 0 <= ord(piece) - _FIRST < len(drawn)


def _pieces(words: str) -> list[str]:
    return [piece for piece in re.split("([\ue000-\uf8ff])", words) if piece]


def mathml(formula: str) -> Markup | None:
    """A formula (TeX's inside of `$…$`) as a `math` element; None where something in it is not understood."""
    try:
        inside = _Reader(_tokens(formula)).row(end=None)
    except _NotUnderstood:
        return None
    return Markup("<math>{}</math>").format(inside) if inside else None


class _NotUnderstood(Exception):  # noqa: N818 - it is no error: the formula stays as it is written
    pass


_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\s+|.", re.DOTALL)


def _tokens(formula: str) -> list[str]:
    """Commands, signs, numbers; a space for each white space."""
    return [" " if token.isspace() else token for token in _TOKEN.findall(formula)]


class _Reader:
    """Reads tokens, one after the other; each method returns the elements of what it read."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._letters: Callable[[str], Markup] = _italic

    def row(self, end: str | None) -> Markup:
        """Everything up to `end`, which is taken too."""
        parts = []
        while (token := self._peek()) != end:
            if token is None or token == "}":
                raise _NotUnderstood
            parts.append(self._scripted())
        self._take()
        return Markup("").join(parts)

    def _peek(self) -> str | None:
        """The next token; None at the end. White space says nothing in a formula."""
        while self._at < len(self._tokens) and self._tokens[self._at] == " ":
            self._at += 1
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self) -> str:
        token = self._peek()
        self._at += 1
        return token if token is not None else ""

    def _scripted(self) -> Markup:
        """An element with what is raised and lowered beside it."""
        base = Markup("<mrow></mrow>") if self._peek() in ("^", "_", "'") else self._element()
        below = above = None
        while (sign := self._peek()) in ("^", "_", "'"):
            if sign == "'":
                if above is not None:
                    raise _NotUnderstood
                above = Markup("<mo>{}</mo>").format("′" * self._primes())
                continue
            self._take()
            script = self._element()
            if sign == "^" and above is None:
                above = script
            elif sign == "_" and below is None:
                below = script
            else:
                raise _NotUnderstood
        if below is not None and above is not None:
            return Markup("<msubsup>{}{}{}</msubsup>").format(base, below, above)
        if below is not None:
            return Markup("<msub>{}{}</msub>").format(base, below)
        return Markup("<msup>{}{}</msup>").format(base, above) if above is not None else base

    def _primes(self) -> int:
        count = 0
        while self._peek() == "'":
            self._take()
            count += 1
        return count

    def _group(self) -> Markup:
        self._take()
        return Markup("<mrow>{}</mrow>").format(self.row("}"))

    def _element(self) -> Markup:
        """A group, a command with what belongs to it, or a single sign."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise _NotUnderstood
        found = self._group() if self._peek() == "{" else self._sign()
        self._depth -= 1
        return found

    def _sign(self) -> Markup:
        token = self._take()
        if token.startswith("\\"):
            return self._command(token[1:])
        if token[:1].isdigit():
            return _number(token, self._letters)
        if token.isalpha() and len(token) == 1:
            return self._letters(token)
        if token in _SIGNS:
            return _operator(_SIGNS[token])
        raise _NotUnderstood

    def _command(self, name: str) -> Markup:
        if name in _LETTERS:
            return Markup("<mi>{}</mi>").format(_LETTERS[name])
        if name in _OPERATORS:
            return _operator(_OPERATORS[name])
        if name in _FUNCTIONS:
            return Markup("<mi>{}</mi><mo>\u2061</mo>").format(name)
        if name in _SPACES:
            return Markup('<mspace width="{}em"></mspace>').format(_SPACES[name])
        if name in _ACCENTS:
            return Markup('<mover accent="true">{}<mo>{}</mo></mover>').format(self._element(), _ACCENTS[name])
        if name in _FONTS:
            return self._in_font(_FONTS[name])
        if name in _WORDS:
            return Markup("<mtext>{}</mtext>").format(self._plain())
        if name in _SIZES:
            return self._delimiter()
        match name:
            case "frac" | "dfrac" | "tfrac":
                return Markup("<mfrac>{}{}</mfrac>").format(self._element(), self._element())
            case "sqrt":
                return self._root()
            case "underline":
                return Markup("<munder>{}<mo>_</mo></munder>").format(self._element())
            case "operatorname":
                return Markup("<mi>{}</mi><mo>\u2061</mo>").format(self._plain())
        raise _NotUnderstood

    def _root(self) -> Markup:
        if self._peek() != "[":
            return Markup("<msqrt>{}</msqrt>").format(self._element())
        self._take()
        degree = Markup("<mrow>{}</mrow>").format(self.row("]"))
        return Markup("<mroot>{}{}</mroot>").format(self._element(), degree)

    def _delimiter(self) -> Markup:
        token = self._take()
        if token not in _DELIMITERS:
            raise _NotUnderstood
        return _operator(_DELIMITERS[token]) if token != "." else Markup("")

    def _in_font(self, letters: Callable[[str], Markup]) -> Markup:
        before, self._letters = self._letters, letters
        inside = self._element()
        self._letters = before
        return inside

    def _plain(self) -> str:
        """A group of letters, digits and simple signs as it stands."""
        if self._take() != "{":
            raise _NotUnderstood
        rest = self._tokens[self._at :]
        inside = rest[: rest.index("}")] if "}" in rest else [""]
        if not all(re.fullmatch(r"[\w.,:;+/() -]|\d+(?:\.\d+)?|\\[ _&%]", token) for token in inside):
            raise _NotUnderstood
        self._at += len(inside) + 1
        return "".join(token.removeprefix("\\") for token in inside)


def _operator(sign: str) -> Markup:
    # A bracket of a formula in running text is as high as a letter.
    return (
        Markup('<mo stretchy="false">{}</mo>').format(sign) if sign in _BRACKETS else Markup("<mo>{}</mo>").format(sign)
    )


def _italic(letter: str) -> Markup:
    return Markup("<mi>{}</mi>").format(letter)


def _upright(letter: str) -> Markup:
    return Markup('<mi mathvariant="normal">{}</mi>').format(letter)


def _number(digits: str, letters: Callable[[str], Markup]) -> Markup:
    if letters in (_italic, _upright):
        return Markup("<mn>{}</mn>").format(digits)
    return Markup("").join(letters(sign) if sign != "." else _operator(sign) for sign in digits)


def _styled(capital: int, small: int | None, digit: int | None, odd: str = "") -> Callable[[str], Markup]:
    """Letters of Unicode's mathematical alphabets, which begin at these places; odd: those that stand elsewhere, each
    behind its plain letter."""
    elsewhere = dict(zip(odd[::2], odd[1::2], strict=True))

    def letters(letter: str) -> Markup:
        if letter in elsewhere:
            return Markup("<mi>{}</mi>").format(elsewhere[letter])
        for first, last, place in (("A", "Z", capital), ("a", "z", small), ("0", "9", digit)):
            if place is not None and first <= letter <= last:
                tag = "mn" if first == "0" else "mi"
                return Markup(f"<{tag}>{{}}</{tag}>").format(chr(place + ord(letter) - ord(first)))
        raise _NotUnderstood

    return letters


def _table(said: str) -> dict[str, str]:
    """`name sign name sign …`."""
    words = said.split()
    return dict(zip(words[::2], words[1::2], strict=True))


def _words(said: str) -> frozenset[str]:
    return frozenset(said.split())


_FONTS: dict[str, Callable[[str], Markup]] = {
    "mathbf": _styled(0x1D400, 0x1D41A, 0x1D7CE),
    "boldsymbol": _styled(0x1D468, 0x1D482, 0x1D7CE),
    "bm": _styled(0x1D468, 0x1D482, 0x1D7CE),
    "mathbb": _styled(0x1D538, 0x1D552, 0x1D7D8, "CℂHℍNℕPℙQℚRℝZℤ"),
    "mathcal": _styled(0x1D49C, 0x1D4B6, None, "BℬEℰFℱHℋIℐLℒMℳRℛeℯgℊoℴ"),
    "mathscr": _styled(0x1D49C, 0x1D4B6, None, "BℬEℰFℱHℋIℐLℒMℳRℛeℯgℊoℴ"),
    "mathfrak": _styled(0x1D504, 0x1D51E, None, "CℭHℌIℑRℜZℨ"),
    "mathsf": _styled(0x1D5A0, 0x1D5BA, 0x1D7E2),
    "mathtt": _styled(0x1D670, 0x1D68A, 0x1D7F6),
    "mathrm": _upright,
    "mathit": _italic,
}
_WORDS = _words("text textrm textnormal mbox textbf textit textsc texttt textsf")
_SIZES = _words("left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr")
_SPACES = {",": 0.17, ":": 0.22, ";": 0.28, "!": -0.17, " ": 0.33, "quad": 1, "qquad": 2}
_ACCENTS = _table(
    "hat ^ widehat ^ bar ¯ overline ¯ tilde ~ widetilde ~ vec → dot ˙ ddot ¨ check ˇ breve ˘ acute ´ grave `"
)
_FUNCTIONS = _words(
    """
    log ln lg exp sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh min max sup inf lim arg det dim ker gcd
    deg Pr hom
    """
)
_LETTERS = _table(
    """
    alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι kappa κ lambda λ mu μ
    nu ν xi ξ pi π varpi ϖ rho ρ varrho ϱ sigma σ varsigma ς tau τ upsilon υ phi ϕ varphi φ chi χ psi ψ omega ω
    Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω
    ell ℓ hbar ℏ Re ℜ Im ℑ aleph ℵ infty ∞ partial ∂ nabla ∇ emptyset ∅ varnothing ∅ imath ı jmath ȷ top ⊤ bot ⊥
    """
)
_OPERATORS = _table(
    r"""
    times × cdot ⋅ pm ± mp ∓ div ÷ ast ∗ star ⋆ circ ∘ bullet ∙ oplus ⊕ ominus ⊖ otimes ⊗ odot ⊙ wedge ∧ vee ∨ land ∧
    lor ∨ cap ∩ cup ∪ setminus ∖ leq ≤ le ≤ geq ≥ ge ≥ ll ≪ gg ≫ neq ≠ ne ≠ equiv ≡ approx ≈ sim ∼ simeq ≃ cong ≅
    propto ∝ in ∈ notin ∉ ni ∋ subset ⊂ subseteq ⊆ supset ⊃ supseteq ⊇ to → rightarrow → leftarrow ← gets ←
    leftrightarrow ↔ Rightarrow ⇒ Leftarrow ⇐ Leftrightarrow ⇔ implies ⇒ iff ⇔ mapsto ↦ longrightarrow ⟶ uparrow ↑
    downarrow ↓ forall ∀ exists ∃ neg ¬ lnot ¬ mid ∣ parallel ∥ perp ⊥ sum ∑ prod ∏ int ∫ oint ∮ bigcup ⋃ bigcap ⋂
    ldots … dots … cdots ⋯ vdots ⋮ langle ⟨ rangle ⟩ lfloor ⌊ rfloor ⌋ lceil ⌈ rceil ⌉ vert | lvert | rvert | Vert ‖
    lVert ‖ rVert ‖ | ‖ { { } } % % # # & & $ $ _ _ triangle △ square □ dagger † ddagger ‡ prime ′ degree ° gtrsim ≳
    lesssim ≲ succ ≻ prec ≺ models ⊨ vdash ⊢ angle ∠ colon : lbrace { rbrace } gtrapprox ⪆ lessapprox ⪅ rightarrow →
    """
)
_SIGNS = {sign: sign for sign in "+=<>,.;:!?|/()[]*%&≤≥×±→∈∼≈·…°"} | {"-": "−", "*": "∗"}
_BRACKETS = frozenset("()[]{}|‖⟨⟩⌊⌋⌈⌉")
_DELIMITERS = (
    {sign: sign for sign in "()[]|/."}
    | {f"\\{name}": _OPERATORS[name] for name in ("{", "}", "|", "langle", "rangle", "lfloor", "rfloor", "lceil")}
    | {f"\\{name}": _OPERATORS[name] for name in ("rceil", "vert", "lvert", "rvert", "Vert", "lVert", "rVert")}
)
