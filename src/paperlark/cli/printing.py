"""What commands print: JSON for programs, plain lines in a pipe, and on a terminal tables and marked words.

Results go to standard output, progress and complaints to standard error. Whatever comes from outside is made legible
before it is shown, so that no title can steer a terminal.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from paperlark.model.messages import Span
    from paperlark.model.papers import StoredPaper

MARK, TITLE, QUIET = "bold black on yellow", "bold", "dim"
EXCERPT = 280  # code points of an abstract


# ── for programs ───────────────────────────────────────────────────────────────────────────────────────────────────


def print_json(record: Mapping[str, Any]) -> None:
    """One object on one line."""
    print(json.dumps(record, ensure_ascii=False))


def paper_record(paper: "StoredPaper", matched: "Iterable[Span]" = ()) -> dict[str, Any]:
    """A paper for programs. The id is text: it has more digits than many readers of JSON keep in a number."""
    return {
        "id": str(paper.id),
        "title": paper.title,
        "aliases": [str(alias) for alias in paper.aliases],
        "first_seen": paper.first_seen.isoformat(),
        "matched": [{"field": span.field, "text": span.text, "start": span.start, "end": span.end} for span in matched],
        "announced_at": paper.announced_at.isoformat(),
        "published_at": paper.published_at.isoformat() if paper.published_at else None,
        "abstract": paper.abstract,
        "authors": list(paper.authors),
        "author_count": paper.author_count,
        "organisation": paper.organisation,
        "categories": list(paper.categories),
        "sources": list(paper.sources),
        "signals": dict(paper.signals),
        "url": paper.url,
        "code_url": paper.code_url,
    }


# ── for people ─────────────────────────────────────────────────────────────────────────────────────────────────────


def on_terminal() -> bool:
    """Whether a person reads what is printed."""
    return sys.stdout.isatty()


def terminal(*, stderr: bool = False) -> "Console":
    """Standard output (or error) as rich writes to it. Whoever closes the pipe is told of like by any other print."""
    from rich.console import Console

    class Terminal(Console):
        def on_broken_pipe(self) -> None:
            raise  # called while the BrokenPipeError is being dealt with: rich itself would leave with status 1

    return Terminal(stderr=stderr, highlight=False)


def say(*lines: str) -> None:
    """Sentences for a person."""
    for line in lines:
        print(line)


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A calm table on a terminal; in a pipe one line a row, cells parted by tabs, without headers."""
    cells = [[_one_line(cell) for cell in row] for row in rows]
    if not on_terminal():
        say(*("\t".join(row) for row in cells))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(*headers, box=None, header_style=QUIET, pad_edge=False, padding=(0, 2, 0, 0))
    for row in cells:
        table.add_row(*map(Text, row))
    terminal().print(table)


def print_paper(paper: "StoredPaper", matched: "Iterable[Span]" = ()) -> None:
    """A paper: on a terminal its title with the matched words marked, its facts, and the abstract where that matched;
    in a pipe one line of day, name and title, parted by tabs."""
    from paperlark.channels import letters, marked, text
    from paperlark.model.messages import DigestPaper

    if not on_terminal():
        named = str(paper.aliases[0]) if paper.aliases else str(paper.id)
        print(paper.announced_at.date(), named, letters.legible(paper.title), sep="\t")
        return
    spans = list(matched)
    out = terminal()
    out.print(_marked(marked.mark(paper.title, (span for span in spans if span.field == "title")), TITLE))
    shown = DigestPaper.of(paper)
    for line in (text.byline(shown), text.facts(shown, date.min), text.link(shown)):
        if line:
            out.print(_styled(line, QUIET))
    in_abstract = [span for span in spans if span.field == "abstract"]
    if in_abstract:
        out.print(_marked(marked.excerpt(marked.mark(paper.abstract, in_abstract), EXCERPT), ""))
    out.print()


class Told(Protocol):
    """Called with how much is done, of how much (None: nobody knows), and a few words about it."""

    def __call__(self, done: int, total: int | None = None, note: str = "") -> None: ...


@contextmanager
def progress(what: str) -> Iterator[Told]:
    """A bar on standard error while something long is done; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total=None, note="": None
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}", style=QUIET),
        TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=terminal(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, note="")
        yield lambda done, total=None, note="": bar.update(task, completed=done, total=total, note=note)


def _one_line(cell: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(cell.split()))


def _marked(runs: Iterable[tuple[str, bool]], bare: str) -> "Text":
    from rich.text import Text

    return Text.assemble(*((words, MARK if marked else bare) for words, marked in runs))


def _styled(words: str, style: str) -> "Text":
    from rich.text import Text

    return Text(words, style)
