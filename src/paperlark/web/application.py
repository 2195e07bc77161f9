"""The web put together. Constructing it reads the package's own templates and styles, and connects to nothing."""

import time
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web

from paperlark.links import Links
from paperlark.readers.matches import Complete, Heads
from paperlark.store.database import Store
from paperlark.store.mailboxes import EMAIL
from paperlark.web import (
    access,
    account_pages,
    api_account,
    api_deliveries,
    api_feeds,
    api_marks,
    api_matches,
    api_page,
    api_papers,
    api_previews,
    api_profiles,
    api_subscriptions,
    api_trending,
    clients,
    exports,
    feeds,
    health,
    limits,
    mail,
    openapi,
    pages,
    paper_page,
    preferences,
    profile_pages,
    reader_pages,
    saved_pages,
    sign_in,
    sources,
    still,
    stream,
    subscription_pages,
)
from paperlark.web.edge import add_headers, edge
from paperlark.web.keys import CHANNELS, LINKS, OWN_KEY, STORE, Addressed
from paperlark.web.session import know_reader

HERE = Path(__file__).parent
OPERATIONS = (
    api_papers.operations,
    api_trending.operations,
    api_profiles.operations,
    api_previews.operations,
    api_matches.operations,
    stream.operations,
    api_marks.operations,
    api_account.operations,
    api_subscriptions.operations,
    api_deliveries.operations,
    sources.operations,
    mail.operations,
    api_feeds.operations,
    exports.operations,
    api_page.operations,
)
"""Every operation of the API, by its parts, as its document lists them."""
READER_PAGES = (
    reader_pages.pages,
    profile_pages.pages,
    subscription_pages.pages,
    saved_pages.pages,
    account_pages.pages,
    exports.pages,
)
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
    ticks: Callable[[], float] = time.monotonic,
) -> web.Application:
    """The API and the pages on this store. channels: by kind, those that readers can subscribe to. links: for mail,
    where it is sent. trusted_proxies: networks whose word on who asks is taken. own_key: what the secrets of webhooks
    are derived from, where each has its own. requests_a_minute: of the API, for each token or client; 0 is any number.
    ticks: seconds of a clock that never goes back."""
    app = web.Application(middlewares=[edge(), know_reader], client_max_size=BODY_LIMIT)
    app[STORE] = store
    app[CHANNELS] = channels
    app[LINKS] = links
    app[OWN_KEY] = own_key
    app[clients.TRUSTED] = clients.networks(trusted_proxies)
    app[still.REMEMBERED] = {}
    app[api_matches.COMPLETE] = Complete(store, ticks)
    app[api_matches.HEADS] = Heads(store)
    app[stream.STREAMS] = stream.Streams(store, app[api_matches.COMPLETE])
    app.cleanup_ctx.append(stream.keep_looking)
    app.on_shutdown.append(stream.end_streams)
    app[access.BEARERS] = access.Bearers(ticks)
    app[limits.LIMITS] = limits.Limits(requests_a_minute, ticks) if requests_a_minute else None
    app[api_page.DOCUMENT] = openapi.document(OPERATIONS, version=version("paperlark"))
    app.on_response_prepare.append(add_headers)
    for part in (
        health,
        api_page,
        sources,
        pages,
        paper_page,
        mail,
        preferences,
        sign_in,
        feeds,
        exports,
    ):
        app.add_routes(part.routes)
    for table in OPERATIONS:
        app.add_routes(table.routes)
    for those in READER_PAGES:
        app.add_routes(those.routes)
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
