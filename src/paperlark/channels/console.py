"""The terminal: digests as they are delivered, matched words highlighted; plain text where the output is a pipe.

An address is a label that is printed above the digest, or "".
"""

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, TextIO

from rich.console import Console as Terminal
from rich.text import Text

from paperlark.channels import letters, text
from paperlark.channels.marked import Run
from paperlark.model.messages import Digest, DigestPaper, Limits, Payload, Receipt
from paperlark.model.problems import DeliveryError, ReaderError

TIMEOUT = 20.0  # seconds; a terminal that was stopped (Ctrl-S) takes nothing
EXCERPT = 320  # code points of an abstract
LABEL = 80

TITLE, MARK, QUIET = "bold", "bold black on yellow", "dim"
AGAIN = [[text.REPEATED, "yellow"]]


@dataclass(frozen=True, slots=True)
class Options:
    """stream: where to print, standard output if None. colour: None asks the stream whether it is a terminal."""

    stream: TextIO | None = None
    colour: bool | None = None


class Console:
    """One terminal, or a pipe."""

    kind: ClassVar[str] = "console"
    limits: ClassVar[Limits] = Limits(parts=1)

    def __init__(self, options: Options) -> None:
        self._options = options
        self._turn = asyncio.Lock()  # digests are printed one after the other, never woven together

    def check_address(self, address: str) -> str:
        """A label of one line."""
        label = letters.legible(address)
        if len(label) > LABEL:
            raise ReaderError(f"not a console label: at most {LABEL} characters, on one line")
        return label

    def is_group(self, address: str) -> bool:
        """A terminal is one reader's."""
        return False

    def render(self, digest: Digest) -> list[Payload]:
        """The digest as lines of dressed runs: {"lines": [[[text, style], …], …]}, styles as rich names them."""
        lines = [[(text.heading(digest), TITLE), (" · ", QUIET), (text.dateline(digest), QUIET)]]
        if not digest.papers:
            lines.append([(text.empty_note(digest), "")])
        for number, paper in enumerate(digest.papers, start=1):
            lines += [[], *_block(paper, number, digest)]
        if digest.more:
            lines += [[], [(text.remainder(digest.more), "")]]
        if digest.health:
            lines += [[], [(text.health(digest), QUIET)]]
        page = text.own_page(digest.page_url)
        if page:
            lines.append([(page, QUIET)])
        payload = Payload({"lines": [[[words, style] for words, style in line] for line in lines]})
        return [self.again(payload) if digest.repeat else payload]

    def again(self, payload: Payload) -> Payload:
        """The digest with a line above it that says so; once."""
        lines = payload.content["lines"]
        return payload if lines[0] == AGAIN else Payload({"lines": [AGAIN, *lines]})

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close: the stream is its owner's."""

    async def send(self, address: str, payload: Payload, key: str) -> Receipt:
        """Print it. A stream that is closed or broken is an error of the channel."""
        async with self._turn:
            try:
                async with asyncio.timeout(TIMEOUT):
                    await asyncio.to_thread(self._print, address, payload.content["lines"])
            except TimeoutError as error:
                raise DeliveryError("console: the terminal takes no output", ambiguous=True) from error
            except (OSError, ValueError) as error:
                raise DeliveryError(f"console: cannot print: {error}", channel=True) from error
        return Receipt()

    def _print(self, address: str, lines: Iterable[Iterable[Iterable[Any]]]) -> None:
        stream = self._options.stream or sys.stdout
        terminal = Terminal(file=stream, force_terminal=self._options.colour, highlight=False)
        encoding = getattr(stream, "encoding", None) or "utf-8"
        label = [[[f"── {address} ", QUIET]]] if address else []
        with terminal.capture() as printed:  # rich itself would end the program at a broken pipe
            for line in (*label, *lines, []):
                whole = Text()
                for words, style in line:
                    whole.append(words.encode(encoding, "replace").decode(encoding), style)
                # In a pipe a paragraph stays one line: whoever reads it wraps it, and `grep` finds whole titles.
                terminal.print(whole, soft_wrap=not terminal.is_terminal)
        stream.write(printed.get())
        stream.flush()


def _block(paper: DigestPaper, number: int, digest: Digest) -> list[list[tuple[str, str]]]:
    shown = text.show(paper, digest.day, abstract=EXCERPT)
    lines = [[(f"{number}. ", QUIET), *_dressed(shown.title, TITLE, MARK)]]
    lines += [[(shown.byline, "")]] if shown.byline else []
    lines += [[(" · ".join(filter(None, (shown.facts, shown.link))), QUIET)]]
    lines += [_dressed(shown.why, "italic", "italic bold")] if shown.why else []
    lines += [_dressed(shown.excerpt, "", MARK)] if shown.excerpt else []
    return [[("   ", ""), *line] if at else line for at, line in enumerate(lines)]


def _dressed(runs: Iterable[Run], bare: str, marked: str) -> list[tuple[str, str]]:
    return [(run.text, marked if run.marked else bare) for run in runs]
