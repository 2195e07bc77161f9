"""The API's document says all that there is, and nothing else."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from jsonschema_rs import meta
from yarl import URL

from paperlark.store.database import Store
from paperlark.web import make_web
from paperlark.web.access import SCOPES
from paperlark.web.api import openapi
from paperlark.web.application import OPERATIONS
from tests.web import fitting
from tests.web.archive import Client

ALL = [each for table in OPERATIONS for each in table.listed]


async def test_every_route_of_the_api_is_in_the_document(sqlite_store: Store) -> None:
    routed = {
        (route.method, openapi.plain(_path(route)))
        for route in make_web(sqlite_store, {}).router.routes()
        if _path(route).startswith("/api/") and route.method != "HEAD"
    }
    said = {(method.upper(), path) for path, each in fitting.document()["paths"].items() for method in each}
    assert routed == said
    assert len(said) >= 20


def _path(route: Any) -> str:
    found: str = route.resource.canonical if hasattr(route.resource, "canonical") else ""
    pattern = getattr(route.resource, "_orig_path", "")
    return pattern or found


def test_operations_are_well_described() -> None:
    names = [each.name for each in ALL]
    assert len(set(names)) == len(names)
    for each in ALL:
        assert each.summary and each.summary.endswith("."), f"{each.name} does not say what it does"
        assert each.scope is None or each.scope in SCOPES, f"{each.name} asks for an unknown scope"
        assert each.gives is not None or each.status == 204 or each.media != "application/json", each.name
        if re.search(r"\{\w+", each.path):
            assert 404 in each.problems, f"{each.name} does not say when it is 404"


def test_every_schema_is_one_and_every_reference_leads_somewhere() -> None:
    document = fitting.document()
    text = json.dumps(document)
    for path in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        found: Any = document
        for step in path.split("/"):
            assert step in found, path
            found = found[step]
    for name, schema in document["components"]["schemas"].items():
        assert re.fullmatch(r"[A-Za-z]+", name), f"two models are called {name}"
        meta.validate({**schema, "components": document["components"]})
        assert schema.get("description"), f"{name} does not say what it is"


def test_answers_promise_no_member_that_they_do_not_name() -> None:
    for name, schema in fitting.document()["components"]["schemas"].items():
        if "properties" in schema:
            assert schema.get("additionalProperties") is False, name


def test_what_is_made_with_a_post_takes_an_idempotency_key() -> None:
    taking = {each.name for each in ALL if each.once}
    assert {"profiles.add", "subscriptions.add"} <= taking
    for path, methods in fitting.document()["paths"].items():
        for said in methods.values():
            headers = [each["name"] for each in said["parameters"] if each["in"] == "header"]
            assert ("Idempotency-Key" in headers) == (said["operationId"] in taking), path


def test_a_parameter_that_may_be_left_out_is_never_null() -> None:
    for methods in fitting.document()["paths"].values():
        for said in methods.values():
            assert "null" not in json.dumps(said["parameters"]), said["operationId"]


def test_a_number_says_its_bounds() -> None:
    for methods in fitting.document()["paths"].values():
        for said in methods.values():
            for each in said["parameters"]:
                if each["schema"].get("type") == "integer":
                    assert each["schema"].keys() >= {"minimum", "maximum"}, f"{said['operationId']}: {each['name']}"


async def test_the_document_is_served_and_known_again(client: Client) -> None:
    async with client.get("/api/v1/openapi.json") as answer:
        assert answer.status == 200
        assert json.loads(await answer.text()) == json.loads(json.dumps(fitting.document()))
        tag = answer.headers["ETag"]
    async with client.get("/api/v1/openapi.json", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304


async def test_the_page_names_every_operation_and_every_link_leads_somewhere(client: Client) -> None:
    async with client.get("/api") as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        page = await answer.text()
    reader = _Page()
    reader.feed(page)
    assert {each.name for each in ALL} <= reader.ids
    assert set(fitting.document()["components"]["schemas"]) <= reader.ids
    within = {link[1:] for link in reader.links if link.startswith("#")}
    assert within <= reader.ids
    assert len(reader.ids) == len(reader.all_ids)
    assert ">None<" not in page and "{&#39;" not in page and "`" not in page
    assert not [link for link in reader.links if URL(link).is_absolute()]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.all_ids: list[str] = []
        self.links: list[str] = []

    @property
    def ids(self) -> set[str]:
        return set(self.all_ids)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.all_ids.append(given["id"] or "")
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")


# ── the check itself ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "media", "body"),
    [
        (200, "application/json", b'{"data": [], "next": null, "more": 1}'),
        (200, "application/json", b'{"data": [{"id": 1}], "next": null}'),
        (200, "application/json", b'{"data": []}'),
        (200, "text/html", b"<p>"),
        (202, "application/json", b'{"data": [], "next": null}'),
        (400, "application/problem+json", b'{"title": "Bad"}'),
    ],
)
def test_an_answer_that_does_not_fit_is_noticed(status: int, media: str, body: bytes) -> None:
    headers = {"Content-Type": media, "X-Request-Id": "x"}
    address = URL("http://localhost/api/v1/sources")
    fitting.check("GET", address, 200, headers | {"Content-Type": "application/json"}, b'{"data": [], "next": null}')
    with pytest.raises(AssertionError):
        fitting.check("GET", address, status, headers, body)


def test_an_answer_without_what_it_must_carry_is_noticed() -> None:
    address = URL("http://localhost/api/v1/sources")
    with pytest.raises(AssertionError, match="X-Request-Id"):
        fitting.check("GET", address, 200, {"Content-Type": "application/json"}, b'{"data": [], "next": null}')
