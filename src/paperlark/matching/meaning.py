"""What a text is about, as a direction in space: texts that say alike things in other words point alike.

A text is cut into pieces of words, each piece has a vector of its own, and a text's is their mean, one long ("static
embeddings": Mikolov and others 2013; the weights are WordLlama's, MIT, https://github.com/dleemiller/WordLlama). Two
files of that package are all that is used: its own code looks for one of them in a folder that is not there, and then
asks the network. Nothing here does.

The weights come with the extra `meaning`. Without it nothing has a direction, and whoever asks for one is told so.
The first direction of a process costs a tenth of a second more and 16 MB, and as much again of the file, page by page:
find it in a thread, like all others.
"""

import json
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

DIMENSIONS = 256
LONGEST = 20_000  # characters of a text that are read: the rest says nothing new of what it is about
WORDS_KNOWN = 10_000  # whose pieces are remembered, in 3 MB: to find them costs ten times as much as all else
EXTRA = "paperlark[meaning]"
PIECES, WEIGHTS = "tokenizers/l2_supercat_tokenizer_config.json", "weights/l2_supercat_256.safetensors"

Direction = NDArray[np.float32]
"""DIMENSIONS numbers, one long together; all zero where a text says nothing."""

Directions = NDArray[np.float32]
"""Some of them, one a row."""


class _Model(NamedTuple):
    pieces: "Tokenizer"
    weights: NDArray[np.float16]  # as they are in the file: half of what they would take otherwise


@cache
def installed() -> bool:
    """Whether the extra is there. Looks for its files and reads none."""
    return all(find_spec(name) is not None for name in ("wordllama", "tokenizers")) and all(
        (_folder() / each).is_file() for each in (PIECES, WEIGHTS)
    )


def direction(text: str) -> Direction | None:
    """Where a text points; None without the extra. Costs a tenth of a millisecond for an abstract."""
    if not installed():
        return None
    numbers = list(chain.from_iterable(map(_pieces, text[:LONGEST].split())))
    return (
        unit(_model().weights[numbers].sum(axis=0, dtype=np.float32)) if numbers else np.zeros(DIMENSIONS, np.float32)
    )


def of_paper(title: str, abstract: str) -> bytes | None:
    """A paper's direction, packed; None without the extra."""
    found = direction(f"{title}. {abstract}")
    return None if found is None else packed(found)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same directions, one long. What has none stays as it is."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1), np.float32)


def packed(found: Direction) -> bytes:
    """A direction in DIMENSIONS bytes, each a number between -127 and 127: 256 MB for a million papers, and no two of
    them change places whose closeness differs by 0.004 or more."""
    largest = float(np.abs(found).max())
    return bytes(np.rint(found * (127 / largest if largest else 0)).astype(np.int8))


def unpacked(rows: NDArray[np.int8]) -> Directions:
    """Packed directions, as they were."""
    return unit(rows.astype(np.float32))


def read(one: bytes) -> Direction:
    """One packed direction, as it was."""
    return unpacked(np.frombuffer(one, np.int8))


def towards(found: Direction, others: Sequence[Direction], pull: float) -> Direction:
    """A direction turned towards the middle of some others, which count `pull` times as much."""
    return unit(found + pull * unit(np.sum(others, axis=0))) if len(others) else found


def closeness(one: bytes, other: Direction) -> float:
    """How near a packed direction is to another: 1 for the same, 0 for nothing in common. To 4 decimals."""
    return round(float(read(one) @ other), 4)


@lru_cache(maxsize=WORDS_KNOWN)
def _pieces(word: str) -> tuple[int, ...]:
    """The rows of a word's pieces. No piece goes on beyond white space."""
    return tuple(_model().pieces.encode(word, add_special_tokens=False).ids)


@cache
def _model() -> _Model:
    # Imported here: who never asks what a text is about need not wait for it.
    from tokenizers import Tokenizer

    pieces = Tokenizer.from_file(str(_folder() / PIECES))
    pieces.model._resize_cache(0)  # it would remember words too, in 5 MB for each thread that asks
    return _Model(pieces, _weights(_folder() / WEIGHTS))


def _weights(file: Path) -> NDArray[np.float16]:
    """The one table of a file of safetensors (https://github.com/huggingface/safetensors#format: a length, a JSON head
    of so many bytes, numbers), as a view of the file: what no text asks for takes no memory, and what some processes of
    a machine ask for is there once."""
    with file.open("rb") as stream:
        head = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        [table] = (told for name, told in head.items() if name != "__metadata__")
        begin = stream.tell() + table["data_offsets"][0]
    assert table["dtype"] == "F16", table["dtype"]
    return np.asarray(np.memmap(file, np.dtype("<f2"), "r", begin, tuple(table["shape"])))


def _folder() -> Path:
    found = find_spec("wordllama")
    assert found is not None and found.origin is not None
    return Path(found.origin).parent
