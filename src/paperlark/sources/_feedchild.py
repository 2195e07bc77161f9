"""The child process that reads feeds: a program of its own, which holds no more than that takes.

Its one argument is how much memory it may take.
"""

import resource
import select
import sys

from paperlark.model.papers import Page
from paperlark.model.problems import SourceError
from paperlark.sources._feed import parse
from paperlark.sources._frames import receive, send

IDLE_SECONDS = 300.0  # without work, until the child leaves


def main(memory: int) -> None:
    """Answer frames until there are none: None with "here", a feed with its page, or with its error."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    while select.select([asked], [], [], IDLE_SECONDS)[0]:
        try:
            request = receive(asked)
        except EOFError:
            return
        if request is None:
            send(answers, "here")
            continue
        body, options = request
        try:
            answer: Page | SourceError = parse(body, **options)
        except SourceError as problem:
            answer = problem
        except MemoryError:
            del body, request
            needs = f"reading the feed needs more than {memory // 1024**2} MiB of memory"
            send(answers, SourceError(f"rss: {options['where']}: {needs}"))
            return  # what is left of it is not worth keeping
        except Exception as fault:  # a loop's edge: whatever a feed makes the parser raise is the feed's fault
            answer = SourceError(f"rss: {options['where']}: the feed cannot be read ({type(fault).__name__})")
        send(answers, answer)


if __name__ == "__main__":
    main(int(sys.argv[1]))
