"""Feeds out: what a profile met, at an address that nobody can guess and that needs no more.

    /feeds/TOKEN.atom   .rss   .json          one profile's papers
    /feeds/TOKEN.opml                         the list of all profiles' feeds
    /feeds/TOKEN/PROFILE.atom …               one of these

An address that is no more answers 410 in the same words whatever became of it: revoked, its profile removed, or never
made. One that was cut off or changed on its way answers 404. Nothing of it comes into a log line (`edge`) or into a
referrer.
"""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.helpers import ETAG_ANY

from paperlark.formats import FEEDS, opml
from paperlark.formats.feed import UNTITLED, Feed, entry, feed_id, legible
from paperlark.formats.opml import Listed
from paperlark.model.messages import DigestPaper
from paperlark.readers import feeds as verbs
from paperlark.readers.feeds import Issue, Place
from paperlark.readers.search import LARGEST_ID
from paperlark.store.feeds import is_whole
from paperlark.web.keys import LINKS, STORE
from paperlark.web.problems import Problem, bad_parameter

MADE_AGAIN = 600  # seconds in which nobody need ask again
HEADERS = {"Cache-Control": f"private, max-age={MADE_AGAIN}", "X-Robots-Tag": "noindex"}
OPML = "opml"
SHAPE = 1  # to be raised when the same papers are written otherwise, so that nobody keeps the old form
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

routes = web.RouteTableDef()


@routes.get(r"/feeds/{token:[^/.]+}.{format:[a-z]+}")
async def feed(request: web.Request) -> web.Response:
    """One profile's feed, or the list of all."""
    token, wanted = _token(request), request.match_info["format"]
    if wanted == OPML:
        return await _list(request, token)
    return await _issue(request, token, None)


@routes.get(r"/feeds/{token:[^/.]+}/{profile:[0-9]{1,19}}.{format:[a-z]+}")
async def feed_of_list(request: web.Request) -> web.Response:
    """The feed of one profile out of a list."""
    number = int(request.match_info["profile"])
    if not 0 < number <= LARGEST_ID:
        raise _gone()
    return await _issue(request, _token(request), number)


async def _issue(request: web.Request, token: str, profile_id: int | None) -> web.Response:
    format, store, before = FEEDS.get(request.match_info["format"]), request.app[STORE], _before(request)
    if format is None:
        raise Problem(404, f"a feed ends in {', '.join(f'.{name}' for name in FEEDS)}", title="No such feed")
    profile = await verbs.opened(store, token, profile_id)
    if profile is None:
        raise _gone()
    state, updated = await verbs.state_of(store, profile, before=before)
    headers = _headers(request, state, updated)
    if _is_known(request, headers["ETag"], updated):
        return web.Response(status=304, headers=headers)
    found = await verbs.issue_of(store, profile, before=before)
    body = await asyncio.to_thread(lambda: format.write(_feed(request, found)))
    return web.Response(body=body, content_type=format.media, charset="utf-8", headers=headers)


async def _list(request: web.Request, token: str) -> web.Response:
    found = await verbs.all_of(request.app[STORE], token)
    if found is None:
        raise _gone()
    home = home_of(request)
    feeds = [Listed(legible(each.name), f"{home}/feeds/{token}/{each.id}.atom", f"{home}/") for each in found]
    updated = max((each.began_at for each in found), default=EPOCH)
    headers = _headers(request, repr(feeds), updated)
    if _is_known(request, headers["ETag"], updated):
        return web.Response(status=304, headers=headers)
    body = opml.write("Papers by paperlark", feeds, updated)
    return web.Response(body=body, content_type=opml.MEDIA, charset="utf-8", headers=headers)


def _feed(request: web.Request, found: Issue) -> Feed:
    home, profile = home_of(request), found.profile
    name = legible(profile.name) or UNTITLED
    own = f"{home}{request.rel_url.raw_path}"
    here = f"{own}?{urlencode({'before': request.query['before']})}" if "before" in request.query else own
    return Feed(
        id=feed_id(profile.id),
        title=name,
        about=f"Papers that met “{name}”",
        home=f"{home}/",
        own=here,
        updated=max((told.at for told in found.told), default=profile.began_at),
        entries=tuple(
            entry(profile.id, DigestPaper.of(told.paper, [told.reason]), told.at, home) for told in found.told
        ),
        following=f"{own}?{urlencode({'before': _written(found.before)})}" if found.before else None,
    )


# ── what has not changed is not made again (RFC 9110, section 13.2.2) ──────────────────────────────────────────────


def _headers(request: web.Request, state: str, updated: datetime) -> dict[str, str]:
    """With a weak tag: it is of what the document is made of, not of its bytes."""
    made_of = f"{SHAPE}\n{home_of(request)}\n{request.rel_url.raw_path_qs}\n{state}"
    tag = hashlib.blake2b(made_of.encode(errors="replace"), digest_size=12).hexdigest()
    modified = format_datetime(updated.astimezone(UTC), usegmt=True)
    return {**HEADERS, "ETag": f'W/"{tag}"', "Last-Modified": modified}


def _is_known(request: web.Request, tag: str, updated: datetime) -> bool:
    """Has the other side just this: by the tag, or, where it knows no tags, by the time?"""
    known, since = request.if_none_match, request.if_modified_since
    if known is not None:
        return any(each.value in (tag[3:-1], ETAG_ANY) for each in known)
    return since is not None and updated < since + timedelta(seconds=1)


def _token(request: web.Request) -> str:
    """Raises Problem: 404."""
    token = request.match_info["token"]
    if is_whole(token):
        return token
    raise Problem(404, "this address is not whole; take it again from where it was shown", title="No such feed")


def _gone() -> Problem:
    return Problem(410, "there is no feed at this address any more", kind="feed-gone", title="This feed has ended")


def home_of(request: web.Request) -> str:
    """This paperlark's own address without a slash at its end: the public one, else that by which it was asked.

    Raises Problem (400) where that is none.
    """
    links = request.app[LINKS]
    if links is not None and links.public_url is not None:
        return links.public_url
    try:
        return str(request.url.origin())
    except ValueError as error:
        raise Problem(400, "the request does not say which host it is for", title="No host") from error


# ── where the reader stands: microseconds since 1970 and a paper, `1772600000000000-123456` ────────────────────────


def _written(place: Place) -> str:
    at, paper_id = place
    return f"{(at - EPOCH) // timedelta(microseconds=1)}-{paper_id}"


def _before(request: web.Request) -> Place | None:
    """Raises Problem: 400."""
    text = request.query.get("before")
    if text is None:
        return None
    at, _, paper_id = text.partition("-")
    if (
        text.isascii()
        and at.isdecimal()
        and paper_id.isdecimal()
        and len(at) <= 16
        and int(paper_id[:20]) <= LARGEST_ID
    ):
        return EPOCH + timedelta(microseconds=int(at)), int(paper_id)
    raise bad_parameter("before", "this is not a place in this feed; begin again without it")
