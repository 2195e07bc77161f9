"""The web put together. Constructing it reads the package's own templates and styles, and connects to nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web

from paperlark.links import Links
from paperlark.metrics.scrape import Watched
from paperlark.readers.matches import Complete, Heads
from paperlark.readers.warm import Warming
from paperlark.store.database import Store
from paperlark.store.mailboxes import EMAIL
from paperlark.web import access, api, clients, exports, feeds, health, mail, metrics, sources
from paperlark.web.edge import add_headers, edge
from paperlark.web.keys import CHANNELS, LINKS, OWN_KEY, STORE, WARMING, Addressed
from paperlark.web.pages import (
    account,
    days,
    for_you,
    paper,
    preferences,
    profiles,
    saved,
    sign_in,
    still,
    subscriptions,
)
from paperlark.web.session import know_reader
from paperlark.web.watching import watching

HERE = Path(__file__).parent
OPERATIONS = (*api.OPERATIONS, sources.operations, mail.operations, exports.operations)
"""Every operation of the API, by its parts, as its document lists them."""
ROUTES = (health, api.document, sources, days, paper, mail, preferences, sign_in, feeds, exports)
"""What is open to everybody, beside the API."""
READER_PAGES = (for_you, profiles, subscriptions, saved, account, exports)
"""What only a signed-in reader sees."""
BODY_LIMIT = 64 * 1024  # bytes


def make_web(
    store: Store,
    channels: Mapping[str, Addressed],
    *,
    links: Links | None = None,
    trusted_proxies: str = "",
    own_key: Callable[[], Awaitable[str]] | None = None,
    requests_a_minute: int = 0,
    warms: bool = False,
    watched: Watched | None = None,
    metrics_token: str | None = None,
    ticks: Callable[[], float] = time.monotonic,
) -> web.Application:
    """The API and the pages on this store. channels: by kind, those that readers can subscribe to. links: for mail,
    where it is sent. trusted_proxies: networks whose word on who asks is taken. own_key: what the secrets of webhooks
    are derived from, where each has its own. requests_a_minute: of the API, for each token or client; 0 is any number.
    warms: whether a task of its own reads what the first searches would wait for. watched: what is told at /metrics, to
    whoever bears the token; without one only to this machine. ticks: seconds of a clock that never goes back."""
    outside = watching(watched.process if watched is not None else None)
    app = web.Application(middlewares=[outside, edge(), know_reader], client_max_size=BODY_LIMIT)
    if watched is not None:
        _tell_metrics(app, watched, metrics_token)
    app[STORE] = store
    app[CHANNELS] = channels
    app[LINKS] = links
    app[WARMING] = Warming(store) if warms else None
    app.cleanup_ctx.append(_warm)
    app[OWN_KEY] = own_key
    app[clients.TRUSTED] = clients.networks(trusted_proxies)
    app[still.REMEMBERED] = {}
    app[api.matches.COMPLETE] = Complete(store, ticks)
    app[api.matches.HEADS] = Heads(store)
    app[api.stream.STREAMS] = api.stream.Streams(store, app[api.matches.COMPLETE])
    app.cleanup_ctx.append(api.stream.keep_looking)
    app.on_shutdown.append(api.stream.end_streams)
    app[access.BEARERS] = access.Bearers(ticks)
    app[api.limits.LIMITS] = api.limits.Limits(requests_a_minute, ticks) if requests_a_minute else None
    app[api.document.DOCUMENT] = api.openapi.document(OPERATIONS, version=version("paperlark"))
    app.on_response_prepare.append(add_headers)
    for part in ROUTES:
        app.add_routes(part.routes)
    for table in OPERATIONS:
        app.add_routes(table.routes)
    for mine in READER_PAGES:
        app.add_routes(mine.pages.routes)
    static = app.router.add_static("/static", HERE / "static", append_version=True)
    templates = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        undefined=jinja2.StrictUndefined,
        auto_reload=False,  # else each page asks the disk whether its templates have changed
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # With its content's hash in it, an address can be kept for ever.
    assets = {file.name: str(static.url_for(filename=file.name)) for file in (HERE / "static").iterdir()}
    templates.globals["asset"] = assets.__getitem__
    templates.globals["offers_mail"] = EMAIL in channels and links is not None and links.public
    return app


def make_watch(store: Store, watched: Watched, metrics_token: str | None = None) -> web.Application:
    """What a process without a page tells whoever watches it: /metrics, /healthz, /readyz, and nothing else."""
    app = web.Application(middlewares=[edge(people=False)])
    app[STORE], app[LINKS] = store, None
    app.on_response_prepare.append(add_headers)
    app.add_routes(health.routes)
    _tell_metrics(app, watched, metrics_token)
    return app


def _tell_metrics(app: web.Application, watched: Watched, token: str | None) -> None:
    app[metrics.WATCHED], app[metrics.TOKEN] = watched, token
    app.add_routes(metrics.routes)


async def _warm(app: web.Application) -> AsyncIterator[None]:
    """From the application's beginning, to its end at the latest."""
    warming = app[WARMING]
    if warming is None:
        yield
        return
    running = asyncio.create_task(warming.run())
    yield
    running.cancel()
    for fault in await asyncio.gather(running, return_exceptions=True):
        if isinstance(fault, Exception):
            raise fault
