/**
 * TeX as a person reads it, in plain Unicode, for titles and abstracts. Pure. It need not be complete: what is not
 * known stays as it is written.
 */

const GREEK =
  "alpha α beta β gamma γ delta δ epsilon ε varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι kappa κ lambda λ mu μ " +
  "nu ν xi ξ pi π rho ρ sigma σ tau τ upsilon υ phi φ varphi φ chi χ psi ψ omega ω Gamma Γ Delta Δ Theta Θ Lambda Λ " +
  "Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω";
const SIGNS =
  "times × cdot · pm ± mp ∓ to → rightarrow → leftarrow ← leftrightarrow ↔ Rightarrow ⇒ mapsto ↦ le ≤ leq ≤ ge ≥ geq ≥ " +
  "neq ≠ ne ≠ approx ≈ sim ~ simeq ≃ equiv ≡ propto ∝ infty ∞ partial ∂ nabla ∇ sum ∑ prod ∏ int ∫ sqrt √ in ∈ notin ∉ " +
  "subset ⊂ subseteq ⊆ cup ∪ cap ∩ forall ∀ exists ∃ ell ℓ hbar ħ circ ° degree ° dagger † star ⋆ ast ∗ oplus ⊕ " +
  "otimes ⊗ langle ⟨ rangle ⟩ ldots … dots … cdots ⋯ prime ′ ss ß ae æ AE Æ oe œ OE Œ o ø O Ø l ł L Ł aa å AA Å i ı j ȷ";
const TABLE = new Map(
  [...`${GREEK} ${SIGNS}`.matchAll(/(\S+) (\S+)/gu)].map(([, command, sign]) => [command, sign]),
);
const SILENT = new Set([
  ..."mathrm mathbf mathit mathcal mathbb mathfrak mathsf mathtt boldsymbol bm text textbf textit texttt textsc".split(" "),
  ..."textsf textrm emph operatorname mbox hbox rm bf it tt sc em left right big Big displaystyle ensuremath".split(" "),
]);
const ACCENTS = { "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307", c: "\u0327", v: "\u030c", u: "\u0306", H: "\u030b", k: "\u0328", r: "\u030a" };
const RAISED = "0⁰1¹2²3³4⁴5⁵6⁶7⁷8⁸9⁹+⁺-⁻n\u207fi\u2071";
const LOWERED = "0₀1₁2₂3₃4₄5₅6₆7₇8₈9₉+₊-₋";

/** Whether a text has formulas: its dollar signs come in pairs. */
export function hasMath(text) {
  const dollars = text.replace(/\\\$/gu, "").split("$").length - 1;
  return dollars > 0 && dollars % 2 === 0;
}

/**
 * The text without mark-up and without signs that hide or turn what stands beside them. math: see `hasMath`; a piece of
 * a text is given the answer for its whole.
 */
export function legible(text, math = hasMath(text)) {
  let said = text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu, "");
  if (!math && !said.includes("\\")) return said;
  said = said
    .replace(/\\(['`^"~=.])\s*\{?\\?([a-zA-Z])\}?/gu, (_, accent, letter) => (letter + ACCENTS[accent]).normalize("NFC"))
    .replace(/\\([cvuHkr])\{\\?([a-zA-Z])\}/gu, (_, accent, letter) => (letter + ACCENTS[accent]).normalize("NFC"))
    .replace(/\\([a-zA-Z]+)(\s?)\*?/gu, (whole, command, space) => {
      if (TABLE.has(command)) return TABLE.get(command) + (math ? "" : space);
      return SILENT.has(command) ? "" : whole;
    })
    .replace(/\\([%&$#_{} ,;!])/gu, (_, sign) => (",;! ".includes(sign) ? " " : sign));
  if (!math) return said.replace(/\{([^{}\\]*)\}/gu, "$1");
  return said
    .replace(/\^\{?([0-9+ni-]{1,4})\}?/gu, (whole, what) => shifted(what, RAISED) ?? whole)
    .replace(/_\{?([0-9+-]{1,4})\}?/gu, (whole, what) => shifted(what, LOWERED) ?? whole)
    .replace(/[${}]/gu, "")
    .replace(/~/gu, " ");
}

function shifted(text, table) {
  const found = Array.from(text, (sign) => {
    const at = table.indexOf(sign);
    return at >= 0 && at % 2 === 0 ? table[at + 1] : null;
  });
  return found.includes(null) ? null : found.join("");
}
