"""Which pages of other origins may read the API."""

import pytest
from aiohttp.test_utils import TestServer

from paperlark.links import Links
from paperlark.store.database import Store
from paperlark.web import make_web
from tests.web.archive import Client
from tests.web.fitting import FittingClient

EXTENSIONS = [
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    "moz-extension://1c2f4b1e-91f5-4c2e-8d0e-5f7c7f1e2a3b",
    "safari-web-extension://0a1b2c3d",
]
STRANGERS = [
    "",
    "null",
    "https://evil.example",
    "https://papers.example.org.evil.example",
    "http://papers.example.org",
    "chrome-extension://",
    "chrome-extension://abc.evil.example",
    "chrome-extension://abc/def",
    "chrome-extension://ABC",
    "chrome-extension://abc\u0663",
    "xchrome-extension://abc",
    "https://evil.example/chrome-extension://abc",
]


@pytest.mark.parametrize("origin", EXTENSIONS)
async def test_an_extension_reads_answers_and_faults(client: Client, origin: str) -> None:
    for path, status in (("/api/v1/papers", 200), ("/api/v1/profiles", 401), ("/api/v1/nowhere", 404)):
        async with client.get(path, headers={"Origin": origin}) as answer:
            assert answer.status == status
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
            assert "Origin" in answer.headers["Vary"]
            assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", STRANGERS)
async def test_other_pages_read_nothing(client: Client, origin: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    for method in ("GET", "OPTIONS"):
        async with client.request(method, "/api/v1/papers", headers=headers) as answer:
            assert not [name for name in answer.headers if name.startswith("Access-Control-Allow-Origin")]
            assert "Origin" in answer.headers["Vary"]


async def test_a_preflight_is_answered_without_a_token(client: Client) -> None:
    asking = {
        "Origin": EXTENSIONS[0],
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
    }
    async with client.options("/api/v1/profiles/1", headers=asking) as answer:
        assert (answer.status, await answer.read()) == (204, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == EXTENSIONS[0]
        assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
        allowed = answer.headers["Access-Control-Allow-Headers"].lower()
        assert all(name in allowed for name in ("authorization", "content-type", "if-none-match", "idempotency-key"))
        assert answer.headers["Access-Control-Max-Age"] == "600"


async def test_our_own_origin_may_read(sqlite_store: Store) -> None:
    web = make_web(sqlite_store, {}, links=Links("x" * 32, "https://papers.example.org/lark"))
    async with FittingClient(TestServer(web)) as client:
        async with client.get("/api/v1/papers", headers={"Origin": "https://papers.example.org"}) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "https://papers.example.org"
        async with client.get("/api/v1/papers", headers={"Origin": "https://papers.example.org:444"}) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers


async def test_pages_are_read_by_no_other_origin(client: Client) -> None:
    for path in ("/", "/mail", "/api"):
        async with client.get(path, headers={"Origin": EXTENSIONS[0]}) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers
