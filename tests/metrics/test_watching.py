"""A process that serves no page can be watched all the same; and what it counted is kept when it ends."""

import asyncio
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from paperlark.app import opened
from paperlark.model.problems import PaperlarkError
from paperlark.settings import Settings, load
from paperlark.store import tally
from paperlark.store.tally import Counted

OPERATOR = "an-operators-token-of-32-characters!"


def settings(folder: Path, **variables: str) -> Settings:
    return load({"PAPERLARK_DATABASE_URL": str(folder / "papers.sqlite3"), **variables})


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


async def got(port: str, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    def ask() -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, ""

    return await asyncio.to_thread(ask)


async def test_a_worker_answers_at_the_port_that_is_set_for_it(tmp_path: Path) -> None:
    port = free_port()
    bearing = {"Authorization": f"Bearer {OPERATOR}"}
    watched = settings(tmp_path, PAPERLARK_METRICS_PORT=port, PAPERLARK_METRICS_TOKEN=OPERATOR)
    async with opened(watched) as app, app.watching():
        assert (await got(port, "/healthz"))[0] == 200
        assert (await got(port, "/metrics"))[0] == 401
        await asyncio.sleep(0.3)  # the loop is looked at four times a second
        status, told = await got(port, "/metrics", bearing)
    assert status == 200 and 'paperlark_outbox_deliveries{channel="webhook"} 0.0' in told
    assert "paperlark_loop_lag_seconds_count 0.0" not in told
    with pytest.raises(urllib.error.URLError):
        await got(port, "/healthz")


async def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        watched = settings(tmp_path, PAPERLARK_METRICS_PORT=str(taken.getsockname()[1]))
        with pytest.raises(PaperlarkError, match=r"cannot listen on 127\.0\.0\.1"):
            async with opened(watched) as app, app.watching():
                pass


async def test_what_a_command_counted_is_kept_when_it_ends(tmp_path: Path) -> None:
    async with opened(settings(tmp_path)) as app:
        app.lanes["console"].counts.add("deliveries", "console", "sent")
    async with opened(settings(tmp_path)) as app, app.store.reading() as tx:
        assert await tally.known(tx) == {Counted("deliveries", "console sent"): 1}


def test_an_operators_token_is_long_enough_not_to_be_guessed() -> None:
    with pytest.raises(PaperlarkError, match="PAPERLARK_METRICS_TOKEN should have 32 characters or more"):
        load({"PAPERLARK_METRICS_TOKEN": "short"})


def test_where_others_set_them_the_usual_variables_count() -> None:
    found = load({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/", "SENTRY_DSN": "https://k@sentry.example/1"})
    assert found.otel_endpoint == "http://collector:4318" and found.sentry_dsn is not None
    assert "https://k@sentry.example/1" in found.secrets()
