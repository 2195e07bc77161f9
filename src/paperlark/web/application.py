"""The web put together. Constructing it reads the package's own templates and styles, and connects to nothing."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web

from paperlark.links import Links
from paperlark.store.database import Store
from paperlark.store.mailboxes import EMAIL
from paperlark.web import (
    access,
    api_deliveries,
    api_papers,
    api_profiles,
    api_subscriptions,
    clients,
    health,
    mail,
    pages,
    preferences,
    sources,
)
from paperlark.web.edge import add_headers, edge
from paperlark.web.keys import CHANNELS, LINKS, OWN_KEY, STORE, Addressed

HERE = Path(__file__).parent
OPERATIONS = (api_profiles.operations,)
BODY_LIMIT = 64 * 1024  # bytes


def make_web(
    store: Store,
    channels: Mapping[str, Addressed],
    *,
    links: Links | None = None,
    trusted_proxies: str = "",
    own_key: Callable[[], Awaitable[str]] | None = None,
) -> web.Application:
    """The API and the pages on this store. channels: by kind, those that readers can subscribe to. links: for mail,
    where it is sent. trusted_proxies: networks whose word on who asks is taken. own_key: what the secrets of webhooks
    are derived from, where each has its own."""
    app = web.Application(middlewares=[edge()], client_max_size=BODY_LIMIT)
    app[STORE] = store
    app[CHANNELS] = channels
    app[LINKS] = links
    app[OWN_KEY] = own_key
    app[clients.TRUSTED] = clients.networks(trusted_proxies)
    app[access.NOTED] = {}
    app.on_response_prepare.append(add_headers)
    for part in (
        health,
        api_papers,
        api_subscriptions,
        api_deliveries,
        sources,
        pages,
        mail,
        preferences,
    ):
        app.add_routes(part.routes)
    for table in OPERATIONS:
        app.add_routes(table.routes)
    static = app.router.add_static("/static", HERE / "static", append_version=True)
    templates = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # With its content's hash in it, an address can be kept for ever.
    assets = {file.name: str(static.url_for(filename=file.name)) for file in (HERE / "static").iterdir()}
    templates.globals["asset"] = assets.__getitem__
    templates.globals["offers_mail"] = EMAIL in channels and links is not None and links.public
    return app
