"""The API's document for programs, `/api/v1/openapi.json`, and for people, `/api`: both made of the same operations."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from paperlark.web import answers
from paperlark.web.access import SCOPES
from paperlark.web.api.openapi import Json
from paperlark.web.api.operations import Asked, NoBody, NoQuery, Operations

DOCUMENT = web.AppKey[Json]("document")

routes = web.RouteTableDef()
operations = Operations("document")


@operations.get("/openapi.json", gives=dict[str, Any])
async def document(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """This document, in OpenAPI 3.1."""
    return answers.say(asked.request, asked.request.app[DOCUMENT])


@routes.get("/api")
async def page(request: web.Request) -> web.Response:
    """The same to read."""
    made = request.app[DOCUMENT]
    rooms: dict[str, list[Room]] = {tag["name"]: [] for tag in made["tags"]}
    for path, methods in made["paths"].items():
        for method, said in methods.items():
            rooms[said["tags"][0]].append(_room(method, path, said, made["components"]))
    context = {
        "query": "",
        "rooms": rooms,
        "scopes": SCOPES,
        "shapes": [_shape(name, schema) for name, schema in made["components"]["schemas"].items()],
    }
    return answers.page(request, "api.html", context)


# ── the document in words ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Said:
    """A parameter or a member: its name, what it may be, and whether it must be there. parts: `kind` in pieces, each
    with the name of the shape that it stands for, or ""."""

    name: str
    parts: tuple[tuple[str, str], ...]
    needed: bool
    about: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A named schema."""

    name: str
    about: str
    members: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Room:
    """An operation. takes, gives: as `Said.parts`."""

    name: str
    method: str
    path: str
    summary: str
    about: str
    scope: str
    parameters: tuple[Said, ...]
    takes: tuple[tuple[str, str], ...]
    statuses: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]


def _room(method: str, path: str, said: Json, components: Json) -> Room:
    scopes = [scope for each in said["security"] for scope in each["bearer"]]
    body = said.get("requestBody", {}).get("content", {})
    return Room(
        name=said["operationId"],
        method=method.upper(),
        path=path,
        summary=_plain(said["summary"]),
        about=_plain(said.get("description", "")),
        scope=scopes[0] if scopes else "",
        parameters=tuple(_parameter(each) for each in said["parameters"]),
        takes=tuple(_words(body["application/json"]["schema"])) if body else (),
        statuses=tuple(_status(status, each, components) for status, each in said["responses"].items()),
    )


def _status(status: str, said: Json, components: Json) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    known = components["responses"][said["$ref"].rpartition("/")[2]] if "$ref" in said else said
    given = () if status >= "4" else tuple(_given(known))
    return status, _plain(known["description"]), given


def _given(said: Json) -> Iterator[tuple[str, str]]:
    for media, content in said.get("content", {}).items():
        yield from [(media, "")] if media != "application/json" else _words(content["schema"])


def _parameter(said: Json) -> Said:
    about = _plain(said.get("description", ""))
    where = {"header": "a header: "}.get(said["in"], "")
    return Said(said["name"], tuple(_words(said["schema"])), said["required"], where + about)


def _shape(name: str, schema: Json) -> Shape:
    needed = schema.get("required", ())
    members = schema.get("properties", {})
    about = schema.get("description", "")
    if "enum" in schema:
        about += "".join(text for text, _ in _words(schema))
    return Shape(
        name,
        _plain(about),
        tuple(
            Said(member, tuple(_words(said)), member in needed, _plain(said.get("description", "")))
            for member, said in members.items()
        ),
    )


def _words(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a value may be, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield name, name
    elif "anyOf" in schema:
        for number, each in enumerate(schema["anyOf"]):
            yield from [(" or ", "")] if number else []
            yield from _words(each)
    elif "enum" in schema or "const" in schema:
        yield " | ".join(str(each) for each in schema.get("enum", [schema.get("const")])), ""
    elif schema.get("type") == "array":
        yield "list of ", ""
        yield from _words(schema.get("items", {}))
    elif schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        yield "by name ", ""
        yield from _words(schema["additionalProperties"])
    else:
        yield _simple(schema), ""
    usual = schema.get("default")
    if isinstance(usual, list):
        usual = ", ".join(map(str, usual))
    if usual not in (None, "") and not isinstance(usual, dict):
        yield f", usually {usual}", ""


def _simple(schema: Mapping[str, Any]) -> str:
    kind = {"integer": "whole number", "boolean": "true or false", "string": "text", None: "anything"}.get(
        schema.get("type"), schema.get("type")
    )
    kind = {"date": "day", "date-time": "moment", "profile-query": "query"}.get(schema.get("format", ""), kind)
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f"{kind}, {least} to {most}"
    return f"{kind}, {least} or more" if least is not None else str(kind)


def _plain(text: str) -> str:
    """Prose without its marks; paragraphs stay."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text)
