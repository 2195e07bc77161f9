"""How an announcement looks in the golden pairs: what it holds, without what it does not.

`python -m sources.golden` from the folder `tests` writes what each input becomes now, to be read in the diff.
"""

import json
from datetime import date
from pathlib import Path
from typing import Any

from paperlark.adapters import source_module
from paperlark.model.papers import Announcement, Page
from paperlark.model.problems import SourceError
from paperlark.sources.base import Saved

DATA = Path(__file__).parents[1] / "data"
CAPTURED_ON = date(2025, 11, 5)
EXPECTED = ".expected.json"


def inputs(kind: str | None = None) -> list[Path]:
    """The input of each pair."""
    found = (path for path in DATA.glob(f"{kind or '*'}/*") if not path.name.endswith(EXPECTED))
    return sorted(found)


def outcome(path: Path) -> dict[str, Any]:
    """What an input becomes: its papers and rejects, or the line of its error."""
    saved = Saved(path.name, path.read_bytes(), CAPTURED_ON)
    try:
        return told(source_module(path.parent.name).parse_saved(saved))
    except SourceError as problem:
        return {"error": str(problem)}


def told(page: Page) -> dict[str, Any]:
    """A page, as the pairs write it."""
    story: dict[str, Any] = {"papers": [_announcement(announcement) for announcement in page.announcements]}
    if page.rejects:
        story["rejects"] = [f"{reject.where}: {reject.reason}" for reject in page.rejects]
    if page.stated and page.stated.quiet:
        story["quiet"] = True
    return story


def _announcement(told: Announcement) -> dict[str, Any]:
    paper = told.paper
    everything = {
        "title": paper.title,
        "abstract": paper.abstract,
        "authors": list(paper.authors),
        "author_count": paper.author_count if paper.author_count != len(paper.authors) else None,
        "organisation": paper.organisation,
        "categories": list(paper.categories),
        "keywords": list(paper.keywords),
        "aliases": [str(alias) for alias in paper.aliases],
        "url": paper.url,
        "code_url": paper.code_url,
        "published_at": paper.published_at.isoformat() if paper.published_at else None,
        "announced_at": told.announced_at.isoformat(),
        "occasion": told.occasion if told.occasion != "first" else None,
        "type": told.type if told.type != "new" else None,
        "signals": dict(told.signals),
    }
    return {name: value for name, value in everything.items() if value not in (None, "", [], {})}


if __name__ == "__main__":
    for path in inputs():
        expected = path.with_name(path.name + EXPECTED)
        expected.write_text(json.dumps(outcome(path), indent=1, ensure_ascii=False) + "\n")
