"""What channels say alike."""

import time
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.channels import letters, marked, text
from paperlark.channels.marked import Run
from paperlark.model.messages import Digest, Reason, Span
from paperlark.model.papers import Alias

from . import digests
from .digests import HOSTILE, paper, spans

PIECES = st.sampled_from(
    [
        *"ab .,\n$\\{}_^",
        "tool",
        "use ",
        "\\beta",
        "$x^2$",
        "\\textsc{Laws}",
        "é",
        "e\u0301",
        "\u200b",
        "نم",
        "𝔘",
        "👍🏽",
    ]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


@st.composite
def marked_texts(draw: st.DrawFn) -> tuple[str, list[Span]]:
    words = draw(TEXTS)
    ends = st.tuples(st.integers(0, len(words)), st.integers(0, len(words))).map(sorted)
    found = [Span("title", a, b, words[a:b]) for a, b in draw(st.lists(ends, max_size=6))]
    return words, found


# --- Legible text


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_legible_text_hides_nothing_and_encodes(hostile: str) -> None:
    shown = letters.legible(hostile)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert not [c for c in shown if unicodedata.category(c) == "Cf" and c not in "\u200c\u200d"]
    shown.encode()


def test_line_breaks_become_spaces_and_the_words_stay() -> None:
    assert letters.legible("Plan\n  then\tact\u00a0\u2028twice ") == "Plan then act twice"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("we ``cache'' and ``retrieve'' plans", "we “cache” and “retrieve” plans"),
        ("a model -- unlike GRPO -- learns", "a model – unlike GRPO – learns"),
        ("model--model similarity of (LLMs)--as it were", "model–model similarity of (LLMs)–as it were"),
        ("call it with --help", "call it with --help"),
        ("Language Models~(LLMs), i.e.,~CLIP", "Language Models (LLMs), i.e., CLIP"),
        ("~30% of 5~10 at example.org/~ada", "~30% of 5~10 at example.org/~ada"),
        ("AD^2-Bench at 360^∘ and 90^circ, FA^{3}", "AD²-Bench at 360° and 90°, FA³"),
        (r"effects, \eg, of \ourMethod", "effects, e.g., of ourMethod"),
        (r"\$200k for 300\,k of \( n \) papers", "$200k for 300 k of n papers"),
        ("Masked Modeling : A Study , at last !", "Masked Modeling: A Study, at last!"),
        (r"$R$\ -- on", "R – on"),
        ("and then ... :) .NET", "and then ... :) .NET"),
    ],
)
def test_what_is_left_of_tex_reads_as_print_does(written: str, read: str) -> None:
    assert letters.legible(written) == read
    word = next(word for word in written.split() if word.isalpha())
    at = written.index(word)
    runs = marked.mark(written, [Span("title", at, at + len(word), word)])
    assert marked.plain(runs) == read and any(run.marked for run in runs)


def test_family_emoji_keeps_its_joiners() -> None:
    assert letters.legible("👩‍👩‍👧") == "👩‍👩‍👧"


def test_right_to_left_words_stand_in_an_isolate_and_others_do_not() -> None:
    assert letters.isolate("שלום") == "\u2068שלום\u2069"
    assert letters.isolate("déjà vu 模型") == "déjà vu 模型"


def test_every_letter_that_runs_leftward_is_known_for_one() -> None:
    leftward = [chr(n) for n in range(0x110000) if unicodedata.bidirectional(chr(n)) in ("R", "AL", "AN")]
    assert [letter for letter in leftward if not letters.right_to_left(letter)] == []


@given(TEXTS, st.integers(2, 60))
def test_cut_text_is_within_its_limit(words: str, limit: int) -> None:
    words = letters.legible(words)
    shown = letters.cut(words, limit)
    assert len(shown) <= limit
    assert shown == words or (shown.endswith("…") and words.startswith(shown[:-1]))


def test_cut_prefers_a_words_end_and_never_parts_a_letter_from_its_accent() -> None:
    assert letters.cut("planning tool use twice", 19) == "planning tool use…"
    for limit in range(3, 40):
        assert not letters.cut("e\u0301" * 30, limit).removesuffix("…").endswith("e")


# --- Marks


@given(marked_texts())
def test_unmarking_gives_back_the_text(case: tuple[str, list[Span]]) -> None:
    words, found = case
    assert marked.plain(marked.mark(words, found)) == letters.legible(words)


@given(marked_texts())
def test_runs_alternate_and_none_is_empty(case: tuple[str, list[Span]]) -> None:
    runs = marked.mark(*case)
    assert all(run.text for run in runs)
    assert all(a.marked != b.marked for a, b in pairwise(runs))


def test_marks_that_overlap_or_touch_become_one() -> None:
    title = "planning tool use"
    found = (Span("title", 9, 13, "tool"), Span("title", 12, 17, "l use"), Span("title", 9, 17, "tool use"))
    assert marked.mark(title, found) == (Run("planning "), Run("tool use", True))


def test_words_without_tex_are_marked_exactly() -> None:
    title = "Agents, agents and more agents"
    assert [run.text for run in marked.mark(title, spans("title", title, "Agents", "agents")) if run.marked] == [
        "Agents",
        "agents",
    ]


def test_mark_inside_a_formula_grows_to_the_formula() -> None:
    title = r"The $\beta$-VAE again"
    runs = marked.mark(title, spans("title", title, r"\beta"))
    assert marked.plain(runs) == letters.legible(title)
    assert [run.text for run in runs if run.marked] in ([letters.legible(r"$\beta$-VAE")], [])


@pytest.mark.parametrize(
    ("title", "read"),
    [(r"\textbf{a {b} tool c} x", "a b tool c x"), (r"{\bf a tool b} q", "a tool b q")],
)
def test_words_in_tex_that_reads_only_whole_are_readable_and_unmarked(title: str, read: str) -> None:
    assert marked.mark(title, spans("title", title, "tool")) == (Run(read),)


def test_spans_beyond_the_text_mark_what_is_there() -> None:
    assert marked.mark("tool use", (Span("title", 5, 99, "use…"), Span("title", 4, 4, ""))) == (
        Run("tool "),
        Run("use", True),
    )


@pytest.mark.parametrize("words", ["x" * 50_000, "$" * 50_000, "\\a{" * 20_000, "a_" * 20_000, "\\" * 50_000])
def test_marking_takes_time_in_proportion_to_the_text(words: str) -> None:
    began = time.thread_time()
    marked._merged(words, [(at, at + 2) for at in range(0, len(words), 50)])
    letters.polished(words)
    assert time.thread_time() - began < 1


# --- Excerpts


@given(marked_texts(), st.integers(0, 80))
def test_excerpt_is_within_its_limit_and_is_of_the_text(case: tuple[str, list[Span]], limit: int) -> None:
    runs = marked.mark(*case)
    shown = marked.plain(marked.excerpt(runs, limit))
    assert len(shown) <= limit
    assert shown.removeprefix("… ").removesuffix("…") in marked.plain(runs)


@given(st.integers(0, 400), st.integers(40, 200))
def test_excerpt_holds_the_first_marked_word_wherever_it_stands(before: int, limit: int) -> None:
    abstract = "filler " * before + "needle " + "filler " * 400
    runs = marked.excerpt(marked.mark(abstract, spans("abstract", abstract, "needle")), limit)
    assert Run("needle", True) in runs
    assert len(marked.plain(runs)) <= limit


def test_excerpt_begins_with_a_sentence_where_one_begins_nearby() -> None:
    abstract = "filler " * 60 + "end. We plan tool use twice. " + "filler " * 60
    shown = marked.plain(marked.excerpt(marked.mark(abstract, spans("abstract", abstract, "tool use")), 120))
    assert shown.startswith("… We plan tool use twice.")
    assert shown.endswith("filler…")


def test_short_abstract_is_shown_whole() -> None:
    assert marked.excerpt((Run("All of it."),), 10) == (Run("All of it."),)


# --- A paper in words


def test_three_authors_of_many_are_named_and_the_rest_are_counted() -> None:
    assert text.byline(digests.crowd()) == (
        "Author Number0 of Many, Author Number1 of Many, Author Number2 of Many and 597 more · Acme Lab"
    )


@pytest.mark.parametrize(
    ("authors", "stated", "said"),
    [
        ((), None, ""),
        ((), 1, "1 author"),
        ((), 12, "12 authors"),
        (("A One",), None, "A One"),
        (("A One", "B Two"), None, "A One and B Two"),
        (("A One", "B Two"), 64, "A One, B Two and 62 more"),
        (("A One", "B Two"), 3, "A One, B Two and 1 more"),
        (("A", "B", "C", "D"), None, "A, B, C and D"),
        (("A", "B", "C", "D"), 3, "A, B, C and D"),
        (("A", "B", "C", "D", "E"), None, "A, B, C and 2 more"),
        (("A", "\u200b", "B"), None, "A and B"),
    ],
)
def test_authors_are_shortened_honestly(authors: tuple[str, ...], stated: int | None, said: str) -> None:
    assert text.byline(paper(authors=authors, author_count=stated, organisation=None)) == said


def test_facts_say_source_day_and_counts_and_leave_zeros_out() -> None:
    shown = paper(signals={"upvotes": 1200, "comments": 1, "stars": 0, "rank": 2})
    assert text.facts(shown, digests.DAY) == "Hugging Face, arXiv cs.CL · 20 Nov · 1,200 upvotes · 1 comment"


@pytest.mark.parametrize(
    ("occasion", "said"),
    [
        ("first", "arXiv · 20 Nov"),
        ("replaced:v2", "revised: version 2 · arXiv · 20 Nov"),
        ("published:10.1000/x", "published as 10.1000/x · arXiv · 20 Nov"),
        ("withdrawn", "withdrawn · arXiv · 20 Nov"),
    ],
)
def test_facts_say_what_happened_when_it_is_not_the_first_time(occasion: str, said: str) -> None:
    assert text.facts(paper(occasion=occasion, sources=("arxiv",), signals={}), digests.DAY) == said


def test_day_of_another_year_has_its_year() -> None:
    old = paper(announced_at=datetime(2025, 12, 31, tzinfo=UTC), sources=("arxiv",), signals={})
    assert text.facts(old, date(2026, 1, 2)) == "arXiv · 31 Dec 2025"


def test_every_reason_is_said_in_words_with_the_profile_marked() -> None:
    assert text.why(paper()) == (
        Run("because of "),
        Run("Agents", True),
        Run(": “Tool Use” in the title; “Agents” in the abstract · "),
        Run("Popular", True),
        Run(": 35 upvotes"),
    )


def test_reason_names_the_whole_author_and_the_other_fields_in_words() -> None:
    reason = Reason(
        "Mixed",
        (
            Span("author", 9, 11, "Bo"),
            Span("org", 0, 4, "Acme"),
            Span("cat", 0, 5, "cs.CL"),
            Span("comments", 0, 1, "1"),
            Span("authors", 0, 2, "64"),
        ),
    )
    assert text.because(reason, paper()) == (
        "by Bo Two; “Acme” in the organisation; category “cs.CL”; 64 authors; 1 comment"
    )


def test_many_words_and_many_profiles_are_counted() -> None:
    title = "one two three four five six"
    reason = Reason("P", spans("title", title, *title.split()))
    shown = paper(title=title, reasons=(reason,) * 6)
    assert text.because(reason, shown) == "“one”, “two”, “three”, “four” and 2 more in the title"
    assert marked.plain(text.why(shown)).endswith(" · and 2 more profiles")


def test_paper_without_reasons_claims_none() -> None:
    assert text.why(paper(reasons=())) == ()
    assert marked.plain(text.why(paper(reasons=(Reason("All"),)))) == "because of All"


@pytest.mark.parametrize(
    ("url", "aliases", "link"),
    [
        ("https://example.org/a?b=c#d", (), "https://example.org/a?b=c#d"),
        ("https://example.org/é", (), "https://example.org/%C3%A9"),
        ("http://example.org/a", (Alias("arxiv", "2510.02283"),), "https://arxiv.org/abs/2510.02283"),
        (None, (Alias("doi", "10.1000/x y"), Alias("hf", "2510.1")), "https://huggingface.co/papers/2510.1"),
        (None, (Alias("doi", "10.1000/a<b>"),), "https://doi.org/10.1000/a%3Cb%3E"),
        (None, (Alias("url", "https://example.org/p"),), "https://example.org/p"),
        ("javascript:alert(1)", (), None),
        ("https://user@example.org/", (), None),
        ("https://exa\u202emple.org/", (), None),
        ("https:///path", (), None),
        ("https://[::1", (), None),
        ("https://example.org:port/", (), None),
        ("https://example.org/" + "a" * 700, (), None),
        ("https://example.org/\ud83d", (), None),
        (None, (), None),
    ],
)  # fmt: skip
def test_link_is_https_or_made_of_what_names_the_paper(
    url: str | None, aliases: tuple[Alias, ...], link: str | None
) -> None:
    assert text.link(paper(url=url, aliases=aliases)) == link


def test_title_of_nothing_visible_is_named_so() -> None:
    assert marked.plain(text.show(paper(title="\u200b\u3164"), digests.DAY, abstract=0).title) == "(untitled)"


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_paper_without_excerpt_is_bounded_whatever_it_was_sent_with(hostile: str) -> None:
    shown = text.show(digests.hostile(hostile), digests.DAY, abstract=0)
    assert len(marked.plain(shown.title) + shown.byline + shown.facts + marked.plain(shown.why)) < 1700


# --- A digest in words


def test_dateline_counts_also_the_papers_that_are_not_shown() -> None:
    assert text.dateline(digests.digest(more=12)) == "Sat 21 Nov 2026 · 15 papers"
    assert text.dateline(Digest("x", digests.DAY, ())) == "Sat 21 Nov 2026"
    assert text.remainder(1200) == "and 1,200 more"


def test_empty_digest_says_its_note_or_that_all_is_well() -> None:
    empty = Digest("x", digests.DAY, (), note="Quiet day.")
    assert text.empty_note(empty) == "Quiet day."
    assert text.empty_note(replace(empty, note="")) == "Nothing new met your profiles. All is well."


# --- Parts

SIZES = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=60)


@given(SIZES)
def test_each_block_is_in_one_part_in_order_and_each_part_has_room(sizes: list[tuple[int, int]]) -> None:
    parts = text.pack(sizes, (50, 9))
    assert [at for part in parts for at in part] == list(range(len(sizes)))
    for part in parts:
        assert sum(sizes[at][0] for at in part) <= 50
        assert sum(sizes[at][1] for at in part) <= 9


@given(SIZES)
def test_no_part_could_have_taken_the_first_block_of_the_next(sizes: list[tuple[int, int]]) -> None:
    parts = text.pack(sizes, (50, 9))
    for part, after in pairwise(parts):
        grown = [*part, after.start]
        assert sum(sizes[at][0] for at in grown) > 50 or sum(sizes[at][1] for at in grown) > 9


def test_block_larger_than_a_part_is_refused() -> None:
    with pytest.raises(ValueError, match="block 1"):
        text.pack([(1, 1), (51, 1)], (50, 9))
