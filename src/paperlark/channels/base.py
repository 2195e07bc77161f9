"""The port of a channel: how readers are told.

A channel **renders** then *sends*: `render` is pure and holds the difficulty, `send` talks to the platform. Retry,
pace, order, and what is owed to whom are never an adapter's business.
"""

from typing import ClassVar, Protocol

from paperlark.model.messages import Digest, Limits, Payload, Receipt


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

        Returns when the platform has taken it. Raises DeliveryError, sorted (see its docstring), in any other case.
        """

    async def open(self) -> None:
        """Connect, if the platform needs it. Called once, before the first send."""

    async def close(self) -> None:
        """Let go of everything. Called once, after the last send."""
