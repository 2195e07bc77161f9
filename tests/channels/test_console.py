"""The terminal, and a pipe in its place."""

import asyncio
import io
import os
import time

import pytest

from paperlark.channels.console import Console, Options
from paperlark.model.problems import DeliveryError

from .digests import ALL, digest, paper


async def printed(colour: bool | None, name: str = "ordinary", address: str = "") -> str:
    stream = io.StringIO()
    console = Console(Options(stream, colour))
    await console.open()
    for payload in console.render(ALL[name]):
        await console.send(address, payload, "k")
    await console.close()
    return stream.getvalue()


async def test_matched_words_are_highlighted_on_a_terminal() -> None:
    shown = await printed(colour=True)
    assert "\x1b[1;30;43mTool Use\x1b[0m" in shown


async def test_a_pipe_gets_plain_text_with_each_title_on_one_line() -> None:
    long_title = "A Title of Many Words " * 12
    stream = io.StringIO()
    console = Console(Options(stream))
    await console.send("", console.render(digest(paper(title=long_title)))[0], "k")
    assert "\x1b" not in stream.getvalue()
    assert long_title.strip() in stream.getvalue().splitlines()[2]


async def test_reader_sees_title_authors_link_and_reasons() -> None:
    lines = (await printed(colour=False)).splitlines()
    assert lines[0] == "Morning papers · Sat 21 Nov 2026 · 3 papers"
    assert lines[2] == "1. Small Agents, Large Tools: Planning Tool Use in Two Passes"
    assert lines[3] == "   Ada One, Bo Two, Cy Three and 61 more · Acme Lab"
    assert lines[4].endswith(" · https://huggingface.co/papers/2511.00001")
    assert lines[5].startswith("   because of Agents: “Tool Use” in the title")


async def test_label_stands_above_the_digest() -> None:
    assert (await printed(colour=False, address="ada")).startswith("── ada")


async def test_hostile_titles_send_no_commands_to_the_terminal() -> None:
    for name in ALL:
        if "hostile" in name and "twenty" not in name:
            assert "\x1b" not in await printed(colour=False, name=name)


async def test_terminal_that_knows_only_ascii_gets_question_marks() -> None:
    raw = io.BytesIO()
    console = Console(Options(io.TextIOWrapper(raw, encoding="ascii")))
    await console.send("", console.render(digest(paper(title="β-VAE")))[0], "k")
    assert b"1. ?-VAE" in raw.getvalue()


class Slow(io.StringIO):
    """A stream that takes its time between the two halves of a text."""

    def write(self, text: str) -> int:
        super().write(text[: len(text) // 2])
        time.sleep(0.02)
        super().write(text[len(text) // 2 :])
        return len(text)


async def test_digests_are_never_woven_together() -> None:
    stream = Slow()
    console = Console(Options(stream))
    payloads = [console.render(digest(paper(), title=f"Digest {n}"))[0] for n in range(6)]
    await asyncio.gather(*(console.send("", payload, "k") for payload in payloads))
    whole = [line for line in stream.getvalue().splitlines() if line.startswith(("Digest", "1. "))]
    assert [line.startswith("Digest") for line in whole] == [True, False] * 6


async def test_closed_and_broken_streams_are_the_channels_fault() -> None:
    closed = io.StringIO()
    closed.close()
    reading, writing = os.pipe()
    os.close(reading)
    for stream in (closed, os.fdopen(writing, "w")):
        console = Console(Options(stream))
        with pytest.raises(DeliveryError) as caught:
            await console.send("", console.render(digest())[0], "k")
        assert caught.value.channel
