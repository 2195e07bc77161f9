"""What the pages behind signed links share: reading the token, the form's fields, and an answer that nobody keeps."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from paperlark.links import Purpose
from paperlark.web import answers
from paperlark.web.keys import LINKS
from paperlark.web.problems import Problem

NOT_KEPT = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


def read_token(request: web.Request, purpose: Purpose) -> tuple[int, int]:
    """The account and the number that the address's token is of. Raises Problem (404) for one that is not ours."""
    links = request.app[LINKS]
    found = links.read(purpose, request.match_info["token"]) if links is not None else None
    if found is None:
        raise Problem(
            404,
            "it was cut off or changed on its way; take the whole link from the mail",
            kind="bad-link",
            title="This link is not whole",
        )
    return found


async def form_of(request: web.Request) -> dict[str, str]:
    """The text fields of a form, whichever way it was sent; the first where a name stands twice. None of a body that
    cannot be read."""
    try:
        sent = await request.post()
    except (HttpProcessingError, ValueError, LookupError, AssertionError):
        return {}
    return {name: sent.getone(name) for name in sent if isinstance(sent.getone(name), str)}  # type: ignore[misc]


def page(request: web.Request, template: str, context: Mapping[str, Any], *, status: int = 200) -> web.Response:
    """A page that is for one reader: nobody on the way keeps it, no search engine lists it."""
    answer = answers.page(request, template, {"query": "", **context}, status=status)
    answer.headers.update(NOT_KEPT)
    return answer


def masked(address: str) -> str:
    """A mailbox as a page shows it that may be open before others: `a…@example.org`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}" if local else address
