"""Hosts that start what the Procfile says, by a real process manager (honcho)."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.loglines import faults_in

PROCFILE = Path(__file__).parent.parent.parent / "Procfile"

_STARTED = re.compile(r"(\w+)\.(\d+) started \(pid=(\d+)\)")
_STOPPED = re.compile(r"(\w+\.\d+) stopped \(rc=(-?\d+)\)")


class Host:
    """A machine on which processes of the Procfile run: where one of them ends, honcho ends the others."""

    def __init__(self, variables: dict[str, str], folder: Path, **numbers: int) -> None:
        """numbers: how many of each process; a web's ports are `port` and those after it."""
        self.port = free_port()
        self.lines: list[str] = []
        wanted = ",".join(f"{name}={number}" for name, number in numbers.items())
        self._manager = subprocess.Popen(
            [sys.executable, "-m", "honcho", "-f", str(PROCFILE), "-d", str(folder), "start", "--no-colour",
             "--port", str(self.port), "--concurrency", wanted, *numbers],
            env=environment(variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0,
        )  # fmt: skip
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self._manager.stdout is not None
        for line in self._manager.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def said(self) -> str:
        """Everything that was printed on it."""
        return "\n".join(self.lines)

    def processes(self, name: str) -> list[int]:
        """The process ids of web, worker or release."""
        return [int(pid) for kind, _, pid in _STARTED.findall(self.said) if kind == name]

    def statuses(self) -> dict[str, int]:
        """How each process ended, as far as they have."""
        return {name: int(status) for name, status in _STOPPED.findall(self.said)}

    async def ready(self, *, times: int) -> None:
        """Return when so many processes have said that they work."""
        await until(lambda: self.said.count("(Ctrl-C stops it)") >= times, 60, self)

    async def stopped(self) -> float:
        """Tell it to stop, as a platform does. Returns after how many seconds all of it was gone."""
        began = time.monotonic()
        self._manager.send_signal(signal.SIGTERM)
        await self.gone()
        return time.monotonic() - began

    async def gone(self) -> None:
        """Return when nothing of it runs any more."""
        await asyncio.to_thread(self._manager.wait, timeout=60)
        await asyncio.to_thread(self._reading.join, timeout=10)

    def freeze(self, *names: str) -> None:
        """Let processes stand still, until `thaw`."""
        self._signal(signal.SIGSTOP, *names)

    def thaw(self, *names: str) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT, *names)

    def _signal(self, which: signal.Signals, *names: str) -> None:
        for pid in [pid for name in names for pid in self.processes(name)]:
            with suppress(ProcessLookupError):
                os.killpg(pid, which)

    def kill(self, *names: str) -> None:
        """End processes at once, whatever they do; all of it where none is named."""
        self._signal(signal.SIGKILL, *names or ("release", "web", "worker"))
        if not names:
            self._manager.kill()
            self._manager.wait(timeout=10)
            self._reading.join(timeout=10)


@contextmanager
def host(variables: dict[str, str], folder: Path, **numbers: int) -> Iterator[Host]:
    """A host that is surely gone at the end, and that printed nothing which no log may hold."""
    found = Host(variables, folder, **numbers)
    try:
        yield found
    finally:
        found.kill()
    assert faults_in(found.said) == []


def environment(variables: dict[str, str]) -> dict[str, str]:
    """A platform's, with what our interpreter and its packages are found by."""
    kept = {name: os.environ[name] for name in ("LANG", "PYTHONPATH") if name in os.environ}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": path, "PYTHONUNBUFFERED": "1", "PAPERLARK_HOST": "127.0.0.1"} | variables


def free_port() -> int:
    """A port after which some are free, too."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


async def until(condition: Callable[[], bool], seconds: float, *hosts: Host) -> float:
    """Wait for something that no signal tells of. Returns how many seconds it took."""
    began = time.monotonic()
    while not condition():
        told = "\n\n".join(each.said for each in hosts)
        assert time.monotonic() - began < seconds, f"not within {seconds} s\n{told}"
        await asyncio.sleep(0.05)
    return time.monotonic() - began
