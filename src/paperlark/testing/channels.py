"""A channel for tests: it records what is sent, and fails as scripted."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from paperlark.channels.letters import one_line
from paperlark.model.messages import Digest, Limits, Payload, Receipt
from paperlark.model.problems import DeliveryError, ReaderError

KNOWN_FOR = timedelta(minutes=3)  # a key, by a channel that knows keys


@dataclass(frozen=True, slots=True)
class Options:
    """papers_a_part: how many papers go into one message. seconds: how long a send takes."""

    papers_a_part: int = 10
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One message as a reader has it, and the key that it was sent under."""

    address: str
    payload: Payload
    key: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A scripted failure. arrived: the reader has the message all the same, only the answer was lost."""

    error: DeliveryError
    arrived: bool = False


@dataclass(slots=True)
class FakeChannel:
    """Keeps every rule of the port; its platform is a list.

    sent: what readers have, in order. attempts: every call of `send`, also those that failed. Failures are scripted
    by address with `fail`, the next send to that address takes the first of them.
    """

    kind: ClassVar[str] = "fake"
    limits: ClassVar[Limits] = Limits(parts=10)

    options: Options = field(default_factory=Options)
    sent: list[Sent] = field(default_factory=list)
    attempts: list[Sent] = field(default_factory=list)
    is_open: bool = False
    _failures: dict[str, list[Failure]] = field(default_factory=dict)

    def fail(self, address: str, *failures: Failure | DeliveryError) -> None:
        """Script the next sends to an address: one failure each, then all is well again."""
        scripted = (one if isinstance(one, Failure) else Failure(one) for one in failures)
        self._failures.setdefault(address, []).extend(scripted)

    def check_address(self, address: str) -> str:
        """Any word without white space, in lower case."""
        if len(address.split()) != 1:
            raise ReaderError("not an address of the fake channel: give one word")
        return address.strip().lower()

    def is_group(self, address: str) -> bool:
        """Addresses that begin with "#" are read by many."""
        return address.startswith("#")

    def render(self, digest: Digest) -> list[Payload]:
        """{"title", "note", "papers": [{"id", "title", "why": [profile, …]}], "more", "repeat"}, `more` on the last."""
        size = self.options.papers_a_part
        room = size * self.limits.parts
        papers = [
            {"id": paper.id, "title": one_line(paper.title), "why": [one_line(why.profile) for why in paper.reasons]}
            for paper in digest.papers[:room]
        ]
        more = digest.more + len(digest.papers) - len(papers)
        parts = [papers[at : at + size] for at in range(0, len(papers), size)] or [[]]
        return [
            Payload(
                {
                    "title": one_line(digest.title),
                    "note": one_line(digest.note) if not papers else "",
                    "papers": part,
                    "more": more if part is parts[-1] else 0,
                    "repeat": digest.repeat,
                }
            )
            for part in parts
        ]

    def again(self, payload: Payload) -> Payload:
        """The message with its "repeat" set."""
        return Payload({**payload.content, "repeat": True})

    async def open(self) -> None:
        """Note that it was opened."""
        self.is_open = True

    async def close(self) -> None:
        """Note that it was closed."""
        self.is_open = False

    async def send(self, address: str, payload: Payload, key: str) -> Receipt:
        """Take the message, or fail as scripted."""
        message = Sent(address, payload, key)
        self.attempts.append(message)
        await asyncio.sleep(self.options.seconds)
        failures = self._failures.get(address)
        if failures:
            failure = failures.pop(0)
            if failure.arrived:
                self.sent.append(message)
            raise failure.error
        self.sent.append(message)
        return Receipt(message_id=str(len(self.sent)))

    def papers_at(self, address: str) -> list[int]:
        """The ids of the papers that a reader was shown at an address, in order, repeats included."""
        return [paper["id"] for message in self.messages_at(address) for paper in message.payload.content["papers"]]

    def messages_at(self, address: str) -> list[Sent]:
        """The messages at an address, in order."""
        return [message for message in self.sent if message.address == address]


@dataclass(slots=True)
class KnowingChannel(FakeChannel):
    """A channel whose platform knows the keys of messages for three minutes and can be asked later
    (`channels.base.Looking`). unreadable: it cannot say what stands there."""

    clock: Callable[[], datetime] = field(kw_only=True)
    unreadable: bool = False
    looks: list[str] = field(default_factory=list)
    _known: dict[tuple[str, str], datetime] = field(default_factory=dict)

    async def send(self, address: str, payload: Payload, key: str) -> Receipt:
        """Take the message, or fail as scripted; one that it knows already makes no second copy."""
        at = self._known.get((address, key))
        if at is not None and self.clock() - at < KNOWN_FOR:
            return Receipt(message_id=key)
        try:
            return await FakeChannel.send(self, address, payload, key)
        finally:
            if self._stands(address, key):
                self._known[address, key] = self.clock()

    async def look(self, address: str, key: str, payload: Payload) -> bool | None:
        """Does it stand there?"""
        self.looks.append(key)
        if self.unreadable:
            return None
        return self._stands(address, key)

    def _stands(self, address: str, key: str) -> bool:
        return any((message.address, message.key) == (address, key) for message in self.sent)
