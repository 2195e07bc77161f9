"""The web put together. Constructing it reads the package's own templates and styles, and connects to nothing."""

from collections.abc import Mapping
from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web

from paperlark.store.database import Store
from paperlark.web import access, api_papers, api_profiles, api_subscriptions, health, pages, sources
from paperlark.web.edge import add_headers, edge
from paperlark.web.keys import CHANNELS, STORE, Addressed

HERE = Path(__file__).parent
BODY_LIMIT = 64 * 1024  # bytes


def make_web(store: Store, channels: Mapping[str, Addressed]) -> web.Application:
    """The API and the pages on this store. channels: by kind, those that readers can subscribe to."""
    app = web.Application(middlewares=[edge()], client_max_size=BODY_LIMIT)
    app[STORE] = store
    app[CHANNELS] = channels
    app[access.NOTED] = {}
    app.on_response_prepare.append(add_headers)
    for part in (health, api_papers, api_profiles, api_subscriptions, sources, pages):
        app.add_routes(part.routes)
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
    return app
