"""Papers and queries for the matching tests: written ones, and generated ones in which near misses are common.

Generated texts and queries share a vocabulary of a dozen words, so that terms, phrases, compounds and exclusions
nearly hold all the time.
"""

from datetime import UTC, datetime

from hypothesis import strategies as st

from paperlark.matching.document import Document
from paperlark.model.papers import Alias

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)

WORDS = (
    "test", "time", "testtime", "scaling", "scaled", "scales", "LLM", "LLMs", "RAG", "rag", "Rags", "vision",
    "fragment", "GPT", "4", "GPT4", "β", "beta", r"$\beta$", "naïve", "naive",
    "扩散", "the", "C++", "univers", "universe",
)  # fmt: skip
NAMES = (
    "Yang Song",
    "Y. Song",
    "Song, Yang",
    "Song Han",
    "Laurens van der Maaten",
    "Xiao-Ming Li",
    "Xiaoming Li",
    "OpenAI",
)

_gaps = st.sampled_from([" ", " ", " ", "-", "-", " - ", ", ", ". "])


@st.composite
def texts(draw: st.DrawFn, most: int = 8) -> str:
    words = draw(st.lists(st.sampled_from(WORDS), max_size=most))
    return "".join(word + draw(_gaps) for word in words)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    return Document(
        title=draw(texts(5)) or "untitled",
        abstract=draw(texts(12)),
        announced_at=datetime(2026, 3, draw(st.integers(1, 5)), draw(st.integers(0, 23)), tzinfo=UTC),
        authors=tuple(draw(st.lists(st.sampled_from(NAMES), max_size=3))),
        organisation=draw(st.sampled_from([None, "DeepMind", "Test Time Labs"])),
        categories=tuple(draw(st.lists(st.sampled_from(["cs.CL", "cs.CV", "stat.ML", "cell biology"]), max_size=2))),
        sources=draw(st.sampled_from([("hf_daily",), ("arxiv:cs.CL",), ("arxiv:cs.CL", "hf_daily")])),
        aliases=draw(st.sampled_from([(), (Alias("arxiv", "2510.02283"),), (Alias("doi", "10.1000/a-b.c"),)])),
        type=draw(st.sampled_from(["new", "cross", "replace"])),
        signals=draw(st.dictionaries(st.sampled_from(["upvotes", "stars"]), st.integers(0, 4))),
    )


@st.composite
def _words(draw: st.DrawFn) -> str:
    kind = draw(st.integers(0, 9))
    word = draw(st.sampled_from(WORDS))
    if kind < 4:
        return word
    if kind == 4:
        return f"{word}-{draw(st.sampled_from(WORDS))}"
    if kind == 5:
        return f"={word}"
    if kind == 6:
        return draw(st.sampled_from(["te*", "scal*", "rag*", "univ*", "test-ti*", "=RA*", "gpt*", '"test ti*"']))
    several = " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4)))
    return f'="{several}"' if kind == 9 else f'"{several}"'


_others = st.sampled_from([
    'author:"Song, Yang"', "author:song", 'author:"Maaten, L"', 'author:"Xiaoming Li"', "author:=Song", "author:so*",
    "org:deepmind", 'org:"test time"', "cat:cs.CL", "cat:cs", "cat:cs.*", 'cat:"cell biology"', "source:arxiv",
    "source:hf_daily", "source:arxiv:cs.CL", "id:2510.02283", "id:arxiv:25*", "doi:10.1000/a-b.c", "type:new",
    "upvotes>=2", "stars<3", "upvotes=1", "authors>1", "since:2026-03-03",
])  # fmt: skip
_leaves = st.one_of(
    _words(),
    _words(),
    st.tuples(st.sampled_from(["title:", "abstract:", ""]), _words()).map("".join),
    _others,
)
query_texts = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' '.join(parts)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' OR '.join(parts)})"),
        inner.map(lambda part: f"-{part}" if not part.startswith("-") else f"({part})"),
    ),
    max_leaves=6,
)
"""Texts of the language. Some cannot be read as a whole query: exclusions alone."""
