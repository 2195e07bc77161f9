"""The fake channel, that other tests lean on."""

import pytest

from paperlark.model.problems import DeliveryError
from paperlark.testing.channels import Failure, FakeChannel, Options

from .digests import digest, paper


async def test_scripted_failures_come_one_a_send_and_only_at_their_address() -> None:
    channel = FakeChannel()
    [payload] = channel.render(digest())
    channel.fail("ada", DeliveryError("busy"), Failure(DeliveryError("lost", ambiguous=True), arrived=True))
    await channel.send("bo", payload, "1")
    for key in ("2", "3"):
        with pytest.raises(DeliveryError):
            await channel.send("ada", payload, key)
    await channel.send("ada", payload, "4")
    assert [(sent.address, sent.key) for sent in channel.sent] == [("bo", "1"), ("ada", "3"), ("ada", "4")]
    assert len(channel.attempts) == 4
    assert channel.papers_at("ada") == [1, 2, 3, 1, 2, 3]


async def test_parts_hold_as_many_papers_as_asked_for() -> None:
    channel = FakeChannel(Options(papers_a_part=2))
    parts = channel.render(digest(*(paper(n) for n in range(1, 6)), more=4))
    assert [len(part.content["papers"]) for part in parts] == [2, 2, 1]
    assert [part.content["more"] for part in parts] == [0, 0, 4]
