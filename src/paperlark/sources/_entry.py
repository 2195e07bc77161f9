"""One entry of a feed becomes an announcement, or a reason why it does not. Pure.

Entries come in feedparser's words, whatever they were written in. Each is cleaned once, before anything is read from
it: past `_cleaned` there is no mark-up, and no address but of the web. What remains of a `<` is text.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import struct_time
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit, urlunsplit

from paperlark.model.papers import Alias, Announcement, Paper, arxiv_alias, doi_alias
from paperlark.sources._reading import fold, folded, keep, moment, plain, web_link

TITLE_LIMIT, ABSTRACT_LIMIT = 2_000, 50_000  # characters
AUTHORS_KEPT = 5_000
DEPTH = 6  # of lists and mappings in an entry
TELLING_TITLE = 5  # words; a shorter title alone ("Editorial") tells no two entries apart

TITLES = ("title", "itunes_title", "media_title", "dc_title", "prism_title")
DATES = ("published", "updated", "created", "prism_publicationdate", "prism_coverdate", "dc_date")
DOIS = ("prism_doi", "dc_identifier", "dcterms_identifier", "id", "prism_url", "dc_source")
LINKS = frozenset({"href", "link", "url", "src", "comments", "wfw_commentrss", "isformat"})
LITERAL = LINKS | {"scheme", "term", "type", "rel", *DOIS}
"""Fields that are no prose: an `&` in them stands for itself."""

TAG = re.compile(r"<[A-Za-z/!?]")
# A tag written so that no rule for tags finds it: without its end, or with a slash for a space. An inequality has none
# of these attributes.
CROOKED_TAG = re.compile(r"<[A-Za-z!/?][^<>]{0,4000}?\b(?:on[a-z]+|href|src|style|xmlns\w*)\s*=[^<>]*>?", re.IGNORECASE)
NO_SCHEME = re.compile(r"[^/?#]*:")  # an address has nothing else in front of such a colon (RFC 3986 §4.2)
SCHEME = re.compile(r"[\s\x00-\x20]*([A-Za-z\s\x00-\x20][\w+.\s\x00-\x20-]*):")

ABSTRACT_LABEL = re.compile(r"(?:arXiv:\S+ Announce Type: \S+ )?(?:(?:Abstract|ABSTRACT|Summary)[:.]? (?=[^a-z]))?")
ARXIV_NAME = re.compile(
    r"(?:arxiv\.org/(?:abs|pdf|html)/|oai:arXiv\.org:)(?P<id>[^\s?#]+?)(?:\.pdf)?/?(?:[?#]|$)", re.I
)
ARXIV_CATEGORY = re.compile(r"[a-z-]+(?:\.[A-Za-z-]{2,})?")
ARXIV_TYPES = ("new", "cross", "replace", "replace-cross")
DOI_IN_TEXT = re.compile(r"\bdoi(?:\.org/|\s*:\s*(?:https?://(?:dx\.)?doi\.org/)?|\s+)(10\.\d{4,9}/[^\s\"<>|]+)", re.I)
DOI_TAIL = re.compile(
    r"/(?:full|abstract|summary|pdf|epdf|html|meta)(?:/.*)?$|(?:\.(?:full|abstract|pdf|html|text))+$", re.I
)
PREPRINT_VERSION = re.compile(r"(?<=\d)v\d{1,3}$")  # of bioRxiv and medRxiv: one DOI, many versions
TRACKING = frozenset({"ff", "fc", "af", "rss", "track", "dgcid", "rft_dat", "ref", "fbclid", "gclid"})


def announcements(
    entries: Iterable[Mapping[str, Any]], feed: Mapping[str, Any], now: datetime, address: str = ""
) -> Iterator[Announcement | str]:
    """The announcement of each entry, in order, or why there is none.

    feed: what the feed says of itself. now: the moment announced of what states none, and the latest of all.
    address: what links are resolved against that are still relative.
    """
    drafts = [_draft(entry, address) for entry in entries]
    common = _common(drafts) | set(_joined(address, feed.get("link")))
    home = plain(folded(feed.get("title")))
    for draft in drafts:
        yield _announcement(draft, home, common, now) if draft.title else "the entry has no title"


@dataclass(frozen=True, slots=True)
class _Draft:
    """An entry, cleaned, and what tells it apart from the others of its feed. guid: what only it should be called."""

    entry: Mapping[str, Any]
    title: str
    abstract: str
    links: tuple[str, ...]
    guid: str
    stated: datetime | None

    @property
    def content(self) -> str:
        """What it says, where that is enough to know it again by."""
        telling = self.stated or self.abstract or len(self.title.split()) >= TELLING_TITLE
        return "\n".join((self.title, self.abstract, str(self.stated))) if telling else ""


def _draft(given: Mapping[str, Any], address: str) -> _Draft:
    # `author` and the details say again what `authors` and the fields themselves say.
    told_once = {key: given[key] for key in given if key != "author" and not key.endswith("_detail")}
    entry = _cleaned_mapping(told_once)
    return _Draft(
        entry,
        title=next((text for key in TITLES if (text := folded(entry.get(key)))), "")[:TITLE_LIMIT],
        abstract=_abstract(entry),
        links=tuple(_links(entry, address)),
        guid=folded(entry.get("id")),
        stated=_stated(entry),
    )


def _announcement(draft: _Draft, home: str, common: set[str], now: datetime) -> Announcement:
    entry = draft.entry
    authors = tuple(_authors(entry))[:AUTHORS_KEPT]
    tags = [tag for tag in (folded(tag.get("term")) for tag in _mappings(entry.get("tags"))) if tag]
    on_arxiv = "arxiv_announce_type" in entry
    paper = Paper(
        title=draft.title,
        abstract=draft.abstract,
        authors=authors,
        author_count=len(authors) or None,
        categories=tuple(tag for tag in tags if on_arxiv and ARXIV_CATEGORY.fullmatch(tag)),
        keywords=tuple(tag for tag in tags if not on_arxiv),
        aliases=tuple(_aliases(draft, home, common)),
        url=draft.links[0] if draft.links else None,
        published_at=draft.stated,
    )
    occasion, kind = _occasion(entry)
    said = keep({key: value for key, value in entry.items() if not key.endswith("_parsed")})
    return Announcement(paper, min(draft.stated or now, now), occasion, kind, said=said)


# ── cleaning ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _cleaned(value: Any, key: str, depth: int = DEPTH) -> Any:
    if isinstance(value, str):
        return _clean_text(value, key)
    if value is None or isinstance(value, struct_time | int):
        return value
    if isinstance(value, Mapping):
        return _cleaned_mapping(value, depth - 1) if depth else None
    if isinstance(value, list | tuple):
        return [_cleaned(each, key, depth - 1) for each in value] if depth else None
    return value


def _cleaned_mapping(value: Mapping[str, Any], depth: int = DEPTH) -> dict[str, Any]:
    return {
        name if name.isidentifier() else _clean_text(name): _cleaned(each, name, depth) for name, each in value.items()
    }


def _clean_text(text: str, key: str = "") -> str:
    """Text without mark-up, unescaped once; an address of the web as it is, and none of any other kind."""
    if key in LITERAL:
        if "<" in text and TAG.search(text):
            return ""
        if ":" not in text or text.startswith(("https://", "http://")):
            return text
        if (scheme := SCHEME.match(text)) is not None:
            return text if _may_stand(scheme[1], key) else ""
        return "" if key in LINKS and NO_SCHEME.match(text) else text
    if "<" not in text and "&" not in text:
        return text
    clean = plain(text)
    return fold(CROOKED_TAG.sub(" ", clean)) if "<" in clean else clean


def _may_stand(scheme: str, key: str) -> bool:
    """Links are of the web; what only names something (a guid) may be of any scheme that runs nothing."""
    bare = "".join(scheme.split()).lower()
    return bare in ("http", "https") if key in LINKS else bare not in ("javascript", "vbscript", "data")


# ── what an entry says ───────────────────────────────────────────────────────────────────────────────────────────


def _occasion(entry: Mapping[str, Any]) -> tuple[str, str]:
    """arXiv says of each entry whether it is new; a replacement's version stands in its id (`oai:arXiv.org:IDvN`)."""
    kind = folded(entry.get("arxiv_announce_type"))
    version = re.search(r"v(\d+)$", folded(entry.get("id")))
    if kind not in ARXIV_TYPES:
        return "first", "new"
    if kind.startswith("replace") and version:
        return f"replaced:v{version[1]}", kind
    return "first", kind


def _stated(entry: Mapping[str, Any]) -> datetime | None:
    """The entry's own date, in UTC; None for what no calendar has, and for the years that mean "no date"."""
    for name in DATES:
        parsed = entry.get(f"{name}_parsed")
        if isinstance(parsed, struct_time):
            try:
                found: datetime | None = datetime(*parsed[:5], min(parsed.tm_sec, 59), tzinfo=UTC)
            except ValueError:
                continue
        else:
            found = moment(entry.get(name))
        if found is not None and found.year >= 1900:
            return found
    return None


def _abstract(entry: Mapping[str, Any]) -> str:
    """The summary; or the content, where the summary is but a line of it (a journal's name and issue)."""
    summary = folded(entry.get("summary"))
    contents = [folded(content.get("value")) for content in _mappings(entry.get("content"))]
    longest = max([summary, *contents], key=len)
    abstract = longest if len(longest) > 2 * len(summary) else summary
    return ABSTRACT_LABEL.sub("", abstract, count=1)[:ABSTRACT_LIMIT]


def _authors(entry: Mapping[str, Any]) -> Iterator[str]:
    names = [folded(author.get("name")) for author in _mappings(entry.get("authors"))]
    for name in names:
        for one in _split_names(name) if len(names) == 1 else (name,):
            if cleaned := one.strip(" ,;"):
                yield cleaned


def _split_names(listed: str) -> list[str]:
    """Several names in one text ("Ada Lovelace, Alan Turing and Kurt Gödel"), but not "Lovelace, Ada"."""
    if ";" in listed:
        return listed.split(";")
    names = [name.strip() for name in re.split(r",\s*(?:and\s+)?|\s+and\s+", listed)]
    return names if all(" " in name for name in names if name) else [listed]


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    return (each for each in value if isinstance(each, Mapping)) if isinstance(value, list) else iter(())


# ── what an entry is called ──────────────────────────────────────────────────────────────────────────────────────


def _links(entry: Mapping[str, Any], address: str) -> Iterator[str]:
    """Addresses of the entry, the one to read first; without what publishers add to count their readers."""
    link, guid = entry.get("link"), entry.get("id")
    if link != guid:  # else feedparser took the guid for a link, and a relative one is but a number
        yield from _joined(address, link)
    for named in _mappings(entry.get("links")):
        if named.get("rel", "alternate") == "alternate":
            yield from _joined(address, named.get("href"))
    if permanent := web_link(guid):
        yield _without_tracking(permanent)


def _joined(address: str, link: Any) -> Iterator[str]:
    if isinstance(link, str) and link.strip():
        try:
            found = web_link(urljoin(address, fold(link)))
        except ValueError:
            return
        if found:
            yield _without_tracking(found)


def _without_tracking(link: str) -> str:
    parts = urlsplit(link)
    asked = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(key, value) for key, value in asked if key.lower() not in TRACKING and not key.lower().startswith("utm_")]
    query = parts.query if len(kept) == len(asked) else urlencode(kept)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def _common(drafts: Iterable[_Draft]) -> set[str]:
    """Links, guids and contents that several entries of one feed have, so that they name none of them."""
    titles: dict[str, set[str]] = defaultdict(set)
    links: dict[str, set[str]] = defaultdict(set)
    for draft in drafts:
        for name in (*draft.links, draft.guid):
            titles[name].add(draft.title)
        links[draft.content].update(draft.links[:1])
    shared = {name for name, named in titles.items() if len(named) > 1}
    return shared | {content for content, linked in links.items() if len(linked) > 1}


def _aliases(draft: _Draft, home: str, common: set[str]) -> Iterator[Alias]:
    """At most one name in each scheme, by what says it most plainly; a DOI or arXiv id is name enough, but for `url`.

    Where there is neither, two names of our own follow (scheme `entry`): one of what the feed calls the entry, and one
    of what the entry says, so that it is known again though its link changes with every fetch, or there is none.
    """
    named = [folded(draft.entry.get(key)) for key in DOIS] + list(draft.links)
    doi = next((doi for name in named if (doi := _doi(name))), None) or _doi_in_text(draft)
    arxiv = next((found for name in named if (found := _arxiv(name))), None)
    if doi and doi.scheme == "arxiv":
        doi, arxiv = None, doi
    own = [Alias("url", link) for link in draft.links[:1] if link not in common and urlsplit(link).path.strip("/")]
    yield from (alias for alias in (doi, arxiv, *own) if alias)
    if not (doi or arxiv):
        guid = draft.guid if draft.guid not in common and not web_link(draft.guid) else ""
        content = draft.content if draft.content not in common else ""
        if not (guid or content or own):
            content = draft.title
        yield from (Alias("entry", _digest(home, name)) for name in (guid, content) if name)


def _digest(*names: str) -> str:
    return hashlib.sha256("\n".join(names).encode(errors="replace")).hexdigest()[:32]


def _doi(text: str) -> Alias | None:
    if "10." not in text:
        return None
    if "://" not in text:
        return doi_alias(text)
    alias = doi_alias(unquote(urlsplit(text).path))
    if alias is None or alias.scheme != "doi":
        return alias
    value = DOI_TAIL.sub("", alias.value).rstrip("/")
    return Alias("doi", PREPRINT_VERSION.sub("", value) if value.startswith(("10.1101/", "10.64898/")) else value)


def _doi_in_text(draft: _Draft) -> Alias | None:
    """The DOI that the text gives as its own: the only one in it, and labelled as such."""
    texts = (folded(draft.entry.get("summary")), draft.abstract, draft.title)
    found = {alias for text in texts for name in DOI_IN_TEXT.findall(text) if (alias := doi_alias(name))}
    return found.pop() if len(found) == 1 else None


def _arxiv(text: str) -> Alias | None:
    found = ARXIV_NAME.search(text)
    return arxiv_alias(found["id"]) if found else None
