"""A reader in a browser without JavaScript: a session, pages, and forms that are filled in as they stand."""

from collections.abc import Mapping
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from paperlark.readers import session
from paperlark.store import accounts
from paperlark.store.database import Store
from paperlark.web.access import SCOPES
from paperlark.web.session import COOKIE
from tests.web.archive import Client

OURS = {"Sec-Fetch-Site": "same-origin"}


@dataclass(frozen=True)
class Page:
    """What a browser shows: where it ended up, and the page."""

    status: int
    path: str
    tree: LexborHTMLParser

    def one(self, selector: str) -> LexborNode:
        """The only element of a selector."""
        found = self.tree.css(selector)
        assert len(found) == 1, f"{selector}: {len(found)} of them"
        return found[0]

    def says(self, selector: str = "main") -> str:
        """The words of the only element of a selector, white space folded."""
        return folded(self.one(selector))

    def all(self, selector: str) -> list[str]:
        """The words of every element of a selector."""
        return [folded(node) for node in self.tree.css(selector)]

    def links(self, selector: str = "main a") -> list[str]:
        """Where the links of a selector lead."""
        return [node.attributes["href"] or "" for node in self.tree.css(selector)]

    def fields(self, form: str = "form") -> dict[str, str]:
        """What a form would send, but for its buttons."""
        return fields_of(self.one(form))


def folded(node: LexborNode) -> str:
    """An element's words, white space folded."""
    return " ".join(node.text().split())


def fields_of(form: LexborNode) -> dict[str, str]:
    """What a form would send, but for its buttons."""
    found: dict[str, str] = {}
    for field in form.css("input[name]"):
        if field.attributes.get("type") in ("radio", "checkbox") and "checked" not in field.attributes:
            continue
        found[field.attributes["name"] or ""] = field.attributes.get("value") or ""
    for area in form.css("textarea[name]"):
        found[area.attributes["name"] or ""] = area.text()
    for select in form.css("select[name]"):
        chosen = select.css("option[selected]") or select.css("option")
        found[select.attributes["name"] or ""] = (chosen[0].attributes.get("value") or "") if chosen else ""
    return found


class Browser:
    """Somebody's browser, with its own cookie."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.cookies: dict[str, str] = {}

    async def get(self, path: str) -> Page:
        """Open a page, and follow where it leads."""
        return await self._asked("GET", path)

    async def post(self, path: str, /, **fields: str) -> Page:
        """Send a form from a page of ours, and follow where that leads."""
        return await self.post_from(OURS, path, **fields)

    async def post_from(self, headers: Mapping[str, str], path: str, /, **fields: str) -> Page:
        """Send a form from a page of which the browser says this."""
        return await self._asked("POST", path, headers=headers, data=fields)

    async def _asked(self, method: str, path: str, **more: object) -> Page:
        self.client.session.cookie_jar.clear()
        self.client.session.cookie_jar.update_cookies(self.cookies, self.client.make_url("/"))
        async with self.client.request(method, path, **more) as answer:  # type: ignore[arg-type]
            for step in (*answer.history, answer):
                for name, cookie in step.cookies.items():
                    if cookie["max-age"] == "0":
                        self.cookies.pop(name, None)
                    else:
                        self.cookies[name] = cookie.value
            text = await answer.text()
            return Page(answer.status, answer.url.path_qs, LexborHTMLParser(text))


async def signed_in(client: Client, store: Store, *, name: str = COOKIE) -> tuple[Browser, int]:
    """The browser of a new reader, and the reader's account. name: of the cookie."""
    token = await session.begin_here(store, list(SCOPES))
    browser = Browser(client)
    browser.cookies[name] = token
    async with store.reading() as tx:
        bearer = await accounts.bearer(tx, token, await tx.now())
    assert bearer is not None
    return browser, bearer.account_id
