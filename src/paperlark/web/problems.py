"""What went wrong, as RFC 9457 says it: `application/problem+json`.

`type` is stable: `about:blank` where the status says it all, else a `urn:paperlark:problem:…`. `errors` names each
place that is at fault; its `pointer` is a JSON pointer as a URI fragment (RFC 6901, section 6), into the body, or into
the address's parameters where there is no body.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from paperlark.model.problems import QueryError
from paperlark.web.keys import REQUEST_ID

URN = "urn:paperlark:problem:"


class ShownFault(BaseModel):
    """One place at fault. line, column, suggestion: of a query that cannot be read."""

    model_config = ConfigDict(extra="forbid")
    pointer: str
    detail: str
    line: int = 0
    column: int = 0
    suggestion: str = ""


class ShownProblem(BaseModel):
    """What went wrong (RFC 9457). `type` is stable; `request_id` names the request in the log."""

    model_config = ConfigDict(extra="forbid")
    type: str
    title: str
    status: int
    detail: str = ""
    instance: str
    request_id: str
    errors: list[ShownFault] = []


class Problem(Exception):  # noqa: N818 - the RFC's own word
    """An answer that says what went wrong. Raised by whoever notices, told by `edge`.

    kind: the end of the problem's type, or "" where the status says it all. detail: one line for a person.
    """

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        kind: str = "",
        title: str = "",
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or title or HTTPStatus(status).phrase)
        self.status = status
        self.kind = kind
        self.title = title or HTTPStatus(status).phrase
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def response(request: web.Request, problem: Problem) -> web.Response:
    """The problem as JSON. Never stored by anyone on the way."""
    said: dict[str, Any] = {
        "type": URN + problem.kind if problem.kind else "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.rel_url.raw_path,
        "request_id": request[REQUEST_ID],
        "errors": problem.errors,
    }
    return web.Response(
        status=problem.status,
        body=json.dumps({name: value for name, value in said.items() if value}, ensure_ascii=False).encode(),
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def bad_parameter(name: str, detail: str) -> Problem:
    """A parameter of the address cannot be read."""
    return Problem(
        400, detail, kind="bad-parameter", title="A parameter cannot be read", errors=[fault([name], detail)]
    )


def bad_parameters(error: ValidationError) -> Problem:
    """Parameters of the address are not as they should be."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    faults = [fault(each["loc"], each["msg"].removeprefix("Value error, ")) for each in found]
    return _bad(400, faults, kind="bad-parameter", title="A parameter cannot be read")


def bad_query(error: QueryError, name: str, *, status: int = 400) -> Problem:
    """A profile's text, given as the member `name`, cannot be read: where, and what can be read instead."""
    more: dict[str, Any] = {}
    if error.at is not None:
        more |= {"line": error.at.line, "column": error.at.column}
    if error.suggestion is not None:
        more["suggestion"] = error.suggestion
    faults = [fault([name], error.message) | more]
    return Problem(status, str(error), kind="bad-query", title="The query cannot be read", errors=faults)


def bad_body(error: ValidationError) -> Problem:
    """A body does not say what it should: 400 where it is no JSON at all, else 422 with every place at fault."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return Problem(400, found[0]["msg"], kind="bad-json", title="The body is no JSON")
    faults = [fault(each["loc"], each["msg"].removeprefix("Value error, ")) for each in found]
    return bad_members(faults)


def bad_members(faults: Sequence[Mapping[str, Any]]) -> Problem:
    """Members of a body are not as they should be."""
    return _bad(422, faults, kind="bad-body", title="The body does not say what it should")


def _bad(status: int, faults: Sequence[Mapping[str, Any]], *, kind: str, title: str) -> Problem:
    said = "; ".join(f"{each['pointer']}: {each['detail']}" for each in faults[:5])
    return Problem(status, said, kind=kind, title=title, errors=faults)


def fault(path: Sequence[str | int], detail: str) -> dict[str, Any]:
    """One place at fault, and why."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return {"pointer": "#" + "".join(f"/{step}" for step in steps), "detail": detail}
