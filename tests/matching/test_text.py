"""Folding, tokens, offsets, titles' keys, TeX made readable."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paperlark.matching.text import bare, closed, columns, fold, readable, spelled, stem, stems, title_key, tokenise
from tests.matching.papers import texts

tricky_texts = st.one_of(st.text(), texts(), st.text(alphabet=r"aZ9é-βАа$\{}^_ '\"*#+ßİﬁ２扩" + "\u0301\u200b\n"))


def words(text: str) -> list[str]:
    return [token.word for token in tokenise(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Test-Time Scaling", ["test", "time", "scaling"]),
        ("fragment, rag; RAG.", ["fragment", "rag", "rag"]),
        ("naïve Schrödinger Łukasz straße", ["naive", "schrodinger", "lukasz", "strasse"]),
        ("eﬃcient ｆｕｌｌ 𝐀𝐈 D²iT", ["efficient", "full", "ai", "d2it"]),
        ("cafe\u0301 zero\u200bwidth soft\u00adhyphen", ["cafe", "zerowidth", "softhyphen"]),
        ("β-VAE μKE Δ", ["beta", "vae", "muke", "delta"]),
        (r"$\beta$-VAE $\mu$KE $\Delta$", ["beta", "vae", "muke", "delta"]),
        (r"Schr\"odinger Poincar\'{e} Erd\H{o}s \L{}ukasz", ["schrodinger", "poincare", "erdos", "lukasz"]),
        (r"\textsc{Foo}Bar $\mathtt{F}$Laws {\bf bold}", ["foobar", "flaws", "bold"]),
        (r"D$^2$iT $x_i$ snake_case", ["d2it", "xi", "snake", "case"]),
        (r"4$\times$RTX 10\% A\&B", ["4", "rtx", "10", "a", "b"]),
        (r"\OurMethod beats \cite{x2020} $5 models", ["ourmethod", "beats", "5", "models"]),
        ("Аttention pаper", ["attention", "paper"]),  # Cyrillic А and а
        ("Внимание модель", ["внимание", "модель"]),
        ("λόγος", ["λογοσ"]),
        ("扩散模型", ["扩", "散", "模", "型"]),
        ("C++ C# C++17 PointNet++ o1 R1 3D", ["cplusplus", "csharp", "cplusplus", "17", "pointnet", "o1", "r1", "3d"]),
        ("GPT-3.5", ["gpt", "3", "5"]),
        ("", []),
        ("-- $ \\ {} !?", []),
    ],
)
def test_words_are_folded(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("LLM", "LLMs"),
        ("quantization", "quantized"),
        ("GPUs", "GPU"),
        ("CNNs", "cnn"),
        ("agents", "Agent"),
        ("flow", "flows"),
    ],
)
def test_forms_of_one_word_share_their_stem(one: str, other: str) -> None:
    assert tokenise(one)[0].stem == tokenise(other)[0].stem


@pytest.mark.parametrize(("one", "other"), [("GPS", "GP"), ("CSS", "CS"), ("news", "new"), ("rag", "fragment")])
def test_other_words_do_not(one: str, other: str) -> None:
    assert tokenise(one)[0].stem != tokenise(other)[0].stem


def test_places_are_code_points_of_the_text_as_given() -> None:
    text = r"😀 Naïve $\beta$-VAE, \textsc{Foo}Bar"
    assert [text[token.start : token.end] for token in tokenise(text)] == ["Naïve", r"\beta", "VAE", "Foo}Bar"]


def test_exact_forms_keep_case_and_lose_mark_up() -> None:
    assert [token.exact for token in tokenise(r"RAG \textsc{Rag} É ＲＡＧ")] == ["RAG", "Rag", "E", "RAG"]


@given(tricky_texts)
def test_tokens_stand_in_order_inside_the_text(text: str) -> None:
    tokens = tokenise(text)
    assert all(token.word and token.stem and 0 <= token.start < token.end <= len(text) for token in tokens)
    for one, next_one in pairwise(tokens):
        # One character may say two words: ¼ is 1 and 4.
        assert one.start <= next_one.start
        assert one.end <= max(next_one.start, next_one.end)


@given(tricky_texts)
@example("ﬁ ǰ ΐ ẞ İ ŉ ſt ᾳ αβγ Σς")
def test_a_word_folded_again_stays_as_it_is(text: str) -> None:
    for token in tokenise(text):
        assert words(token.word) == [token.word]
        assert [again.exact for again in tokenise(token.exact)] == [token.exact]
        assert fold(token.exact) == token.word
        assert stem(token.word) == token.stem


@given(tricky_texts)
def test_columns_are_the_tokens(text: str) -> None:
    tokens = tokenise(text)
    found = columns(text)
    assert found.words == [token.word for token in tokens]
    assert found.exacts == [token.exact for token in tokens]
    assert found.stems == [token.stem for token in tokens]
    assert found.ties == [token.tied for token in tokens]


@given(tricky_texts)
@example("C++ C# c++17 a-C++ x -σ- β-VAE PointNet++ 扩散- naïve--e -")
def test_spelled_words_are_those_of_the_columns_and_tied_alike(text: str) -> None:
    found = columns(text)
    expected = "".join([word + ("-" if tied else " ") for word, tied in zip(found.exacts, found.ties, strict=True)])
    assert spelled(bare(text)).rstrip("- ") == expected.rstrip()


def test_compounds_are_read_closed_up_to_three_words() -> None:
    assert closed(columns("in-context-learning-rate test - time, end-")).words == [
        "incontext", "incontextlearning", "contextlearning", "contextlearningrate", "learningrate",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Inference Scaling scriptsizeFLaws: A Study", r"Inference Scaling $\scriptsize\mathtt{F}$Laws: a study"),
        ("mathttDiMO", r"$\mathtt{Di}$MO"),
        ("Test-Time  Scaling?", "test time scaling"),
        (r"$\tau$-bench", "τ-bench"),
        (r"D$^2$iT: Better", "D²iT better"),
        (r"Schr\"{o}dinger", "Schrodinger"),
    ],
)
def test_two_spellings_of_a_title_have_one_key(one: str, other: str) -> None:
    assert title_key(one) == title_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GPT-3", "GPT-4"),
        ("TinyBERT", "BERT"),
        ("mathematics", "ematics"),
        ("textbook", "book"),
        ("?!", "..."),
        ("smallF", "F"),
    ],
)
def test_other_titles_have_other_keys(one: str, other: str) -> None:
    assert title_key(one) != title_key(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"D$^2$iT and Co$^{3}$Gesture", "D²iT and Co³Gesture"),
        (r"from $5 to $10 for $x_1$", "from $5 to $10 for x₁"),
        (r"$\beta$-VAE 5% over \textbf{the rest}", "β-VAE 5% over the rest"),
        (r"Poincar\'e $x_i^{12}$ $\mathbb{R}^n$", "Poincaré xᵢ¹² Rⁿ"),
        (r"$\mathcal{A}$LLM 4$\times$RTX 94.2\%", "ALLM 4×RTX 94.2%"),
        (r"code at \href{https://example.org/x}{here}", "code at here"),
        (r"an \UnknownMacro stays", r"an \UnknownMacro stays"),
        (r"$x^{q+Q}$ stays", r"$x^{q+Q}$ stays"),
        ("so $n\n$is, as $ x $ is", "so n is, as x is"),
        ("$5 and nothing", "$5 and nothing"),
        (r"\frac{a", r"\frac{a"),
        ("plain text, 5% & more", "plain text, 5% & more"),
    ],
)
def test_tex_becomes_readable_or_stays_as_it_is(text: str, expected: str) -> None:
    assert readable(text) == expected


@given(st.one_of(tricky_texts, st.text(alphabet=r"$\{}^_%~&#abfrctextsqn1 '" + "\r\n\u040c")))
@example("$\u040c\r$A")  # alone Cyrillic, in one word with a Latin letter Latin: a lost line's end would join them
def test_readable_text_has_the_same_words(text: str) -> None:
    assert "".join(words(readable(text))) == "".join(words(text))


def test_many_words_are_stemmed_as_each_of_them_is() -> None:
    words = "running LLMs gpus gps class https été skies dying gpt4 s ss a -".lower().split()
    assert stems([word.encode() for word in words]) == [stem(word).encode() for word in words]
    assert stems([]) == []
