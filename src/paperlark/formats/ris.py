"""RIS, as Zotero, EndNote and Mendeley take it (https://en.wikipedia.org/wiki/RIS_(file_format), after Research
Information Systems' own specification): a tag of two characters, two spaces, a dash, a space; one value a line; `TY`
first and `ER` last; lines end with CR LF. UTF-8."""

from collections.abc import Iterable, Iterator

from paperlark.formats.cited import Cited, Person, cited
from paperlark.model.papers import StoredPaper

MEDIA = "application/x-research-info-systems"
NAME = 255  # characters of an author


def write(papers: Iterable[StoredPaper]) -> str:
    """The papers, a record each, an empty line between two."""
    return "\r\n".join("".join(f"{tag}  - {value}\r\n" for tag, value in _record(cited(paper))) for paper in papers)


def _record(paper: Cited) -> Iterator[tuple[str, str]]:
    yield "TY", "GEN" if paper.preprint or not paper.doi else "JOUR"
    yield "ID", paper.key
    yield "TI", paper.title
    yield from (("AU", _name(person)) for person in paper.people)
    yield "PY", f"{paper.day:%Y}"
    yield "DA", f"{paper.day:%Y/%m/%d}/"
    if paper.abstract:
        yield "AB", paper.abstract
    if paper.arxiv:
        yield "AN", f"arXiv:{paper.arxiv}"
        yield "PB", "arXiv"
    if paper.doi:
        yield "DO", paper.doi
    if paper.url:
        yield "UR", paper.url
    yield from (("KW", keyword) for keyword in paper.keywords)
    yield "ER", ""


def _name(person: Person) -> str:
    """ "Family, Given, Suffix"; no asterisk, which RIS reserves."""
    return ", ".join(filter(None, (person.family, person.given, person.suffix))).replace("*", "")[:NAME]
