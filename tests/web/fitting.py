"""A client that holds every answer of the API against the API's own document."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from aiohttp.typedefs import StrOrURL
from aiohttp.web import Application, Request
from jsonschema_rs import Draft202012Validator, meta
from yarl import URL

from paperlark import __version__
from paperlark.web.api import openapi
from paperlark.web.application import OPERATIONS

PREFIX = "/api/v1/"
NOWHERE = {404, 405}  # what is not in the document is answered by no operation
FAULTS_OF_OURS = {500}


class FittingClient(TestClient[Request, Application]):
    """As the test client; an answer of the API that its document does not allow for fails the test."""

    async def _request(self, method: str, path: StrOrURL, **options: Any) -> ClientResponse:
        answer = await super()._request(method, path, **options)
        if answer.url.path.startswith(PREFIX) and method not in ("HEAD", "OPTIONS"):
            whole = answer.content_type != "text/event-stream"
            check(method, answer.url, answer.status, answer.headers, await answer.read() if whole else b"")
        return answer


def check(method: str, url: URL, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raises AssertionError where the document does not allow for this answer."""
    operation = operation_of(method, url.raw_path)
    if operation is None:
        assert status in NOWHERE, f"{method} {url.path} answers {status} and is not in the document"
        return
    if status in FAULTS_OF_OURS:
        return  # a test made it fail; that no other does is for the other tests to say
    name = operation["operationId"]
    assert str(status) in operation["responses"], f"{name} answers {status}: {body!r}"
    said = _resolved(operation["responses"][str(status)])
    missing = [
        header
        for header, each in said.get("headers", {}).items()
        if _resolved(each)["required"] and header not in headers
    ]
    assert not missing, f"{name} answers {status} without {missing}"
    content = said.get("content", {})
    if not content:
        assert not body, f"{name} answers {status} with a body"
        return
    media = headers["Content-Type"].partition(";")[0]
    assert media in content, f"{name} answers {status} as {media}"
    if media.endswith("json"):
        _check_schema(name, status, json.loads(body), json.dumps(content[media]["schema"]))


@cache
def document() -> dict[str, Any]:
    """The API's document."""
    return openapi.document(OPERATIONS, version=__version__)


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """What the document says of a request, None where it has none such."""
    found = (said.get(method.lower()) for pattern, said in _paths() if pattern.fullmatch(path))
    return next((each for each in found if each is not None), None)


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """The paths with the fewest names first, as what is named outright goes before what is not."""
    paths = sorted(document()["paths"].items(), key=lambda each: each[0].count("{"))
    tailed = {openapi.plain(each.path) for table in OPERATIONS for each in table.listed if each.path.endswith(".+}")}
    return [(_pattern(path, whole=path.removeprefix("/api/v1") in tailed), said) for path, said in paths]


def _pattern(path: str, *, whole: bool) -> re.Pattern[str]:
    """whole: the last name stands for the rest of the path, slashes and all."""
    parts = re.split(r"\{\w+\}", path)
    last = len(parts) - 2
    made = re.escape(parts[0])
    for number, part in enumerate(parts[1:]):
        made += (".+" if whole and number == last else "[^/]+") + re.escape(part)
    return re.compile(made)


def _resolved(said: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in said:
        return said
    found: Any = document()
    for step in said["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found  # type: ignore[no-any-return]


@cache
def _validator(schema: str) -> Draft202012Validator:
    whole = {**json.loads(schema), "components": {"schemas": document()["components"]["schemas"]}}
    meta.validate(whole)
    return Draft202012Validator(whole, validate_formats=True)


def _check_schema(name: str, status: int, said: Any, schema: str) -> None:
    faults = [f"{each.instance_path}: {each.message}" for each in _validator(schema).iter_errors(said)]
    assert not faults, f"{name} answers {status}, which does not fit: {faults[:3]}"
