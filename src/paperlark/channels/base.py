"""The port of a channel: how readers are told.

A channel **renders** then *sends*: `render` is pure and holds the difficulty, `send` talks to the platform. Retry,
pace, order, and what is owed to whom are never an adapter's business.
"""

from datetime import timedelta
from typing import ClassVar, Protocol, runtime_checkable

from paperlark.model.messages import Digest, Limits, Payload, Question, Receipt


class Channel(Protocol):
    """One configured way of telling readers."""

    kind: ClassVar[str]
    """Module name, configuration key, log field: "telegram"."""

    limits: ClassVar[Limits]

    def check_address(self, address: str) -> str:
        """The address in its one spelling; raises ReaderError, saying what an address looks like, when it is none."""

    def is_group(self, address: str) -> bool:
        """True where many read at this address together, so that `limits.per_group` holds there too."""

    def render(self, digest: Digest) -> list[Payload]:
        """The messages that say this digest, each within the platform's limits, cut between papers. Pure."""

    def again(self, payload: Payload) -> Payload:
        """The same message, marked as perhaps a second copy: the platform's answer to the first was lost. Pure."""

    async def send(self, address: str, payload: Payload, key: str) -> Receipt:
        """Send one message. `key` is the idempotency key of this delivery and part.

        Returns when the platform has taken it. Raises DeliveryError, sorted (see its docstring), in any other case;
        all within `limits.seconds`.
        """

    async def open(self) -> None:
        """Connect, if the platform needs it. Called once, before the first send."""

    async def close(self) -> None:
        """Let go of everything. Called once, after the last send."""


class Asking(Channel, Protocol):
    """A channel whose addresses anybody can write down (`readers.ASKED_FIRST`): it can ask their owners."""

    def ask(self, question: Question) -> Payload:
        """The message that asks whether something is wanted at an address. Pure."""


@runtime_checkable
class Looking(Protocol):
    """What a channel has besides, whose platform knows the key of a message: within a minute of the first try the same
    key makes no second copy, and later the channel can look whether the message stands there."""

    async def look(self, address: str, key: str, payload: Payload) -> bool | None:
        """Does this message, sent under this key, stand there? None where that cannot be told: the history is too long,
        or may not be read. Raises DeliveryError when the platform does not answer."""


@runtime_checkable
class Patient(Protocol):
    """What a channel has besides, whose platform's users expect another schedule of retries than ours."""

    retries: ClassVar[tuple[timedelta, ...]]
    """The waits after each attempt but the last."""


@runtime_checkable
class Shared(Protocol):
    """What a channel has besides, where several addresses count as one for the platform's limits."""

    def limited_as(self, address: str) -> str:
        """What the platform counts messages to this address by: a topic's whole group. Pure."""
