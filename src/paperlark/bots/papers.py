"""Papers as an answer shows them: a digest, so that they look as they do in alerts."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from paperlark.bots import words
from paperlark.bots.reply import Line, Said
from paperlark.channels.text import link
from paperlark.model.messages import Digest, DigestPaper, Reason
from paperlark.model.papers import StoredPaper
from paperlark.model.readers import Destination
from paperlark.schedule import local_day

Shown = tuple[StoredPaper, Sequence[Reason]]


def digest_of(title: str, papers: Iterable[Shown], *, now: datetime, here: Destination | None, more: int = 0) -> Digest:
    """Papers under a title, dated with the day on the reader's own calendar. more: how many there are besides."""
    day = local_day(here.rhythm, now) if here else now.date()
    return Digest(title=title, day=day, papers=tuple(DigestPaper.of(paper, why) for paper, why in papers), more=more)


def name_of(paper: StoredPaper) -> str:
    """What a reader types to name a paper: its arXiv id or DOI, else its own id."""
    named = {alias.scheme: alias.value for alias in paper.aliases}
    return named.get("arxiv") or named.get("doi") or str(paper.id)


def title_line(paper: StoredPaper) -> Line:
    """A paper in one line: its title, and what names it."""
    where = "" if link(DigestPaper.of(paper)) is None else f" {name_of(paper)}"
    return (Said(words.title(paper.title), "bold"), Said(where))
