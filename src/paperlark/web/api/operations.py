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
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from paperlark.store.accounts import Bearer, hashed
from paperlark.store.database import Store
from paperlark.web.access import bearer_of, check_scope
from paperlark.web.api import idempotency, limits
from paperlark.web.clients import client_of
from paperlark.web.keys import STORE
from paperlark.web.problems import Problem, bad_body, bad_parameter, bad_parameters

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
    """A request, checked. account: whose token it bears; 0 where the operation is open to everyone. bearer: what else
    is known of the token."""

    request: web.Request
    account: int
    query: Q
    body: B
    bearer: Bearer | None = None

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
    401, 403, 409, 413, 415, 422, 429, 503) follow from the rest. media: the type of what it gives. poll: seconds after
    which it is worth asking again; 0 where nothing is said of that. optional_body: whether the body may be left out.
    """

    method: str
    path: str
    tag: str
    answering: Answering
    scope: str | None = None
    query: type[BaseModel] = NoQuery
    body: type[BaseModel] | None = None
    optional_body: bool = False
    gives: Any = None
    status: int = 200
    also: Mapping[int, str] = field(default_factory=dict)
    problems: Mapping[int, str] = field(default_factory=dict)
    media: str = "application/json"
    poll: int = 0

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

    @property
    def once(self) -> bool:
        """Whether it takes an `Idempotency-Key`: it makes something for an account."""
        return self.method == "POST" and self.status == 201 and self.scope is not None

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Check a request and answer it. Raises Problem."""
        bearer = await self._admitted(request)
        account = bearer.account_id if bearer is not None else 0
        query = read_query(request, self.query)
        asked = Asked(request, account, query, await self._read_body(request), bearer)
        if self.once:
            answer = await idempotency.once(request, account, lambda: self.answering(asked))
        else:
            answer = await self.answering(asked)
        if self.poll and not answer.prepared:
            answer.headers["X-Poll-Interval"] = str(self.poll)
        return answer

    async def _admitted(self, request: web.Request) -> Bearer | None:
        """Who asks, counted: by their token, or by where they ask from. Raises Problem: 401, 403, 429."""
        if self.scope is None:
            limits.count(request, f"client {client_of(request)}")
            return None
        try:
            bearer = await bearer_of(request)
        except Problem:
            limits.count(request, f"client {client_of(request)}")
            raise
        limits.count(request, hashed(request.headers["Authorization"]))
        check_scope(bearer, self.scope)
        return bearer

    async def _read_body(self, request: web.Request) -> BaseModel:
        if self.body is None:
            return NoBody()
        if self.optional_body and not request.can_read_body:
            return self.body()
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
    """The parameters of the address, checked; text that is given empty was not given. Raises Problem: 400."""
    given: dict[str, Any] = {}
    for name in dict.fromkeys(request.query):
        known, values = model.model_fields.get(name), request.query.getall(name)
        kind = known.annotation if known is not None else None
        if _is_text(kind):
            values = [value.strip() for value in values if value.strip()]
        if get_origin(kind) is list:
            given[name] = values
        elif len(values) > 1:
            raise bad_parameter(name, "it is given more than once")
        elif values:
            given[name] = values[0]
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise bad_parameters(error) from error


def _is_text(kind: Any) -> bool:
    """Whether a parameter may be any text, and so may be empty."""
    if get_origin(kind) is Annotated:
        return _is_text(get_args(kind)[0])
    return kind is str or any(map(_is_text, get_args(kind)))


async def read_body(request: web.Request, model: type[B]) -> B:
    """The request's JSON as a checked value. Raises Problem: 413, 415, 400 where it is no JSON, 422."""
    if request.content_type != "application/json":
        raise Problem(415, "the body must be JSON: `Content-Type: application/json`")
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        raise bad_body(error) from error
