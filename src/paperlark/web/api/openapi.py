"""The API's document, in OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1). Pure.

It is made of the operations themselves and of the models that check what they take, so it says what is done. Answers
are described by models too, which the tests hold every answer against.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, TypeAdapter

from paperlark.web.access import SCOPES
from paperlark.web.api import idempotency
from paperlark.web.api.operations import API, NoQuery, Operation, Operations
from paperlark.web.problems import ShownProblem

Json = dict[str, Any]

REFERENCE = "#/components/schemas/{model}"
PROBLEM = "application/problem+json"
ABOUT = """\
The papers of paperlark, and what readers keep here: profiles, subscriptions, matches, marks.

**Tokens.** Reading papers needs none. All else needs `Authorization: Bearer pl_live_…`; each operation names the scope
that the token must have. What belongs to another account answers as if it did not exist.

**Lists** answer `{"data": […], "next": cursor or null}`, with the next page's address as `Link: …; rel="next"`.

**Unchanged.** Answers carry a strong `ETag`; with `If-None-Match` what is unchanged is a 304 without a body.

**Faults** are `application/problem+json` (RFC 9457); `errors` points at each place that is at fault.

**Once.** A POST that makes something takes an `Idempotency-Key`: the same key with the same body, within 24 hours, gets
the answer of the first time, and nothing is made twice.

**How often.** `RateLimit` says how many requests are left; then it is 429, with `Retry-After`.

Ids are text; moments are RFC 3339 in UTC. An empty text parameter is one that was not given.\
"""

_HEADERS: dict[str, tuple[str, Json]] = {
    "X-Request-Id": ("names the request in the log", {"type": "string"}),
    "ETag": ("of the very bytes", {"type": "string"}),
    "Location": ("the address of what was made", {"type": "string"}),
    "Link": ('the address of the next page, `rel="next"`, where there is one', {"type": "string"}),
    "Retry-After": ("seconds to wait", {"type": "integer", "minimum": 0}),
    "WWW-Authenticate": ("what is missing (RFC 6750)", {"type": "string"}),
    "RateLimit-Policy": ('`"default";q=requests;w=seconds`', {"type": "string"}),
    "RateLimit": ('`"default";r=requests left;t=seconds until all are there again`', {"type": "string"}),
    "X-Poll-Interval": ("seconds after which it is worth asking again", {"type": "integer", "minimum": 1}),
    "Cache-Control": ("who may keep it", {"type": "string"}),
}
_ALWAYS = ("X-Request-Id",)
_OF_STATUS = {401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}

_FRAME = {
    400: "what was sent cannot be read",
    401: "without a token, or with one that is unknown or has expired",
    403: "the token lacks the scope",
    409: "the request with this `Idempotency-Key` is still being answered",
    413: "the body is too large",
    415: "the body is not JSON",
    422: "the body does not say what it should, or it cannot be done",
    429: "too many requests",
    503: "not just now",
}


def document(tables: Sequence[Operations], *, version: str) -> Json:
    """The document of these operations."""
    listed = [each for table in tables for each in table.listed]
    schemas, known = _schemas(listed)
    paths: dict[str, Json] = {}
    for each in listed:
        paths.setdefault(API + plain(each.path), {})[each.method.lower()] = _operation(each, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "paperlark", "version": version, "summary": "Alerts for new papers", "description": ABOUT},
        "tags": [{"name": table.tag} for table in tables],
        "paths": paths,
        "components": {
            "schemas": known,
            "headers": {
                name: {"description": said, "schema": schema, "required": name in _ALWAYS}
                for name, (said, schema) in _HEADERS.items()
            },
            "responses": {str(status): _problem(status, said) for status, said in _FRAME.items()},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token, `pl_live_…`, with scopes:\n\n"
                    + "\n".join(f"- `{scope}`: {said}" for scope, said in SCOPES.items()),
                }
            },
        },
    }


def plain(path: str) -> str:
    """A path as OpenAPI writes it: `{id:.+}` is `{id}`."""
    return re.sub(r"\{(\w+):[^{}]*\}", r"{\1}", path)


def problem_statuses(operation: Operation) -> dict[int, str]:
    """The statuses that an operation refuses with, its own and those of the frame; "" where the frame's word says it
    all."""
    frame = {429: "", 503: ""}
    if operation.query is not NoQuery or operation.body is not None or operation.once:
        frame[400] = ""
    else:
        frame[400] = "there is a parameter, and it takes none"
    if operation.scope is not None:
        frame |= {401: "", 403: ""}
    if operation.body is not None:
        frame |= {413: "", 415: "", 422: ""}
    if operation.once:
        frame |= {409: "", 422: ""}
    return dict(sorted((frame | dict(operation.problems)).items()))


# ── schemas ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _schemas(operations: Iterable[Operation]) -> tuple[Mapping[Any, Json], Json]:
    """The schema of everything that the operations take and give, by what it was made of; and the named ones."""
    kinds: dict[Any, TypeAdapter[Any]] = {ShownProblem: TypeAdapter(ShownProblem)}
    for each in operations:
        for kind in (each.body, each.gives):
            if kind is not None and kind not in kinds:
                kinds[kind] = TypeAdapter(kind)
    inputs = [(kind, "validation", adapter) for kind, adapter in kinds.items()]
    made, definitions = TypeAdapter.json_schemas(inputs, ref_template=REFERENCE)  # type: ignore[arg-type]
    named = definitions.get("$defs", {})
    return {kind: dict(schema) for (kind, _), schema in made.items()}, dict(sorted(named.items()))


def _parameters(operation: Operation) -> list[Json]:
    found: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)", operation.path)
    ]
    found += _query(operation.query)
    if operation.once:
        found.append(
            {
                "name": idempotency.HEADER,
                "in": "header",
                "required": False,
                "description": "a name for this request, so that it is done once however often it is sent",
                "schema": {"type": "string", "pattern": idempotency.FORM},
            }
        )
    return found


def _query(model: type[BaseModel]) -> list[Json]:
    schema = model.model_json_schema(ref_template=REFERENCE)
    inlined = _without_references(schema, schema.get("$defs", {}))
    return [
        {
            "name": name,
            "in": "query",
            "required": name in inlined.get("required", ()),
            **_description(said),
            "schema": _parameter(said),
        }
        for name, said in inlined.get("properties", {}).items()
    ]


def _description(said: Json) -> Json:
    """What is said of a parameter, or of what it is where it is given."""
    found = [each["description"] for each in (said, *said.get("anyOf", ())) if "description" in each]
    return {"description": found[0]} if found else {}


def _parameter(said: Json) -> Json:
    """A parameter's schema: it has no `null`, for what is not given is left out."""
    kinds = [each for each in said.get("anyOf", ()) if each != {"type": "null"}]
    schema = {name: value for name, value in said.items() if name not in ("anyOf", "title", "description")}
    if schema.get("default", ...) is None:
        del schema["default"]
    if len(kinds) == 1:
        schema |= {name: value for name, value in kinds[0].items() if name not in ("title", "description")}
    elif kinds:
        schema["anyOf"] = kinds
    return schema


def _without_references(schema: Any, named: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_without_references(each, named) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _without_references(named[schema["$ref"].rpartition("/")[2]], named)
    return {name: _without_references(each, named) for name, each in schema.items() if name != "$defs"}


# ── operations ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _operation(operation: Operation, schemas: Mapping[Any, Json]) -> Json:
    said: Json = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        **({"description": operation.description} if operation.description else {}),
        "parameters": _parameters(operation),
        "responses": _responses(operation, schemas),
        "security": [{"bearer": [operation.scope]}] if operation.scope is not None else [],
    }
    if operation.body is not None:
        said["requestBody"] = {
            "required": not operation.optional_body,
            "content": {"application/json": {"schema": schemas[operation.body]}},
        }
    return said


def _responses(operation: Operation, schemas: Mapping[Any, Json]) -> Json:
    content: Json = {}
    if operation.gives is not None:
        content = {"content": {operation.media: {"schema": schemas[operation.gives]}}}
    elif operation.media != "application/json":
        content = {"content": {operation.media: {"schema": {"type": "string"}}}}
    found: dict[int, Json] = {
        status: {"description": said, "headers": _headers(operation, status), **content}
        for status, said in {operation.status: HTTPStatus(operation.status).phrase, **operation.also}.items()
    }
    if operation.method == "GET" and operation.status == 200:
        found[304] = {"description": "unchanged since the answer that `If-None-Match` names",
                      "headers": _headers(operation, 304)}  # fmt: skip
    for status, said in problem_statuses(operation).items():
        found[status] = _problem(status, said) if said else {"$ref": f"#/components/responses/{status}"}
    return {str(status): said for status, said in sorted(found.items())}


def _headers(operation: Operation, status: int) -> Json:
    names = ["RateLimit-Policy", "RateLimit", "Cache-Control", *_ALWAYS]
    if operation.method == "GET":
        names.append("ETag")
    if status == 201:
        names.append("Location")
    if isinstance(operation.gives, type) and "next" in getattr(operation.gives, "model_fields", ()):
        names.append("Link")
    if operation.poll:
        names.append("X-Poll-Interval")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)}


def _problem(status: int, said: str) -> Json:
    names = sorted((*_ALWAYS, "RateLimit", "RateLimit-Policy", *_OF_STATUS.get(status, ())))
    return {
        "description": said,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {PROBLEM: {"schema": {"$ref": REFERENCE.format(model=ShownProblem.__name__)}}},
    }
