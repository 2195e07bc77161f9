"""Papers as JSON, put together from rows that hold JSON text: the same as `papers.paper_as_json` says of them.

What is text already stays text. For lists that are asked for all the time this is most of the work that Python does.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from aiohttp import web

from paperlark.channels.text import own_page
from paperlark.store.prints import Printed, Telling, rfc3339
from paperlark.web import answers
from paperlark.web.answers import Piece

KEPT = 2_000  # papers: some 3 kB each

quoted = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
"""Any value as JSON."""

_quoted = encode_basestring  # the same of text, without the way there

_PLAIN = re.compile(r'"https?://[a-z0-9-]+(?:\.[a-z0-9-]+)+/[A-Za-z0-9._/-]{0,200}"')


@lru_cache(maxsize=KEPT)
def paper(row: Printed) -> Piece:
    """A paper, as `papers.ShownPaper` describes it. Remembered for those that were told last: it depends on nothing but
    the row."""
    told = row.telling()
    said = (
        f'{{{row.shown}, "aliases": {row.aliases or "[]"}, "url": {page(row.url)}, "code_url": {page(row.code_url)}, '
        f'"announced_at": "{rfc3339(told.announced_at or row.first_seen)}", '
        f'"sources": [{", ".join(map(_quoted, told.sources))}], "signals": {_signals(told)}}}'
    )
    return Piece.of(said)


def _signals(told: Telling) -> str:
    """The latest of each kind, as JSON: of one reading they are that already."""
    if len(told.counts) > 1:
        return quoted(told.signals)
    return told.counts[0] if told.counts else "{}"


def listed(
    request: web.Request, data: Sequence[Piece], following: str | None, *, more: Mapping[str, Any]
) -> web.Response:
    """As `answers.listed`, of values that are JSON already."""
    rest = "".join(f", {_quoted(name)}: {quoted(value)}" for name, value in more.items())
    after = f'], "next": {quoted(following)}{rest}}}'.encode()
    body = b'{"data": [' + b", ".join([each.said for each in data]) + after
    answer = web.Response(body=body, content_type="application/json", headers=answers.SHARED)
    if following is not None:
        answer.headers["Link"] = answers.next_page(request, following)
    return answers.unless_known(request, answer, of=b"".join([*(each.digest for each in data), after]))


def page(address: str) -> str:
    """A page's address as JSON, of its JSON as it was told; "" for none."""
    if not address or address == "null":
        return "null"
    # Most addresses are so plain that there is nothing to find out about them.
    return address if _PLAIN.fullmatch(address) else quoted(own_page(json.loads(address)))
