"""Questions to arXiv's API: papers by their ids, and what was submitted on a day.

https://info.arxiv.org/help/api/user-manual.html. It answers errors as a feed, with HTTP 400 or 200; it lags behind the
feed by hours, leaves out ids that it does not know yet, and sends empty pages in the middle of a search.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date
from urllib.parse import urlencode

from paperlark.http import Http
from paperlark.model.problems import SourceError
from paperlark.sources._arxiv_feed import BYTES, Feed, read

BATCH = 100  # ids in one question
SLICE = 500  # entries in one answer: the API gives up to 2,000, which may be more bytes than are read
SEARCH_LIMIT = 30_000  # entries that one search can give at most


async def by_ids(http: Http, url: str, names: Sequence[str]) -> Feed:
    """What the API says of at most 100 papers, ids with or without a version. Those it does not know are left out.

    Raises SourceError.
    """
    return await _ask(http, url, {"id_list": ",".join(names), "max_results": str(BATCH)}, where="API")


async def submitted_on(http: Http, url: str, categories: Sequence[str], day: date) -> AsyncIterator[Feed]:
    """The papers first submitted on a day (UTC) in any of the categories, slice by slice.

    Raises SourceError, also when a slice is not what the search said that there is: slices already yielded stand.
    """
    asked = " OR ".join(f"cat:{form}" for category in categories for form in _forms(category))
    search = {
        "search_query": f"({asked}) AND submittedDate:[{day:%Y%m%d}0000 TO {day:%Y%m%d}2359]",
        "sortBy": "submittedDate",
        "sortOrder": "ascending",
        "max_results": str(SLICE),
    }
    came, total = 0, 1
    while came < total:
        found = await _ask(http, url, search | {"start": str(came)}, where=f"API, {day}")
        total = found.total or 0
        here = len(found.entries) + len(found.rejects)
        if total > SEARCH_LIMIT:
            raise SourceError(f"arxiv: API, {day}: {total} papers are more than it can give; ask for fewer categories")
        if here < min(SLICE, total - came):
            raise SourceError(f"arxiv: API, {day}: it has {total} papers, but sent {here} from number {came + 1} on")
        came += here
        yield found


async def _ask(http: Http, url: str, question: dict[str, str], *, where: str) -> Feed:
    answer = await http.get(f"{url}?{urlencode(question)}", asker="arxiv", also=(400,), max_bytes=BYTES)
    found = await asyncio.to_thread(read, answer.body, where=where)
    if answer.status == 400 or found.total is None:
        raise SourceError(f"arxiv: {where}: the answer (HTTP {answer.status}) is not one of the API")
    return found


def _forms(category: str) -> tuple[str, ...]:
    """An archive stands for itself and for all of its subject classes."""
    return (category,) if "." in category else (category, f"{category}.*")
