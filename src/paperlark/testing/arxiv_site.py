"""arXiv on loopback: its feed, its API, its OAI-PMH and its listing, over one set of papers and one clock.

    async with ArxivSite(clock) as site:
        site.announce(date(2026, 11, 20), Submission("2611.00001", "A title"), …)
        source = Arxiv("arxiv:cs.CL", {"categories": "cs.CL", **site.addresses}, http)

Each page says what arXiv's would at the clock's moment: the feed turns at midnight Eastern, the listing at 20:00 of the
evening before, the API when it has come to know a paper. What goes wrong is switched on by the attributes. A path
scripted with `answers` is answered by its script as long as that has replies left.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from html import escape

from aiohttp import web

from paperlark.sources import _arxiv_calendar as calendar
from paperlark.testing.sites import Reply, Site

RSS, ATOM, API, OAI, LISTING = "/rss/", "/atom/", "/api/query", "/oai", "/list/"
NAMESPACES = 'xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"'
OPENSEARCH = 'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"'
SECTIONS = {"new": "New submissions", "cross": "Cross submissions", "replace": "Replacement submissions"}


@dataclass(frozen=True, slots=True)
class Submission:
    """A paper as it stands in one announcement. type: new, cross or replace; the feed makes of it what the asked
    categories demand."""

    id: str
    title: str
    type: str = "new"
    version: int = 1
    abstract: str = "An abstract."
    authors: str = "Ada One (Institute of Ice, Oslo), Ben Two"
    categories: tuple[str, ...] = ("cs.CL",)
    comment: str = ""
    doi: str = ""
    journal_ref: str = ""
    submitted_at: datetime | None = None

    @property
    def name(self) -> str:
        return f"{self.id}v{self.version}"


class ArxivSite(Site):
    """Plays arXiv for the classes of `cs` and for `hep-th`.

    api_lag: after an announcement, until the API knows of it. feed_lacks, api_lacks: ids that they leave out.
    feed_of: serve this day's list under today's date, whatever day it is. oai_step: records in one answer.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self.clock = clock
        self.days: dict[date, list[Submission]] = {}
        self.api_lag = timedelta()
        self.feed_lacks: set[str] = set()
        self.api_lacks: set[str] = set()
        self.feed_of: date | None = None
        self.oai_step = 100

    @property
    def addresses(self) -> dict[str, str]:
        """The options that lead a source here."""
        return {
            "feed_url": self.url,
            "api_url": self.url + API,
            "oai_url": self.url + OAI,
            "list_url": self.url + LISTING.rstrip("/"),
        }

    def announce(self, day: date, *submissions: Submission) -> None:
        """Add to what is announced for a feed's day: on the evening before it."""
        self.days.setdefault(day, []).extend(submissions)

    def asked_for(self, path: str) -> int:
        """How many requests came for a path and those under it."""
        return sum(asked.path.startswith(path) for asked in self.asked)

    def reply_to(self, request: web.Request) -> Reply:
        """A scripted reply if there is one left, else arXiv's."""
        script = self._replies.get(request.path)
        if script:
            return script.pop(0)
        for prefix, reply in ((RSS, self._feed), (ATOM, self._feed), (LISTING, self._listing)):
            if request.path.startswith(prefix):
                return reply(request)
        if request.path == API:
            return self._api(request)
        if request.path == OAI:
            return self._oai(request)
        return Reply(b"not here", 404, content_type="text/plain")

    def _listed(self, day: date, categories: list[str]) -> list[Submission]:
        """A day's list for some categories: one entry a paper, its type as those categories see it."""
        own = [one for one in self.days.get(day, ()) if any(_within(name, categories) for name in one.categories)]
        seen = [one if _within(one.categories[0], categories) else replace(one, type=ABROAD[one.type]) for one in own]
        return sorted(seen, key=lambda one: list(ABROAD).index(one.type))

    # ── the feed ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _feed(self, request: web.Request) -> Reply:
        rss, query = request.path.startswith(RSS), request.path.rpartition("/")[2]
        categories = query.split("+")
        now, today = self.clock(), calendar.today(self.clock())
        unknown = next((name for name in categories if not name.startswith(("cs", "hep-th"))), None)
        if unknown is not None:
            title, words = (
                f"Feed error for query: {query}",
                f"Bad archive '{unknown}'. Valid archive names are: cs, hep-th.",
            )
            return _xml((_rss if rss else _atom)(title, words, today, now, ()), 400)
        entries = [one for one in self._listed(self.feed_of or today, categories) if one.id not in self.feed_lacks]
        name = ", ".join(categories)
        made_at = calendar.rolls_at(today) + timedelta(seconds=20)
        body = (_rss if rss else _atom)(f"{name} updates on arXiv.org", f"{name} updates.", today, made_at, entries)
        age = int((calendar.rolls_at(today + calendar.ONE_DAY) - now).total_seconds())
        tag = f'"{hashlib.sha256(body.encode()).hexdigest()}"'
        return _xml(body, headers={"ETag": tag, "Cache-Control": f"max-age={age}"})

    # ── the listing ──────────────────────────────────────────────────────────────────────────────────────────────

    def _listing(self, request: web.Request) -> Reply:
        category = request.path.removeprefix(LISTING).removesuffix("/new")
        announced = [day for day in self.days if calendar.announced_at(day) <= self.clock()]
        day = max(announced, default=calendar.latest(calendar.today(self.clock())))
        entries = self._listed(day, [category])
        skip, show = int(request.query.get("skip", "0")), int(request.query.get("show", "2000"))
        parts = [f"<h3>Showing new listings for {day:%A}, {day.day} {day:%B} {day.year}</h3>"]
        parts.append(f"<div class='paging'>Total of {len(entries)} entries</div>")
        shown = entries[skip : skip + show]
        for type, heading in SECTIONS.items():
            section = [one for one in shown if one.type.removesuffix("-cross") == type]
            whole = sum(one.type.removesuffix("-cross") == type for one in entries)
            if section:
                parts.append(f"<dl><h3>{heading} (showing {len(section)} of {whole} entries)</h3>")
                parts += [f"<dt>[{n}] <a href='/abs/{one.id}'>arXiv:{one.id}</a></dt>" for n, one in enumerate(section)]
                parts.append("</dl>")
        body = f"<!DOCTYPE html><html><body><div id='dlpage'>{''.join(parts)}</div></body></html>"
        return Reply(body.encode(), content_type="text/html")

    # ── the API ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _api(self, request: web.Request) -> Reply:
        known = self._known()
        start, most = int(request.query.get("start", "0")), int(request.query.get("max_results", "10"))
        if names := request.query.get("id_list"):
            asked = names.split(",")
            wrong = next((name for name in asked if not name[:1].isdigit() and "/" not in name), None)
            if wrong is not None:
                return _xml(_api_error(f"incorrect id format for {wrong}", self.clock()), 400)
            found = [known[name] for name in asked if name in known]
        else:
            since, until = request.query["search_query"].partition("submittedDate:[")[2].rstrip("]").split(" TO ")
            of_day = [one for one in self._latest(known) if since <= f"{_submitted(one):%Y%m%d%H%M}" <= until]
            found = sorted(of_day, key=lambda one: (_submitted(one), one.id))
        return _xml(_api_answer(found[start : start + most], len(found), start, self.clock()))

    def _known(self) -> dict[str, Submission]:
        """What the API knows, by id with version and by id alone (the latest version)."""
        known: dict[str, Submission] = {}
        for day in sorted(self.days):
            if calendar.announced_at(day) + self.api_lag <= self.clock():
                for one in self.days[day]:
                    if one.id not in self.api_lacks:
                        first = known.get(f"{one.id}v1", one)
                        known[one.name] = known[one.id] = replace(
                            one, submitted_at=first.submitted_at or _submitted(one)
                        )
        return known

    @staticmethod
    def _latest(known: dict[str, Submission]) -> list[Submission]:
        return [one for name, one in known.items() if name == one.id]

    # ── OAI-PMH ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _oai(self, request: web.Request) -> Reply:
        query = dict(request.query)
        token = query.get("resumptionToken", "")
        if token:
            keys, values = ("set", "from", "until", "at"), token.split("|")
            query = dict(zip(keys, values, strict=False))
        since, until = query.get("from") or "0001-01-01", query.get("until") or "9999-12-31"
        category = query.get("set", "").partition(":")[2].replace(":", ".")
        records = [
            (day, one)
            for day, one in self._stamped()
            if since <= day.isoformat() <= until and any(_within(name, [category]) for name in one.categories)
        ]
        at = int(query.get("at", "0"))
        if not records:
            return _xml(_oai('<error code="noRecordsMatch">No records match.</error>', self.clock()))
        answer = "".join(_record(day, one, self._versions(one)) for day, one in records[at : at + self.oai_step])
        if at + self.oai_step < len(records):
            following = "|".join((query.get("set", ""), since, until, str(at + self.oai_step)))
            answer += f'<resumptionToken completeListSize="{len(records)}">{following}</resumptionToken>'
        return _xml(_oai(f"<ListRecords>{answer}</ListRecords>", self.clock()))

    def _stamped(self) -> list[tuple[date, Submission]]:
        """Each paper once, as it is now, under the day on which it was announced last."""
        latest: dict[str, tuple[date, Submission]] = {}
        for day in sorted(self.days):
            if calendar.announced_at(day) <= self.clock():
                latest |= {one.id: (day, one) for one in self.days[day]}
        return sorted(latest.values(), key=lambda pair: (pair[0], pair[1].id))

    def _versions(self, paper: Submission) -> list[tuple[int, datetime]]:
        told = [
            (one.version, _before(day)) for day in sorted(self.days) for one in self.days[day] if one.id == paper.id
        ]
        return sorted(dict(told).items()) if told[0][0] == 1 else [(1, _before(min(self.days))), *dict(told).items()]


ABROAD = {"new": "cross", "cross": "cross", "replace": "replace-cross", "replace-cross": "replace-cross"}
"""How a category that is not the paper's primary one sees an announcement."""


def _within(category: str, asked: Iterable[str]) -> bool:
    return any(category == name or category.partition(".")[0] == name for name in asked)


def _submitted(paper: Submission) -> datetime:
    return paper.submitted_at or datetime(2026, 1, 1, tzinfo=UTC)


def _before(day: date) -> datetime:
    """Some hours before a day's announcement."""
    return calendar.announced_at(day) - timedelta(hours=12)


def _xml(body: str, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    return Reply(body.encode(), status, headers or {})


def _rss(title: str, words: str, day: date, made_at: datetime, entries: Iterable[Submission]) -> str:
    midnight = format_datetime(calendar.rolls_at(day).astimezone(calendar.EASTERN))
    parts = (
        f"<item><title>{escape(one.title)}</title><link>https://arxiv.org/abs/{one.id}</link>"
        f"<description>{escape(_summary(one))}</description>"
        f'<guid isPermaLink="false">oai:arXiv.org:{one.name}</guid>'
        f"{''.join(f'<category>{name}</category>' for name in one.categories)}"
        f"<pubDate>{midnight}</pubDate>{_extensions(one)}</item>"
        for one in entries
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><rss {NAMESPACES} version="2.0"><channel><title>{escape(title)}</title>'
        f"<description>{escape(words)}</description><lastBuildDate>{format_datetime(made_at)}</lastBuildDate>"
        f"<pubDate>{midnight}</pubDate><skipDays><day>Sunday</day><day>Saturday</day></skipDays>"
        f"{''.join(parts)}</channel></rss>"
    )


def _atom(title: str, words: str, day: date, made_at: datetime, entries: Iterable[Submission]) -> str:
    midnight = calendar.rolls_at(day).astimezone(calendar.EASTERN).isoformat()
    parts = (
        f"<entry><id>oai:arXiv.org:{one.name}</id><title>{escape(one.title)}</title>"
        f"<updated>{made_at.isoformat()}</updated><published>{midnight}</published>"
        f'<link href="https://arxiv.org/abs/{one.id}" rel="alternate" type="text/html"/>'
        f"<summary>{escape(_summary(one))}</summary>"
        f"{_terms(one)}{_extensions(one)}</entry>"
        for one in entries
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><feed {NAMESPACES} xmlns="http://www.w3.org/2005/Atom">'
        f"<title>{escape(title)}</title><subtitle>{escape(words)}</subtitle><updated>{made_at.isoformat()}</updated>"
        f"{''.join(parts)}</feed>"
    )


def _summary(one: Submission) -> str:
    return f"arXiv:{one.name} Announce Type: {one.type} \nAbstract: {one.abstract}"


def _terms(one: Submission) -> str:
    return "".join(f'<category term="{name}"/>' for name in one.categories)


def _extensions(one: Submission) -> str:
    told = {"arxiv:announce_type": one.type, "arxiv:DOI": one.doi, "arxiv:journal_reference": one.journal_ref}
    told |= {"dc:rights": "https://creativecommons.org/licenses/by/4.0/", "dc:creator": one.authors}
    return "".join(f"<{name}>{escape(text)}</{name}>" for name, text in told.items() if text)


def _api_answer(found: list[Submission], total: int, start: int, now: datetime) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><feed {OPENSEARCH} xmlns:arxiv="http://arxiv.org/schemas/atom" '
        f'xmlns="http://www.w3.org/2005/Atom"><id>https://arxiv.org/api/0</id><title>arXiv Query</title>'
        f"<updated>{now.isoformat()}</updated><opensearch:totalResults>{total}</opensearch:totalResults>"
        f"<opensearch:startIndex>{start}</opensearch:startIndex>{''.join(map(_api_entry, found))}</feed>"
    )


def _api_entry(one: Submission) -> str:
    names = (name.partition(" (")[0] for name in one.authors.replace(", Oslo)", ")").split(", "))
    extra = {"comment": one.comment, "journal_ref": one.journal_ref, "doi": one.doi}
    return (
        f"<entry><id>http://arxiv.org/abs/{one.name}</id><title>{escape(one.title)}</title>"
        f"<updated>{_submitted(one):%Y-%m-%dT%H:%M:%SZ}</updated><summary>{escape(one.abstract)}</summary>"
        f"{_terms(one)}"
        f"<published>{_submitted(one):%Y-%m-%dT%H:%M:%SZ}</published>"
        f'<arxiv:primary_category term="{one.categories[0]}"/>'
        f"{''.join(f'<arxiv:{name}>{escape(text)}</arxiv:{name}>' for name, text in extra.items() if text)}"
        f"{''.join(f'<author><name>{escape(name)}</name></author>' for name in names)}</entry>"
    )


def _api_error(words: str, now: datetime) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><feed {OPENSEARCH} xmlns="http://www.w3.org/2005/Atom">'
        f"<id>https://arxiv.org/</id><title>arXiv Search Results</title><updated>{now.isoformat()}</updated>"
        f"<opensearch:totalResults>1</opensearch:totalResults><entry><id>https://arxiv.org/api/errors#0</id>"
        f"<title>Error</title><summary>{escape(words)}</summary></entry></feed>"
    )


def _oai(answer: str, now: datetime) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
        f"<responseDate>{now:%Y-%m-%dT%H:%M:%SZ}</responseDate><request>oai</request>{answer}</OAI-PMH>"
    )


def _record(day: date, one: Submission, versions: Iterable[tuple[int, datetime]]) -> str:
    history: Iterator[str] = (
        f'<version version="v{number}"><date>{format_datetime(at)}</date><size>9kb</size></version>'
        for number, at in versions
    )
    extra = {"comments": one.comment, "journal-ref": one.journal_ref, "doi": one.doi}
    return (
        f"<record><header><identifier>oai:arXiv.org:{one.id}</identifier><datestamp>{day}</datestamp></header><metadata>"
        f'<arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/"><id>{one.id}</id>{"".join(history)}'
        f"<title>{escape(one.title)}</title><authors>{escape(one.authors)}</authors>"
        f"<categories>{' '.join(one.categories)}</categories>"
        f"{''.join(f'<{name}>{escape(text)}</{name}>' for name, text in extra.items() if text)}"
        f"<abstract>{escape(one.abstract)}</abstract></arXivRaw></metadata></record>"
    )
