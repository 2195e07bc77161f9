"""A page that nothing has changed since is not made again: 304 at the price of asking the database whether anything was
written.

No page is kept, only its tag and the database's state from before it was made (`Store.state`). While the state is the
same, the same address would give the same bytes, so the tag still holds. Not for pages that say what time it is.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from aiohttp import web
from aiohttp.helpers import ETAG_ANY

from paperlark.web.answers import KEPT
from paperlark.web.keys import ACCOUNT, STORE

TAGS = 5_000  # remembered at most

Answering = Callable[[web.Request], Awaitable[web.Response]]


class Tag(NamedTuple):
    """A page's tag, the state in which the page was made, and the headers that belong to it."""

    value: str
    state: str
    headers: Mapping[str, str]


REMEMBERED = web.AppKey[dict[tuple[str, int], Tag]]("remembered")


async def unless_still(request: web.Request, answering: Answering, *, account: int | None = None) -> web.Response:
    """The page as `answering` makes it, or 304 where what the other side has is still what it would make.

    account: whose it is, where that is not who is signed in on the page.
    """
    known = request.if_none_match
    if not known or request.method not in ("GET", "HEAD"):
        return await answering(request)
    remembered = request.app[REMEMBERED]
    page = request.raw_path, request[ACCOUNT] if account is None else account
    state = await request.app[STORE].state()
    tag = remembered.get(page)
    if tag is not None and tag.state == state and any(each.value in (tag.value, ETAG_ANY) for each in known):
        return web.Response(status=304, headers=tag.headers)
    answer = await answering(request)
    if answer.status in (200, 304) and answer.etag is not None:
        if len(remembered) >= TAGS:
            remembered.clear()
        headers = {name: answer.headers[name] for name in KEPT if name in answer.headers}
        remembered[page] = Tag(answer.etag.value, state, headers)
    return answer
