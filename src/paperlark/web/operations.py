"""The API's operations: what each takes and gives, said once beside its code.

`Operations` is a table of routes whose entries know more than their address: the scope that a token needs, the models
that parameters and body are checked by, the model of the answer. The document that programs read (`openapi`) is made
of the same entries, so that it cannot say anything else.

    operations = Operations("profiles")

    @operations.post("/profiles", scope=WRITE, body=NewProfile, gives=ProfileAsJson, status=201)
    async def add(asked: Asked[NoQuery, NewProfile]) -> web.StreamResponse: ...
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, get_origin

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from paperlark.store.database import Store
from paperlark.web.access import account_of
from paperlark.web.keys import STORE
from paperlark.web.problems import Problem, bad_body, bad_parameters

API = "/api/v1"
CLOSED = ConfigDict(frozen=True, extra="forbid", strict=True)
"""For bodies: nothing that we do not know, and nothing that we would have to guess at."""


class NoQuery(BaseModel):
    """No parameters in the address."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NoBody(BaseModel):
    """No body."""

    model_config = CLOSED


Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Asked(Generic[Q, B]):
    """A request, checked. account: whose token it bears; 0 where the operation is open to everyone."""

    request: web.Request
    account: int
    query: Q
    body: B

    @property
    def store(self) -> Store:
        """The store."""
        return self.request.app[STORE]

    def path(self, name: str = "id") -> str:
        """A part of the path, as it was sent."""
        return self.request.match_info[name]


Answering = Callable[[Asked[Any, Any]], Awaitable[web.StreamResponse]]
Adding = Callable[[Answering], Answering]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API.

    path: after `/api/v1`, `{names}` as aiohttp has them. scope: what a token must allow; None where none is needed.
    gives: the model of the answer, None where there is no body. status: of the answer. also: further answers, by
    status, each with a word on when. problems: the statuses of its own that it refuses with; those of the frame (400,
    401, 403, 413, 415, 422, 429) follow from the rest. media: the type of what it gives.
    """

    method: str
    path: str
    tag: str
    answering: Answering
    scope: str | None = None
    query: type[BaseModel] = NoQuery
    body: type[BaseModel] | None = None
    gives: Any = None
    status: int = 200
    also: Mapping[int, str] = field(default_factory=dict)
    problems: Mapping[int, str] = field(default_factory=dict)
    media: str = "application/json"

    @property
    def name(self) -> str:
        """What programs call it: unique in the API."""
        return f"{self.tag}.{self.answering.__name__}"

    @property
    def summary(self) -> str:
        """Its first line."""
        return self._said.partition("\n\n")[0].replace("\n", " ")

    @property
    def description(self) -> str:
        """The rest of what is said of it."""
        return self._said.partition("\n\n")[2]

    @property
    def _said(self) -> str:
        return inspect.cleandoc(self.answering.__doc__ or "")

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Check a request and answer it. Raises Problem."""
        account = await account_of(request, self.scope) if self.scope is not None else 0
        asked = Asked(request, account, read_query(request, self.query), await self._read_body(request))
        return await self.answering(asked)

    async def _read_body(self, request: web.Request) -> BaseModel:
        if self.body is None:
            return NoBody()
        return await read_body(request, self.body)


class Operations:
    """The operations of one part of the API."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.listed: list[Operation] = []

    def _add(self, method: str, path: str, **said: Any) -> Adding:
        def add(answering: Answering) -> Answering:
            self.listed.append(Operation(method, path, self.tag, answering, **said))
            return answering

        return add

    def get(self, path: str, **said: Any) -> Adding:
        """Reading; see `Operation` for what may be said of it."""
        return self._add("GET", path, **said)

    def post(self, path: str, **said: Any) -> Adding:
        """Making; see `Operation` for what may be said of it."""
        return self._add("POST", path, **said)

    def put(self, path: str, **said: Any) -> Adding:
        """Setting; see `Operation` for what may be said of it."""
        return self._add("PUT", path, **said)

    def patch(self, path: str, **said: Any) -> Adding:
        """Changing; see `Operation` for what may be said of it."""
        return self._add("PATCH", path, **said)

    def delete(self, path: str, **said: Any) -> Adding:
        """Ending; see `Operation` for what may be said of it."""
        return self._add("DELETE", path, **said)

    @property
    def routes(self) -> list[web.RouteDef]:
        """As aiohttp takes them."""
        return [web.route(each.method, API + each.path, each.__call__) for each in self.listed]


def read_query(request: web.Request, model: type[Q]) -> Q:
    """The parameters of the address, checked; what is given empty was not given. Raises Problem: 400."""
    given: dict[str, Any] = {}
    for name in dict.fromkeys(request.query):
        values = [value for value in request.query.getall(name) if value.strip()]
        known = model.model_fields.get(name)
        if values:
            given[name] = values if known is not None and get_origin(known.annotation) is list else values[-1].strip()
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise bad_parameters(error) from error


async def read_body(request: web.Request, model: type[B]) -> B:
    """The request's JSON as a checked value. Raises Problem: 413, 415, 400 where it is no JSON, 422."""
    if request.content_type != "application/json":
        raise Problem(415, "the body must be JSON: `Content-Type: application/json`")
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        raise bad_body(error) from error
