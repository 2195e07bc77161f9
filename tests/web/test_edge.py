"""What goes around every answer: ids, headers, health, and faults that are told without their insides."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import text
from structlog.testing import capture_logs

from paperlark.model.problems import StoreError
from paperlark.store.database import Store
from paperlark.web.application import HERE
from paperlark.web.edge import edge
from tests.web.archive import Client, announcement, record, token


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/?q=lark",
        '/?q="',
        "/?day=x",
        "/nowhere",
        "/static/paperlark.css",
        "/api/v1/papers",
        "/api/nope",
        "/healthz",
    ],
)
async def test_every_answer_keeps_browsers_safe(client: Client, path: str) -> None:
    async with client.get(path) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "script-src 'self'; connect-src 'self';" in policy and "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Request-Id"]
        assert "aiohttp" not in answer.headers["Server"] and "Python" not in answer.headers["Server"]


async def test_each_request_has_an_id_of_its_own(client: Client) -> None:
    ids = set()
    for _ in range(3):
        async with client.get("/api/nope", headers={"X-Request-Id": "mine"}) as answer:
            assert (await answer.json())["request_id"] == answer.headers["X-Request-Id"]
            ids.add(answer.headers["X-Request-Id"])
    assert len(ids) == 3 and "mine" not in ids


async def test_what_is_nowhere_is_a_page_for_people_and_a_problem_for_programs(client: Client) -> None:
    async with client.get("/<script>nowhere") as answer:
        assert (answer.status, answer.content_type) == (404, "text/html")
        page = await answer.text()
    assert "&lt;script&gt;nowhere" in page and "<script" not in page
    async with client.get("/api/v1/nowhere") as answer:
        assert (answer.status, answer.content_type) == (404, "application/problem+json")
        assert (await answer.json())["status"] == 404


async def test_a_wrong_method_names_the_right_ones(client: Client) -> None:
    async with client.post("/api/v1/papers") as answer:
        assert answer.status == 405
        assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/", "/?q=lark", "/api/v1/papers", "/healthz", "/static/mark.svg", "/api/nope"])
async def test_head_says_what_get_would(client: Client, sqlite_store: Store, path: str) -> None:
    await record(sqlite_store, announcement("A lark"))
    async with client.get(path) as full, client.head(path) as short:
        assert (short.status, short.headers.get("ETag")) == (full.status, full.headers.get("ETag"))
        assert await short.read() == b""
        if path != "/api/nope":  # a problem holds its request's id
            assert short.headers["Content-Length"] == full.headers["Content-Length"]


async def test_an_unexpected_fault_is_logged_once_and_shown_to_nobody(client: Client, sqlite_store: Store) -> None:
    headers = await token(sqlite_store)
    async with client.post("/api/v1/profiles", headers=headers, json={"text": "larks"}) as answer:
        profile = (await answer.json())["id"]
    body = {"profile_id": profile, "channel": "birdcage", "address": "a fault of ours"}
    with capture_logs() as lines:
        async with client.post("/api/v1/subscriptions", headers=headers, json=body) as answer:
            assert (answer.status, answer.content_type) == (500, "application/problem+json")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            said = await answer.text()
    assert "secret" not in said and "RuntimeError" not in said
    (line,) = lines
    assert (line["log_level"], line["exc_info"], line["path"]) == ("error", True, "/api/v1/subscriptions")


async def test_a_database_that_fails_behind_a_page_is_a_page(client: Client, sqlite_store: Store) -> None:
    async with sqlite_store.transaction() as tx:
        await tx.execute(text("DROP TABLE announcement"))
    with capture_logs() as lines:
        async with client.get("/") as answer:
            assert (answer.status, answer.content_type) == (503, "text/html")
            page = await answer.text()
            assert answer.headers["X-Request-Id"] in page
    assert "announcement" not in page and [line["log_level"] for line in lines] == ["warning"]


async def test_whoever_is_refused_is_logged_once_without_what_they_brought(client: Client) -> None:
    with capture_logs() as lines:
        async with client.get("/api/v1/profiles", headers={"Authorization": "Bearer pl_guessed"}) as answer:
            assert answer.status == 401
        async with client.post(
            "/sign-in", data={"code": "x"}, headers={"Origin": "https://elsewhere.example"}
        ) as answer:
            assert answer.status == 403
        async with client.get("/api/v1/nothing") as answer:
            assert answer.status == 404
    assert [(line["event"], line["path"], line["status"], line["reason"]) for line in lines] == [
        ("refused", "/api/v1/profiles", 401, "unauthorised"),
        ("refused", "/sign-in", 403, "foreign-form"),
    ]
    assert "guessed" not in str(lines)


async def test_what_takes_too_long_and_a_lost_store_are_503() -> None:
    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async def lost(_request: web.Request) -> web.Response:
        raise StoreError("cannot reach the database at secret.example")

    app = web.Application(middlewares=[edge(seconds=0.05)])
    app.add_routes([web.get("/api/slow", slow), web.get("/api/lost", lost)])
    async with TestClient(TestServer(app)) as client:
        for path in ("/api/slow", "/api/lost"):
            with capture_logs() as lines:
                async with client.get(path) as answer:
                    assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
                    assert "secret" not in await answer.text()
            assert [line["log_level"] for line in lines] == ["warning"]


async def test_alive_says_nothing_of_the_database_and_ready_does(client_of_both: Client, store: Store) -> None:
    async def statuses() -> list[int]:
        found = []
        for path in ("/healthz", "/readyz"):
            async with client_of_both.get(path) as answer:
                found.append(answer.status)
        return found

    assert await statuses() == [200, 200]
    for version, ready in (("9999", 200), ("0000", 503)):  # a newer release only adds; of an older one something lacks
        async with store.transaction() as tx:
            await tx.execute(text(f"UPDATE alembic_version SET version_num = '{version}'"))
        assert await statuses() == [200, ready]
    async with client_of_both.get("/readyz") as answer:
        assert answer.content_type == "application/problem+json"
        assert "0000" not in await answer.text()


async def test_many_at_once_are_all_answered(client: Client, sqlite_store: Store) -> None:
    await record(sqlite_store, *[announcement(f"A lark, the {n}th") for n in range(20)])

    async def status(path: str) -> int:
        async with client.get(path) as answer:
            await answer.read()
            return answer.status

    assert set(await asyncio.gather(*[status(path) for path in ["/", "/?q=lark", "/api/v1/papers?q=lark"] * 10])) == {
        200
    }


@pytest.mark.parametrize(
    "between",
    ["", "../", "%2e%2e/", "..%2f", "%2e%2e%2f", "templates/../../", "..%5c", "..\\", "/", "{folder}", "/{folder}"],
)
async def test_no_file_is_served_but_those_of_one_folder(client: Client, between: str) -> None:
    """As a stranger asks who speaks HTTP by hand: a client would tidy up the path."""
    there = between.format(folder=f"{HERE}/")
    assert (HERE / "application.py").exists()
    for name in ("application.py", "application%2epy"):
        answer = await by_hand(client, f"/static/{there}{name}")
        assert answer.split()[1] in (b"400", b"403", b"404"), answer
        assert b"def make_web" not in answer
    assert (await by_hand(client, "/static/paperlark.css")).split()[1] == b"200"


async def by_hand(client: Client, path: str) -> bytes:
    """The whole answer to a request for exactly this path."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {client.host}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    "path", ["/static/", "/static", "/static/../pyproject.toml", "/.git/config", "/static/%2e%2e/edge.py"]
)
async def test_no_folder_is_listed_and_nothing_is_traced(client: Client, path: str) -> None:
    async with client.get(path) as answer:
        assert answer.status in (403, 404)
    async with client.request("TRACE", path) as answer:
        assert answer.status in (400, 403, 404, 405)
