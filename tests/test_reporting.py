"""Faults, with the real library and a transport that keeps what it is handed."""

import json
import logging
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import sentry_sdk
import structlog
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from paperlark import log, reporting
from paperlark.testing.bot_api import TOKEN

PASSWORD = "hunter2hunter2"
CHAT = -1001234567890
CRUMB = "on the way of a paper"


class Kept(Transport):
    """Keeps everything that would be sent."""

    told: ClassVar[list[dict[str, Any]]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        for part in envelope.items:
            self.told.append(json.loads(part.payload.get_bytes()))


@pytest.fixture
def told() -> Iterator[list[dict[str, Any]]]:
    root = logging.getLogger()
    kept, level = list(root.handlers), root.level
    log.set_up("json", "info")
    Kept.told.clear()
    assert reporting.set_up("https://key@127.0.0.1/1", secrets=[PASSWORD], transport=Kept)
    yield Kept.told
    sentry_sdk.init()
    root.handlers[:] = kept
    root.setLevel(level)
    structlog.reset_defaults()


def fail(address: str) -> None:
    hidden_in_a_frame = f"{PASSWORD} of {address}"
    raise RuntimeError(f"https://api.telegram.org/bot{TOKEN}/sendMessage for {address} with {hidden_in_a_frame}")


def test_a_fault_is_told_with_where_it_was_and_without_anybodys_data(told: list[dict[str, Any]]) -> None:
    ours = structlog.get_logger("paperlark.test")
    ours.info(CRUMB)
    try:
        fail("ann@example.org")
    except RuntimeError:
        ours.exception("request failed", chat=CHAT, token=TOKEN, path="/api/v1/profiles")
    (fault,) = told
    text = json.dumps(fault)
    for secret in (TOKEN, PASSWORD, "ann@example.org", str(CHAT)[1:], CRUMB):
        assert secret not in text, secret
    assert set(fault) & set(reporting.DROPPED) == set()
    (raised,) = fault["exception"]["values"]
    assert raised["type"] == "RuntimeError"
    assert [frame["function"] for frame in raised["stacktrace"]["frames"]][-1] == "fail"
    assert "vars" not in text
    assert fault["logentry"]["message"] == "request failed"
    assert fault["tags"] == {"chat": "[address]", "token": "[hidden]", "path": "/api/v1/profiles"}
    assert fault["release"].startswith("paperlark@")


def test_what_is_no_error_is_told_to_nobody(told: list[dict[str, Any]]) -> None:
    structlog.get_logger("paperlark.test").warning("poll failed", source="arxiv")
    assert told == []
