"""What an operator chooses of arXiv, checked: categories, the form of the feed, how far back. Pure."""

import re
from dataclasses import dataclass

from paperlark.sources._reading import web_link

LONGEST_FILL = 366  # days
ARCHIVES = frozenset(
    {"astro-ph", "cond-mat", "cs", "econ", "eess", "gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math", "math-ph"}
    | {"nlin", "nucl-ex", "nucl-th", "physics", "q-bio", "q-fin", "quant-ph", "stat"}
)
"""The archives that announce: https://arxiv.org/category_taxonomy"""


@dataclass(frozen=True, slots=True)
class Options:
    """categories: "cs.CL", or several as "cs.CL+cs.LG"; an archive ("math") is all of its classes. form: rss or atom.

    reconcile: compare each day with the listing page. back_fill: how many days before the first poll are fetched from
    the API. The addresses are arXiv's own, unless a test plays it.
    """

    categories: str
    form: str = "rss"
    reconcile: bool = True
    back_fill: int = 0
    feed_url: str = "https://rss.arxiv.org"
    api_url: str = "https://export.arxiv.org/api/query"
    oai_url: str = "https://oaipmh.arxiv.org/oai"
    list_url: str = "https://arxiv.org/list"

    def __post_init__(self) -> None:
        if not isinstance(self.categories, str) or not self.names:
            raise ValueError("categories names none; write it as cs.CL or cs.CL+cs.LG")
        if self.form not in ("rss", "atom"):
            raise ValueError(f"form is rss or atom, not {self.form!r}")
        if self.reconcile not in (0, 1):
            raise ValueError("reconcile is 1 (yes) or 0 (no)")
        if not isinstance(self.back_fill, int) or not 0 <= self.back_fill <= LONGEST_FILL:
            raise ValueError(f"back_fill is a number of days from 0 to {LONGEST_FILL}")
        for name in ("feed_url", "api_url", "oai_url", "list_url"):
            if web_link(getattr(self, name)) is None:
                raise ValueError(f"{name}: {getattr(self, name)!r} is no http or https address")

    @property
    def names(self) -> tuple[str, ...]:
        """The categories, each in arXiv's own spelling. Raises ValueError for one whose archive there is not."""
        return tuple(dict.fromkeys(_spelt(name) for name in re.split(r"[+,\s]+", self.categories.strip()) if name))

    @property
    def feed(self) -> str:
        """The address of the feed."""
        return f"{self.feed_url}/{self.form}/{'+'.join(self.names)}"

    def among(self, category: str) -> bool:
        """True where a category is one of those chosen, by itself or with its archive."""
        return category in self.names or category.partition(".")[0] in self.names


def _spelt(written: str) -> str:
    """arXiv writes archives small, classes of two letters large (cs.CL) and longer ones small (physics.gen-ph)."""
    archive, dot, subject = written.partition(".")
    if archive.lower() not in ARCHIVES or (dot and not re.fullmatch(r"[A-Za-z-]{2,}", subject)):
        raise ValueError(f"categories: {written[:40]!r} is no category of arXiv; write it as cs.CL, math or hep-th")
    return f"{archive.lower()}{dot}{subject.upper() if len(subject) == 2 else subject.lower()}"
