"""Digests for the channels' tests: ordinary, large, hostile and empty."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from paperlark.model.messages import Digest, DigestPaper, Reason, Span
from paperlark.model.papers import Alias

DAY = date(2026, 11, 21)


def spans(field: str, text: str, *words: str) -> tuple[Span, ...]:
    """Where words stand in a field, first occurrence each."""
    found = [(text.index(word), word) for word in words]
    return tuple(Span(field, at, at + len(word), word) for at, word in found)


TITLE = "Small Agents, Large Tools: Planning Tool Use in Two Passes"
ABSTRACT = (
    "Agents that call tools often plan one step at a time. We let a small model write the whole plan first, and a "
    "second pass repair it while the tools answer. On four benchmarks the second pass halves the failed calls. "
    "Ablations show that the gain comes from tool use that is planned as a whole, not from longer prompts."
)


def paper(number: int = 1, **changes: Any) -> DigestPaper:
    """An ordinary paper that met two profiles."""
    ordinary = DigestPaper(
        id=number,
        title=TITLE,
        abstract=ABSTRACT,
        authors=("Ada One", "Bo Two", "Cy Three", "Di Four", "Ed Five"),
        author_count=64,
        organisation="Acme Lab",
        categories=("cs.CL",),
        aliases=(Alias("arxiv", f"2511.{number:05d}"),),
        url=f"https://huggingface.co/papers/2511.{number:05d}",
        code_url="https://github.com/acme/two-passes",
        announced_at=datetime(2026, 11, 20, tzinfo=UTC),
        sources=("hf_daily", "arxiv:cs.CL"),
        signals={"upvotes": 35, "comments": 1, "rank": 3},
        reasons=(
            Reason("Agents", (*spans("title", TITLE, "Tool Use"), *spans("abstract", ABSTRACT, "tool use", "Agents"))),
            Reason("Popular", (Span("upvotes", 0, 2, "35"),)),
        ),
    )
    return replace(ordinary, **changes)


def digest(*papers: DigestPaper, **changes: Any) -> Digest:
    """A digest of these papers, or of three ordinary ones."""
    ordinary = Digest(
        title="Morning papers",
        day=DAY,
        papers=papers or tuple(paper(number) for number in (1, 2, 3)),
        page_url="https://papers.example.org/day/2026-11-21",
        unsubscribe_url="https://papers.example.org/u/abcdefghijklmnopqrstuvwxyz0123456789",
        sealed_at=datetime(2026, 11, 21, 8, 0, tzinfo=UTC),
    )
    return replace(ordinary, **changes)


HOSTILE = {
    "markup": '<b>bold</b> <script>alert(1)</script> </a><a href="https://evil.test">x</a> &amp; &nbsp; a < b & "c"',
    "mention": "Ask @everyone_here or @channel_admin, /start #tag [arxiv.org](https://evil.test) *x* _y_ `z`",
    "rtl override": "Safe \u202egpj.exe\u202c name \u2066with\u2069 \u200fcontrols\u061c",
    "arabic": "نماذج اللغة الكبيرة for planning שלום",
    "zero width": "a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg\u180eh",
    "emoji": "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇫🇷 👍🏽 " * 60,
    "long word": "x" * 4096,
    "long astral word": "𝔘" * 4096,
    "combining": "e\u0301" * 2000,
    "controls": "a\x00b\x1b[31mred\x07\r\nBcc: all@example.org\tc\u2028d\x85e",
    "surrogate": "half \ud83d of \udc4d a pair",
    "invisible": "\u200b\u3164\u2060",
    "ampersands": "&<>\"'" * 800,
    "tex": r"$\tau$-bench: \textsc{Tools} and $x^2_{i}$ {unbalanced \frac{1}{",
    "braces": "{title} {0} %s %(x)s {{style}}",
}


CROWDS = ("markup", "arabic", "emoji", "long astral word", "ampersands", "tex")  # those that take the most room


def hostile(text: str, number: int = 1) -> DigestPaper:
    """A paper whose every field is this text, marked all over."""
    words = tuple(Span("title", at, at + 1, text[at]) for at in range(0, len(text) - 2, max(2, len(text) // 200)))
    return paper(
        number,
        title=text,
        abstract=text * 2,
        authors=(text,) * 5,
        organisation=text,
        sources=(text, text[:10]),
        occasion=f"published:{text}",
        url=f"https://example.org/{text}",
        code_url=f"javascript:{text}",
        aliases=(Alias("doi", text), Alias("arxiv", text)),
        signals={"upvotes": 10**18, "comments": 10**18, "stars": 10**18},
        reasons=tuple(
            Reason(text, (*words, *(replace(word, field="abstract") for word in words), Span("author", 0, 2, text[:2])))
            for _ in range(8)
        ),
    )


def crowd() -> DigestPaper:
    """A paper by six hundred authors."""
    return paper(authors=tuple(f"Author Number{number} of Many" for number in range(600)), author_count=None)


ALL = {
    "ordinary": digest(),
    "one": digest(paper()),
    "one with more": digest(paper(), more=12),
    "fifty": digest(*(paper(number) for number in range(1, 51)), more=3),
    "four hundred": digest(*(paper(number) for number in range(1, 401))),
    "six hundred authors": digest(crowd()),
    "all marked": digest(*(hostile("a b c d e f g h i j " * 20, n) for n in range(9))),
    "one all marked": digest(hostile("a b c d e f g h i j " * 20)),
    "empty": Digest("Morning papers", DAY, (), note="Hugging Face had a quiet day."),
    "empty without note": Digest("", DAY, ()),
    "bare": Digest("Bare", DAY, (paper(authors=(), author_count=None, organisation=None, aliases=(), url=None,
        code_url=None, abstract="", signals={}, reasons=(), sources=()),)),
    "repeat": digest(repeat=True),
    **{f"hostile {name}": digest(hostile(text), title=text, note=text) for name, text in HOSTILE.items()},
    **{f"twenty hostile {name}": digest(*(hostile(text, n) for n in range(20)), title=text, page_url=text)
       for name, text in HOSTILE.items() if name in CROWDS},
    "empty hostile": Digest(HOSTILE["markup"], DAY, (), note=HOSTILE["long astral word"]),
}  # fmt: skip
