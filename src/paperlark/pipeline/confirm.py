"""The owners of addresses are asked: is this wanted here? (Double opt-in.)

What asks is a mail like any other: it stands in the outbox, sealed, in one transaction with the note that it was asked,
so a crash asks neither twice nor never.
"""

from datetime import datetime

from paperlark.channels.base import Asking
from paperlark.links import Links, Purpose
from paperlark.model.messages import Question
from paperlark.model.readers import Cadence
from paperlark.store import mailboxes, outbox
from paperlark.store.database import Store, Transaction
from paperlark.store.mailboxes import Confirmation

AT_ONCE = 50  # questions in one transaction
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


async def ask(store: Store, channel: Asking, links: Links) -> int:
    """Put every question that is open into the outbox. Returns how many."""
    async with store.reading() as tx:
        if not await mailboxes.any_unasked(tx):
            return 0
    asked = 0
    while True:
        async with store.transaction() as tx:
            now = await tx.now()
            questions = await mailboxes.unasked(tx, channel.kind, AT_ONCE)
            for question in questions:
                await _ask(tx, channel, links, question, now)
        asked += len(questions)
        if len(questions) < AT_ONCE:
            return asked


async def _ask(tx: Transaction, channel: Asking, links: Links, question: Confirmation, now: datetime) -> None:
    place = question.place
    address = links.address(Purpose.CONFIRM, question.account_id, question.id)
    if address is not None:
        payload = channel.ask(
            Question(
                wanted=in_words(question),
                confirm_url=address,
                until=question.expires_at,
                sealed_at=now,
                bounce=links.bounce(place.account_id, place.id),
            )
        )
        slot = f"{outbox.QUESTION}{question.id:x} of {question.made_at:%Y-%m-%dT%H:%M:%S.%fZ}"
        await outbox.notice(tx, place, slot, [payload.content], now=now)
    await mailboxes.asked(tx, question, now)


def in_words(question: Confirmation) -> str:
    """What a question asks for, without a word of whoever asked: "what is trending, daily at 08:00 (Europe/Berlin)"."""
    wish = question.wish
    if wish is None:
        return "papers that somebody follows here"
    what = "papers that meet a search of your own" if wish["query"] else "what is trending"
    at = f"at {wish['digest_at']} ({wish['zone']})"
    return {
        Cadence.INSTANT: f"{what}, as soon as they are announced",
        Cadence.DAILY: f"{what}, daily {at}",
        Cadence.WEEKLY: f"{what}, every {_WEEKDAYS[wish['weekday']]} {at}",
    }[Cadence(wish["cadence"])]
