"""Commands as processes: signals, pipes, terminals, and how long they take to begin."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.cli.conftest import SAMPLE, Lark, as_people_do, begun, environment, write_recent

HEAVY = ("sqlalchemy", "sqlmodel", "pydantic", "aiohttp", "telegram", "rich", "feedparser", "lark", "structlog")


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    script = f"import sys, paperlark.cli; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


# ── the demo ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_demo_ends_by_itself_and_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    done = as_people_do(tmp_path, "demo", "--once", database=tmp_path / "mine.sqlite3", TMPDIR=str(folder))
    assert (done.status, done.err) == (0, "")
    assert done.out.count("because of ") == 18
    for reader in ("agents at work", "think longer, answer better", "generated worlds"):
        assert f"── {reader}" in done.out
    assert re.fullmatch(r"30 papers, 3 profiles, 18 alerts; page: http://127\.0\.0\.1:\d+/", done.out.splitlines()[-1])
    assert list(folder.iterdir()) == []
    assert not (tmp_path / "mine.sqlite3").exists()


def test_the_demo_serves_its_page_until_ctrl_c(tmp_path: Path) -> None:
    with begun(tmp_path, "demo", "--json", database=tmp_path / "mine.sqlite3", TMPDIR=str(tmp_path)) as demo:
        assert demo.stdout is not None and demo.stderr is not None
        summary = json.loads(demo.stdout.readline())
        assert (summary["papers"], summary["profiles"], summary["alerts"]) == (30, 3, 18)
        assert "Scaling Agents for Computer Use" in get(summary["page"])
        demo.send_signal(signal.SIGINT)
        said = demo.stderr.read()
        assert demo.wait(timeout=20) == 0
        assert demo.stdout.read() == ""
    assert "── agents at work" in said and "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return str(answer.read().decode())


# ── run ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_run_serves_delivers_and_is_gone_soon_after_sigterm(lark: Lark, tmp_path: Path) -> None:
    lark.well("sources", "add", "hf_daily", "hf_daily")
    lark.well("sources", "pause", "hf_daily")  # so that nobody on the network is asked
    lark.well("profiles", "add", "figs", "--name", "agents")
    lark.well("subscribe", "agents", "--to", "console", "me", "--cadence", "instant")
    lark.well("import", write_recent(tmp_path), "--announce")
    with begun(tmp_path, "run", "--port", "0", "--json", database=lark.database, PYTHONUNBUFFERED="1") as service:
        assert service.stdout is not None and service.stderr is not None
        page = json.loads(service.stdout.readline())["page"]
        assert "On Wasps and Figs" in get(page)
        told = ""
        while "because of agents" not in told:
            line = service.stdout.readline()
            assert line, service.stderr.read()
            told += line
        asked = time.monotonic()
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=30) == 0
        assert time.monotonic() - asked < 20
        assert "Traceback" not in service.stderr.read()


# ── interruptions, pipes, terminals ────────────────────────────────────────────────────────────────────────────────


def test_ctrl_c_ends_a_command_quietly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/lark"
        with begun(tmp_path, "papers", database=address) as command:
            held, _ = silent.accept()
            with held:
                held.recv(8)  # its greeting; now it waits for an answer that never comes
                command.send_signal(signal.SIGINT)
                out, err = command.communicate(timeout=20)
    assert (command.returncode, out, err) == (130, "", "")


def test_a_reader_who_has_enough_ends_a_command_quietly(database: Path, tmp_path: Path) -> None:
    with begun(tmp_path, "papers", "--json", database=database, PYTHONUNBUFFERED="1") as command:
        assert command.stdout is not None and command.stderr is not None
        assert command.stdout.readline()
        command.stdout.close()
        assert command.stderr.read() == ""


def test_a_reader_who_is_gone_from_the_start_is_no_fault(database: Path, tmp_path: Path) -> None:
    with begun(tmp_path, "version", database=database) as command:
        assert command.stdout is not None and command.stderr is not None
        command.stdout.close()
        assert command.stderr.read() == ""


def test_a_terminal_gets_a_bar_and_marked_words(tmp_path: Path) -> None:
    shown = on_terminal(tmp_path, "import", str(SAMPLE))
    assert "importing" in shown and "30 records, 30 papers, 30 new, 0 rejects" in shown
    shown = on_terminal(tmp_path, "papers", "title:quantization")
    assert "\x1b[1;30;43mQuantization\x1b[0m" in shown
    assert "1 paper" in shown


def on_terminal(home: Path, *arguments: str) -> str:
    """What a command writes to a terminal, control sequences and all."""
    ours, theirs = pty.openpty()
    command = subprocess.Popen(
        [sys.executable, "-m", "paperlark", *arguments],
        env=environment(home, home / "papers.sqlite3", TERM="xterm-256color", COLUMNS="100"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side is gone
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert command.wait(timeout=20) == 0
    return shown.decode()
