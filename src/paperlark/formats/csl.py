"""CSL-JSON, what citation processors take (https://docs.citationstyles.org/en/stable/specification.html, appendices
III and IV; the schema `csl-data.json` of version 1.0.2)."""

import json
from collections.abc import Iterable
from typing import Any

from paperlark.formats.cited import Cited, Person, cited
from paperlark.model.papers import StoredPaper

MEDIA = "application/vnd.citationstyles.csl+json"


def write(papers: Iterable[StoredPaper]) -> str:
    """The papers as one array."""
    return json.dumps([_reference(cited(paper)) for paper in papers], ensure_ascii=False, indent=1) + "\n"


def _reference(paper: Cited) -> dict[str, Any]:
    said: dict[str, Any] = {
        "id": paper.key,
        "type": "article" if paper.preprint or not paper.doi else "article-journal",
        "title": paper.title,
        "author": [_name(person) for person in paper.people],
        "issued": {"date-parts": [[paper.day.year, paper.day.month, paper.day.day]]},
        "genre": "preprint" if paper.preprint else None,
        "publisher": "arXiv" if paper.arxiv else None,
        "number": f"arXiv:{paper.arxiv}" if paper.arxiv else None,
        "DOI": paper.doi,
        "URL": paper.url,
        "keyword": ", ".join(paper.keywords),
        "abstract": paper.abstract,
    }
    return {name: value for name, value in said.items() if value}


def _name(person: Person) -> dict[str, str]:
    if person.body:
        return {"literal": person.family}
    parts = {"family": person.family, "given": person.given, "suffix": person.suffix}
    return {name: value for name, value in parts.items() if value}
