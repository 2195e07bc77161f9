"""Papers as rows of text, and those at hand: whoever lists papers mostly lists the same ones as others."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from paperlark.model.papers import Alias, StoredPaper
from paperlark.store.lately import Lately

KEPT = 5_000  # papers: some 3 kB each

UNIT, ROW_OF_TOLD = "\x1d", "\x1c"  # what parts units of a row of `told`, and such rows: JSON holds neither as it is


class Telling(NamedTuple):
    """What sources told of a paper: when the first announced it, which did, in order, and what was counted, as JSON,
    the latest last."""

    announced_at: str | None
    sources: Sequence[str]
    counts: Sequence[str]

    @property
    def signals(self) -> dict[str, int]:
        """The latest count of each kind."""
        signals: dict[str, int] = {}
        for each in self.counts:
            signals |= json.loads(each)
        return signals


class Printed(NamedTuple):
    """A paper as rows of text. shown: members of a JSON object, what is shown of its own row just as it is, in the
    order of `printed.SHOWN`. Addresses are JSON; "" stands for a number or an address that is not there. aliases: JSON,
    or "" for none. told: rows, in no order, one for each reading of counts and each announcement that has none, of five
    units: its id, source and moment, the reading's moment and counts. Moments are as the database writes them.

    version: another one as soon as anything of it is.
    """

    id: str
    version: str
    shown: str
    author_count: str
    url: str
    code_url: str
    first_seen: str
    aliases: str
    told: str

    def telling(self) -> Telling:
        """What sources told of it."""
        if ROW_OF_TOLD not in self.told:  # by far the commonest
            if not self.told:
                return Telling(None, (), ())
            _, source, announced_at, _, counts = self.told.split(UNIT)
            return Telling(announced_at, (source,), (counts,) if counts else ())
        told = sorted([each.split(UNIT) for each in self.told.split(ROW_OF_TOLD)], key=_by_announcement)
        return Telling(
            min([each[2] for each in told]),
            list(dict.fromkeys([each[1] for each in told])),
            [counts for _, counts in sorted((at, counts) for *_, at, counts in told if counts)],
        )

    def stored(self) -> StoredPaper:
        """The same as an object."""
        told, shown = self.telling(), json.loads(f"{{{self.shown}}}")
        first_seen, published_at = moment(self.first_seen), shown["published_at"]
        return StoredPaper(
            id=int(self.id),
            title=shown["title"],
            abstract=shown["abstract"],
            authors=tuple(shown["authors"]),
            author_count=int(self.author_count) if self.author_count else None,
            organisation=shown["organisation"],
            categories=tuple(shown["categories"]),
            keywords=tuple(shown["keywords"]),
            aliases=tuple(sorted(Alias(*name.split(":", 1)) for name in json.loads(self.aliases or "[]"))),
            url=json.loads(self.url or "null"),
            code_url=json.loads(self.code_url or "null"),
            published_at=moment(published_at) if published_at else None,
            first_seen=first_seen,
            announced_at=moment(told.announced_at) if told.announced_at else first_seen,
            sources=tuple(told.sources),
            signals=told.signals,
        )


class Voted(NamedTuple):
    """A paper with its upvotes, and the version that it has."""

    paper_id: int
    votes: int
    version: str


class Order(NamedTuple):
    """Papers as a list has them while they are at these versions, as text."""

    versions: str | None
    papers: Sequence[Voted]


def _by_announcement(told: Sequence[str]) -> int:
    return int(told[0])


def moment(told: str) -> datetime:
    """A moment as the database writes it (`2026-03-04 06:00:00.000000` SQLite, `2026-03-04 06:00:00+00` PostgreSQL), or
    as it is shown."""
    found = datetime.fromisoformat(told)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def rfc3339(told: str) -> str:
    """A moment, as the database writes it, in RFC 3339."""
    if told.endswith("+00"):  # PostgreSQL's
        return f"{told[:10]}T{told[11:-3]}Z" if "." not in told else moment(told).isoformat().replace("+00:00", "Z")
    return f"{told[:10]}T{told[11:].removesuffix('.000000')}Z"  # SQLite's


class Prints:
    """Papers at hand, by their ids. What they were asked for last is let go of last."""

    def __init__(self, most: int = KEPT) -> None:
        self._kept: Lately[str, Printed] = Lately(most)

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, versions: Iterable[tuple[str, str]]) -> tuple[dict[str, Printed], list[str]]:
        """Those of the papers that are here in the version that is asked for, by id; and the other ids. versions: id
        and version of each."""
        found, missing = {}, []
        for number, version in versions:
            paper = self._kept.get(number)
            if paper is None or paper.version != version:
                missing.append(number)
            else:
                found[number] = paper
        return found, missing

    def keep(self, papers: Iterable[Printed]) -> None:
        """Have these at hand from now on."""
        for paper in papers:
            self._kept.keep(paper.id, paper)
