"""Formulas as MathML: what is understood is drawn, what is not stays in legible words, and nothing is lost."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from paperlark.channels import letters
from paperlark.web.pages.tex import formulas, mathml


def said(markup: str) -> str:
    """The words of some HTML."""
    return "".join(map(str, etree.fromstring(f"<p>{markup}</p>").itertext()))


@pytest.mark.parametrize(
    ("written", "drawn"),
    [
        (r"\beta", "<mi>β</mi>"),
        ("95\\%", "<mn>95</mn><mo>%</mo>"),
        (r"x_i^2", "<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>"),
        ("f'", "<msup><mi>f</mi><mo>′</mo></msup>"),
        (r"\frac{1}{n}", "<mfrac><mrow><mn>1</mn></mrow><mrow><mi>n</mi></mrow></mfrac>"),
        (r"\sqrt[3]{2}", "<mroot><mrow><mn>2</mn></mrow><mrow><mn>3</mn></mrow></mroot>"),
        (r"\mathbb{R}", "<mrow><mi>ℝ</mi></mrow>"),
        (r"\mathbf{1.5}", "<mrow><mn>𝟏</mn><mo>.</mo><mn>𝟓</mn></mrow>"),
        (r"n\log n", "<mi>n</mi><mi>log</mi><mo>\u2061</mo><mi>n</mi>"),
        (r"\text{if } x", "<mtext>if </mtext><mi>x</mi>"),
        (r"\left(a\right)", '<mo stretchy="false">(</mo><mi>a</mi><mo stretchy="false">)</mo>'),
        (r"\hat{y}", '<mover accent="true"><mrow><mi>y</mi></mrow><mo>^</mo></mover>'),
        ("a<b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>"),
        ("^2", "<msup><mrow></mrow><mn>2</mn></msup>"),
    ],
)
def test_a_formula_is_drawn(written: str, drawn: str) -> None:
    assert mathml(written) == f"<math>{drawn}</math>"


@pytest.mark.parametrize(
    "written",
    [
        r"\OurMethod",
        "a}b",
        "{a",
        "x^",
        "x^1^2",
        r"\frac{1}",
        r"\left",
        "",
        "é\u0301",
        r"\hat" * 99,
        "{" * 400,
        r"\text{\x}",
    ],
)
def test_what_is_not_understood_stays_as_it_is(written: str) -> None:
    assert mathml(written) is None
    assert formulas(f"A ${written}$ lark") == letters.legible(f"A ${written}$ lark").replace("&", "&amp;")


def test_formulas_stand_in_their_sentence() -> None:
    shown = formulas(r"D$^2$iT costs \(n<9\) steps, so $\alpha$-larks & wrens <b>sing</b>.")
    assert shown.count("<math>") == 3
    assert said(shown) == "D2iT costs n<9 steps, so α-larks & wrens <b>sing</b>."


@pytest.mark.parametrize("money", ["It costs $5 and $10 a song", r"at \$5 and \$6", "$ 5 $", "a $5"])
def test_money_is_no_formula(money: str) -> None:
    assert "<math>" not in formulas(money)


def test_private_characters_of_a_text_are_no_formulas() -> None:
    assert formulas("odd \ue000 sign, $x$") == "odd \ue000 sign, x" or "<math>" not in formulas("odd \ue000 sign, $x$")


SIGNS = [*"ab1 ${}^_\\<>&'\"()[].,%~", r"\frac", r"\hat", r"\text", r"\mathbb", "$x$"]


@given(st.lists(st.sampled_from(SIGNS), max_size=40).map("".join))
def test_nothing_breaks_the_page(written: str) -> None:
    shown = formulas(written)
    etree.fromstring(f"<p>{shown}</p>")  # whole elements only
    assert not re.search("<(?!/?(?:math|m[a-z]+)[ >])", shown)
