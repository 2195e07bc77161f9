"""Webhook: digests as signed JSON, by the Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks).

Each part of a digest is one POST:

    webhook-id         delivery and part: the same for every attempt, so that a second copy can be known
    webhook-timestamp  seconds since 1970, of this attempt
    webhook-signature  v1,BASE64 of HMAC-SHA256 over `id.timestamp.body`; several, parted by spaces, after a new secret

    {"type": "digest", "timestamp": "2026-11-21T08:00:00Z", "data": {
        "title", "day", "part", "parts", "note", "health", "more", "repeat", "page_url", "unsubscribe_url",
        "papers": [{"id", "title", "abstract", "authors", "author_count", "organisation", "categories", "aliases",
                    "url", "code_url", "announced_at", "occasion", "sources", "signals",
                    "reasons": [{"profile", "because", "spans": [{"field", "start", "end", "text"}]}]}]}}

Ids are text. `more` papers are in no part; `health` is told with the last. Title and abstract are as stored, TeX and
all, so that the spans' offsets (code points) hold; where there is no room for the whole of one it is cut at its end,
and only spans that lie within are told. Nothing is ever taken from this shape; names may be added. A body is under
20,000 bytes.

Any answer but 2xx is a failure, a redirect too; 410 ends the subscription. What failed is sent again with the same id
and body: who receives knows it by the id, so a lost answer is no reason to give up.
"""

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from standardwebhooks import Webhook as Signer
from yarl import URL

from paperlark.channels import text
from paperlark.http import Http
from paperlark.model.messages import Digest, DigestPaper, Limits, Payload, Receipt, Span
from paperlark.model.problems import DeliveryError, ReaderError

TIMEOUT = 15.0  # seconds for the whole answer
BYTES = 20_000  # of a body: what the standard asks to stay under
HEAD = 5_500  # of them for all but the papers
ADDRESS = 1_000  # characters
CALM_PARTS = 8  # a digest's abstracts are shortened before it becomes more messages than this

Secrets = Callable[[str], Awaitable[Sequence[str]]]
"""The secrets (`whsec_…`) to sign with now, newest first, for a destination, which a payload's "to" names."""


@dataclass(frozen=True, slots=True)
class Options:
    """http: what posts; opened and closed with the channel. secrets: of a destination. clock: the time now, UTC.

    insecure: take http:// addresses too.
    """

    http: Http
    secrets: Secrets = field(repr=False)
    clock: Callable[[], datetime]
    insecure: bool = False


class Webhook:
    """Whatever server a reader names. Addresses are https addresses."""

    kind: ClassVar[str] = "webhook"
    limits: ClassVar[Limits] = Limits(text_units=BYTES, parts=20)
    retries: ClassVar[tuple[timedelta, ...]] = tuple(
        timedelta(seconds=seconds) for seconds in (5, 300, 1800, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)))
    )
    """The waits between attempts that the standard recommends, after the first."""

    def __init__(self, options: Options) -> None:
        self._options = options

    # --- The pure half

    def check_address(self, address: str) -> str:
        """An https address as a browser sends it: host in lower case and ASCII, no fragment, no user name."""
        schemes = ("https", "http") if self._options.insecure else ("https",)
        try:
            at = URL(address.strip())
            good = at.scheme in schemes and at.host and at.user is None and at.password is None and not at.fragment
        except ValueError:
            good = False
        if not good or len(str(at)) > ADDRESS or any(letter.isspace() for letter in address.strip()):
            raise ReaderError(
                f"not a webhook: give an {' or '.join(schemes)} address of at most {ADDRESS:,} characters, like "
                "https://example.org/hooks/papers"
            )
        return str(at.with_path(at.raw_path, encoded=True, keep_query=True))  # "/" where there is none

    def is_group(self, address: str) -> bool:
        """A server is one reader's."""
        return False

    def render(self, digest: Digest) -> list[Payload]:
        """The digest as JSON texts: {"body", "to"}. The body is text because its exact bytes are what is signed."""
        papers, parts = _cut_up(digest)
        dropped = len(digest.papers) - (parts[-1].stop if parts else 0)
        head = _head(digest, len(parts) or 1, digest.more + dropped)
        to = ".".join(map(str, digest.destination)) if digest.destination else ""
        bodies = [
            _json(head | {"data": head["data"] | _part(digest, number, len(parts), papers[part.start : part.stop])})
            for number, part in enumerate(parts or [range(0)], start=1)
        ]
        payloads = [Payload({"body": body, "to": to}) for body in bodies]
        return [self.again(payload) for payload in payloads] if digest.repeat else payloads

    def again(self, payload: Payload) -> Payload:
        """The same body with "repeat" true; its id stays, being the key's."""
        said = json.loads(payload.content["body"])
        return Payload({**payload.content, "body": _json(said | {"data": said["data"] | {"repeat": True}})})

    # --- The half that talks

    async def open(self) -> None:
        """Make ready to connect."""
        await self._options.http.open()

    async def close(self) -> None:
        """Close the connections."""
        await self._options.http.close()

    async def send(self, address: str, payload: Payload, key: str) -> Receipt:
        """Post one part. `key` is its webhook-id."""
        at, body = self._options.clock(), payload.content["body"]
        answer = await self._options.http.post(
            address,
            body.encode(),
            asker=self.kind,
            headers={
                "Content-Type": "application/json",
                "webhook-id": key,
                "webhook-timestamp": str(int(at.timestamp())),
                "webhook-signature": sign(await self._options.secrets(payload.content["to"]), key, at, body),
            },
            timeout=TIMEOUT,
        )
        if 200 <= answer.status < 300:
            return Receipt()
        raise sorted_answer(answer.status, answer.words, answer.retry_after)


def sign(secrets: Sequence[str], key: str, at: datetime, body: str) -> str:
    """The signatures of a message, one for each secret. Raises DeliveryError where there is no secret."""
    if not secrets:
        raise DeliveryError("webhook: there is no secret to sign with", refused=True)
    return " ".join(Signer(secret).sign(key, at, body) for secret in secrets)


def sorted_answer(status: int, words: str, retry_after: timedelta | None) -> DeliveryError:
    """What an answer other than 2xx means for the delivery. Pure."""
    said = f"webhook: {words}"
    if status == 410:
        return DeliveryError(said, permanent=True)
    if status in (429, 503) and retry_after is not None:
        return DeliveryError(said, retry_after=retry_after, of_address=True)
    return DeliveryError(said)


# --- The body ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Room:
    """How much of a paper is told, in code points and pieces."""

    title: int
    abstract: int
    names: int  # authors, categories, aliases and sources, each
    name: int  # one of these
    words: int  # one span's text, a profile's name
    profiles: int
    spans: int  # of one profile


ROOMS = (
    Room(title=2000, abstract=8000, names=100, name=200, words=200, profiles=20, spans=40),
    Room(title=1000, abstract=2000, names=30, name=100, words=100, profiles=10, spans=20),
    Room(title=500, abstract=600, names=10, name=60, words=60, profiles=8, spans=10),
    Room(title=300, abstract=0, names=6, name=60, words=60, profiles=8, spans=6),
    Room(title=200, abstract=0, names=2, name=40, words=30, profiles=3, spans=3),
)
"""From the whole of any paper that a source ever told of, to what surely fits whatever was told."""


def _cut_up(digest: Digest) -> tuple[list[dict[str, Any]], list[range]]:
    """The papers as JSON, and the bodies they go into: as whole as stays calm, never too many."""
    papers: list[dict[str, Any]] = []
    parts: list[range] = []
    for least in range(len(ROOMS)):
        papers = [_fitted(paper, ROOMS[least:]) for paper in digest.papers]
        parts = text.pack([(_size(paper) + 1,) for paper in papers], (BYTES - HEAD,))
        if len(parts) <= CALM_PARTS:
            break
    return papers, parts[: Webhook.limits.parts]


def _fitted(paper: DigestPaper, rooms: Sequence[Room]) -> dict[str, Any]:
    told = (_paper(paper, room) for room in rooms[:-1])
    return next((one for one in told if _size(one) < BYTES - HEAD), None) or _paper(paper, rooms[-1])


def _head(digest: Digest, parts: int, more: int) -> dict[str, Any]:
    return {
        "type": "digest",
        "timestamp": _moment(digest.sealed_at) if digest.sealed_at else None,
        "data": {
            "title": _cut(digest.title, text.DIGEST_TITLE),
            "day": digest.day.isoformat(),
            "part": 1,
            "parts": parts,
            "papers": [],
            "note": _cut(digest.note, text.NOTE) if not digest.papers else "",
            "health": "",
            "more": more,
            "repeat": False,
            "page_url": text.own_page(digest.page_url),
            "unsubscribe_url": text.own_page(digest.unsubscribe_url),
        },
    }


def _part(digest: Digest, number: int, parts: int, papers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    last = number >= parts
    return {"part": number, "papers": papers, "health": _cut(digest.health, text.HEALTH) if last else ""}


def _paper(paper: DigestPaper, room: Room) -> dict[str, Any]:
    def some(names: Sequence[str]) -> list[str]:
        return [_cut(name, room.name) for name in names[: room.names]]

    return {
        "id": str(paper.id),
        "title": _cut(paper.title, room.title),
        "abstract": _cut(paper.abstract, room.abstract),
        "authors": some(paper.authors),
        "author_count": max(paper.author_count or 0, len(paper.authors)) or None,
        "organisation": _cut(paper.organisation, room.name) if paper.organisation else None,
        "categories": some(paper.categories),
        "aliases": some([str(alias) for alias in paper.aliases]),
        "url": text.link(paper),
        "code_url": text.https(paper.code_url),
        "announced_at": _moment(paper.announced_at),
        "occasion": _cut(paper.occasion, room.name),
        "sources": some(paper.sources),
        "signals": {_cut(name, 20): count for name, count in list(paper.signals.items())[:5]},
        "reasons": [
            {
                "profile": _cut(reason.profile, room.words),
                "because": _cut(text.because(reason, paper), text.BECAUSE),
                "spans": list(_spans(reason.spans, room)),
            }
            for reason in paper.reasons[: room.profiles]
        ],
    }


def _spans(spans: Sequence[Span], room: Room) -> Iterator[dict[str, Any]]:
    ends = {"title": room.title, "abstract": room.abstract}
    within = [span for span in spans if span.end <= ends.get(span.field, span.end)]
    for span in within[: room.spans]:
        said = _cut(span.text, room.words)
        yield {"field": _cut(span.field, 12), "start": span.start, "end": span.end, "text": said}


def _cut(words: str, limit: int) -> str:
    """Its beginning, as JSON can tell it: half a surrogate pair is no text. Offsets stay."""
    return words[:limit].encode("utf-8", "replace").decode()


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _size(said: Any) -> int:
    return len(_json(said).encode())


def _json(said: Any) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))
