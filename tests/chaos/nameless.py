"""The command line in a process for which names under `.test` are this machine's, as long as a file is there:
`python -m tests.chaos.nameless FILE run …`. Without the file they are what they are where a name server is silent.
"""

import socket
import sys
import time
from pathlib import Path
from typing import Any

from paperlark.cli import commands, edge

SILENCE = 0.5  # seconds until a resolver gives up


def main(known: Path) -> None:
    """Answer for the names, then do what the rest of the arguments asks for."""
    asked = socket.getaddrinfo

    def answered(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if not isinstance(name, str) or not name.endswith(".test"):
            return asked(host, *rest, **more)
        if not known.exists():
            time.sleep(SILENCE)  # in the resolver's thread
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return asked("127.0.0.1", *rest, **more)

    socket.getaddrinfo = answered
    edge.leave(commands)


if __name__ == "__main__":
    main(Path(sys.argv.pop(1)))
