"""JSON and pages with an ETag, so that nothing unchanged is sent twice (RFC 9110, section 13).

The tag is of the very bytes, so it is strong and can never be stale. It saves the way, not the work.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import aiohttp_jinja2
from aiohttp import ETag, web
from aiohttp.helpers import ETAG_ANY

from paperlark.web.keys import ACCOUNT

SHARED = {"Cache-Control": "no-cache"}  # may be kept, must be asked about
NEVER_KEPT = {"Cache-Control": "no-store"}  # what holds a secret
PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
OF_READER = {"Cache-Control": "private, no-cache", "Vary": "Cookie"}  # a page that shows who is signed in


class Piece(NamedTuple):
    """A part of a body that stays what it is, and what stands for it in a tag."""

    said: bytes
    digest: bytes

    @classmethod
    def of(cls, said: str) -> "Piece":
        """With its digest."""
        encoded = said.encode()
        return cls(encoded, hashlib.blake2b(encoded, digest_size=12).digest())


def say(
    request: web.Request,
    value: Any,
    *,
    status: int = 200,
    cache: Mapping[str, str] = SHARED,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A value as JSON; 304 where the other side has it already."""
    answer = web.Response(
        status=status,
        body=json.dumps(value, ensure_ascii=False, allow_nan=False).encode(),
        content_type="application/json",
        headers={**cache, **(headers or {})},
    )
    return unless_known(request, answer)


def listed(
    request: web.Request,
    data: Sequence[Any],
    following: str | None,
    *,
    more: Mapping[str, Any] | None = None,
    cache: Mapping[str, str] = SHARED,
) -> web.Response:
    """Some of a list: `{"data": […], "next": cursor or null}`, and the next page's address as `Link` (RFC 8288)."""
    link = {} if following is None else {"Link": next_page(request, following)}
    return say(request, {"data": data, "next": following, **(more or {})}, cache=cache, headers=link)


def next_page(request: web.Request, following: str) -> str:
    """Where a list goes on, as a `Link` (RFC 8288)."""
    return f'<{request.rel_url.update_query(cursor=following)}>; rel="next"'


def page(request: web.Request, template: str, context: Mapping[str, Any], *, status: int = 200) -> web.Response:
    """A page from its template, which also knows `reader` (the account that is signed in, or 0) and `here` (the path);
    304 where the other side has it already."""
    known = {"reader": request.get(ACCOUNT, 0), "here": request.path}
    answer = aiohttp_jinja2.render_template(template, request, known | dict(context), status=status)
    answer.headers.update(OF_READER if known["reader"] else SHARED)
    return unless_known(request, answer)


def page_of(request: web.Request, pieces: Sequence[Piece]) -> web.Response:
    """The same of a page that is in pieces."""
    cache = OF_READER if request.get(ACCOUNT, 0) else SHARED
    body = b"".join([each.said for each in pieces])
    answer = web.Response(body=body, content_type="text/html", charset="utf-8", headers=cache)
    return unless_known(request, answer, of=b"".join([each.digest for each in pieces]))


def unless_known(request: web.Request, answer: web.Response, *, of: bytes | None = None) -> web.Response:
    """The answer with its tag, or 304 where the request says that it has just that. of: what the tag is made of, where
    that is not the body: another one as soon as the body is another."""
    if answer.status != 200 or request.method not in ("GET", "HEAD"):
        return answer
    assert isinstance(answer.body, bytes)
    tag = ETag(hashlib.blake2b(answer.body if of is None else of, digest_size=12).hexdigest())
    answer.etag = tag
    known = request.if_none_match or ()
    if not any(each.value in (tag.value, ETAG_ANY) for each in known):
        return answer
    unchanged = web.Response(status=304)
    unchanged.headers.update({name: answer.headers[name] for name in KEPT if name in answer.headers})
    return unchanged


KEPT = ("ETag", "Cache-Control", "Vary", "Link")
"""Headers that a 304 says as well as the 200 (RFC 9110, section 15.4.5)."""
