"""Bodies as they come in: whole or not at all, whatever their packing tries."""

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.codings import Body, UnpackingError

LIMIT = 1024 * 1024


def raw_deflate(body: bytes) -> bytes:
    """What some send as "deflate": without zlib's frame."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def two_members(body: bytes) -> bytes:
    half = len(body) // 2
    return gzip.compress(body[:half]) + gzip.compress(body[half:])


PACKINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "plain": ("", bytes),
    "identity": ("identity", bytes),
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZIP", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without its frame": ("deflate", raw_deflate),
    "gzip in two members": ("gzip", two_members),
    "gzip, padded": ("gzip", lambda body: gzip.compress(body) + bytes(100)),
    "no packing at all": ("utf-8", bytes),
}


def taken(coding: str, packed: bytes, step: int, max_bytes: int = LIMIT) -> bytes:
    body = Body(coding, max_bytes)
    for start in range(0, len(packed), step):
        body.add(packed[start : start + step])
    return body.whole()


@pytest.mark.parametrize("packing", PACKINGS, ids=str)
@given(body=st.binary(max_size=2_000), step=st.integers(1, 700))
def test_a_body_comes_out_as_it_went_in_however_it_is_cut(packing: str, body: bytes, step: int) -> None:
    coding, pack = PACKINGS[packing]
    assert taken(coding, pack(body), step) == body


@pytest.mark.parametrize("packing", PACKINGS, ids=str)
def test_a_body_may_be_as_large_as_was_agreed_and_not_a_byte_larger(packing: str) -> None:
    coding, pack = PACKINGS[packing]
    packed = pack(random.Random(7).randbytes(50_000))
    assert len(taken(coding, packed, 4_096, max_bytes=50_000)) == 50_000
    with pytest.raises(UnpackingError, match=r"^the answer is larger than "):
        taken(coding, packed, 4_096, max_bytes=49_999)


@pytest.mark.parametrize("packing", ["gzip", "deflate", "deflate without its frame"])
@given(cut=st.floats(0.01, 0.99))
def test_a_packed_body_that_breaks_off_is_no_body(packing: str, cut: float) -> None:
    coding, pack = PACKINGS[packing]
    packed = pack(random.Random(7).randbytes(1_000))
    with pytest.raises(UnpackingError, match=r"^the answer broke off before its end$"):
        taken(coding, packed[: max(1, int(len(packed) * cut))], 100)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_an_empty_body_needs_no_packing(coding: str) -> None:
    assert taken(coding, b"", 1) == b""


@pytest.mark.parametrize(
    "coding", ["gzip, gzip", "gzip,deflate", "br", "zstd", "gzip, br", "compress", "GZIP , X-Gzip"]
)
def test_what_was_not_asked_for_is_refused_before_a_byte_is_taken(coding: str) -> None:
    with pytest.raises(UnpackingError, match="which nobody asked for"):
        Body(coding, LIMIT)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@given(junk=st.binary(min_size=1, max_size=300), step=st.integers(1, 50))
def test_junk_is_called_damaged_or_unfinished(coding: str, junk: bytes, step: int) -> None:
    try:
        taken(coding, junk, step)
    except UnpackingError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_bomb_costs_no_more_memory_than_the_body_may(coding: str, pack: Callable[[bytes], bytes]) -> None:
    bomb = pack(bytes(60 * LIMIT))
    tracemalloc.start()
    try:
        with pytest.raises(UnpackingError, match=r"^the answer is larger than 1 MiB$"):
            taken(coding, bomb, 64 * 1024)
        assert tracemalloc.get_traced_memory()[1] < 8 * LIMIT
    finally:
        tracemalloc.stop()


def test_packets_with_nothing_in_them_come_to_an_end() -> None:
    nothing = zlib.compress(b"")[:2] + b"\x00\x00\x00\xff\xff" * 300_000  # stored blocks of no bytes, without end
    with pytest.raises(UnpackingError, match="larger than 1 MiB"):
        taken("deflate", nothing, 64 * 1024)
    with pytest.raises(UnpackingError, match="more than 64 members"):
        taken("gzip", gzip.compress(b"") * 1_000, 64 * 1024)
