"""How much several queries would have brought, counted together: each paper is read once for all of them."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from paperlark.matching.candidates import any_of, wanted
from paperlark.matching.judge import Leaves
from paperlark.matching.query import Query
from paperlark.model.papers import at_midnight
from paperlark.model.readers import USUAL_WISHES
from paperlark.readers.lookback import Asked, Past, asks_what_was_told, moments
from paperlark.readers.tally import Volume
from paperlark.store import analysed, archive, heard
from paperlark.store.database import Transaction
from paperlark.store.rows import chunks

BITE = 1_000  # papers judged at a time
BEGINNING = at_midnight(date(1900, 1, 1))  # before any announcement


async def volumes(tx: Transaction, queries: Sequence[Query], *, days: int, now: datetime) -> list[Volume]:
    """What each of the queries would have brought in the last `days` days, today (UTC) among them: as its preview says,
    in the order of the queries."""
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=days - 1)
    since, until = at_midnight(first), at_midnight(today + timedelta(days=1))
    told = await heard.between(tx, any_of(map(wanted, queries)), since, until)
    counted = await heard.counted(tx, list(told))
    began = await archive.first_announced(tx, since=BEGINNING)
    covered = (today - max(first, began.astimezone(UTC).date())).days + 1 if began and began < until else days
    leaves = Leaves()
    asked = [(Asked(query, leaves=leaves), Counter[date]()) for query in queries]
    facts = any(map(asks_what_was_told, queries))

    def count(pasts: Sequence[Past]) -> None:
        for past in pasts:
            known = moments(past, USUAL_WISHES, facts=facts)
            for each, per_day in asked:
                per_day.update(telling.day for telling in each.told(each.met(known)) if first <= telling.day <= today)

    for bite in chunks(list(told), BITE):
        found = await analysed.load_lean(tx, bite)
        pasts = [Past(found[number], told[number], counted.get(number, ())) for number in bite if number in found]
        await asyncio.to_thread(count, pasts)
    return [Volume(per_day.total(), covered, max(per_day.values(), default=0)) for _, per_day in asked]
