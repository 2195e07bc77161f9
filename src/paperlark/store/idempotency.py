"""What was answered to requests that bear a name of their own, so that one that is sent again is not done again.

A request takes its name's *turn* before it is done, and gives the answer afterwards. Where it fails, the name is free
again; where its process dies, it is so a minute later. Names are their account's, and are kept as SHA-256. Answers tell
addresses: their bodies are sealed where there are keys (`sealed`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update

from paperlark.model.ids import new_id
from paperlark.model.problems import StoreError
from paperlark.store.database import Transaction
from paperlark.store.sealed import OPENING, Seals
from paperlark.store.tables import IDEMPOTENCY_KEY

PLACE = "idempotency_key.answer"
KEPT_FOR = timedelta(hours=24)
GIVEN_UP_AFTER = timedelta(minutes=1)  # without an answer; a request is answered, or refused, far sooner


@dataclass(frozen=True, slots=True)
class Turn:
    """The request may be done. Nobody else does it under this name meanwhile."""

    account_id: int
    key_hash: str
    number: int


@dataclass(frozen=True, slots=True)
class Before:
    """There was a request of this name: what it was, as a digest; what was answered, None while it is being done."""

    request: str
    answer: Mapping[str, Any] | None


async def begin(tx: Transaction, account_id: int, key: str, request: str, now: datetime) -> Turn | Before:
    """Take the turn of a name, or tell what came before. Commit it before the request is done."""
    turn = Turn(account_id, hashlib.sha256(key.encode()).hexdigest(), new_id())
    mine = {"request_hash": request, "turn": turn.number, "made_at": now}
    await tx.insert_new(IDEMPOTENCY_KEY, [{"account_id": account_id, "key_hash": turn.key_hash, **mine}])
    row = (await tx.execute(select(IDEMPOTENCY_KEY).where(_named(turn)).with_for_update())).one()
    if row.turn == turn.number:
        return turn
    if now - row.made_at < (GIVEN_UP_AFTER if row.answer is None else KEPT_FOR):
        return Before(row.request_hash, _opened(row.answer, await tx.seals()))
    await tx.execute(update(IDEMPOTENCY_KEY).where(_named(turn)).values(answer=None, **mine))
    return turn


async def end(tx: Transaction, turn: Turn, answer: Mapping[str, Any]) -> None:
    """The request was done and answered: `body` is its text. Whoever lost the turn meanwhile says nothing."""
    seals, kept = await tx.seals(), dict(answer)
    if seals is not None and kept.get("body"):
        kept["body"] = seals.seal(kept["body"], PLACE)
    await tx.execute(update(IDEMPOTENCY_KEY).where(_held(turn)).values(answer=kept))


async def give_up(tx: Transaction, turn: Turn) -> None:
    """The request was not done: its name is free again."""
    await tx.execute(delete(IDEMPOTENCY_KEY).where(_held(turn)))


async def forget(tx: Transaction, now: datetime, limit: int) -> int:
    """One batch of what is too old; returns how many went."""
    return await tx.delete_some(IDEMPOTENCY_KEY, IDEMPOTENCY_KEY.c.made_at < now - KEPT_FOR, limit=limit)


def _opened(answer: Mapping[str, Any] | None, seals: Seals | None) -> Mapping[str, Any] | None:
    """An answer as it was given; without its body where no key of ours opens that: it was done, and is told no more."""
    if answer is None or not (answer.get("body") or "").startswith(OPENING):
        return answer
    try:
        return {**answer, "body": None if seals is None else seals.open(answer["body"], PLACE)}
    except StoreError:
        return {**answer, "body": None}


def _named(turn: Turn) -> Any:
    return (IDEMPOTENCY_KEY.c.account_id == turn.account_id) & (IDEMPOTENCY_KEY.c.key_hash == turn.key_hash)


def _held(turn: Turn) -> Any:
    return _named(turn) & (IDEMPOTENCY_KEY.c.turn == turn.number)
