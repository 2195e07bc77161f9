"""How a process and its child speak: in frames, each eight bytes of length, then a pickle. Both sides are ours."""

import pickle
import struct
from typing import IO, Any

_LENGTH = struct.Struct(">Q")


def send(stream: IO[bytes], value: object) -> None:
    """One frame. Raises OSError when the other side is gone."""
    frame = pickle.dumps(value)
    stream.write(_LENGTH.pack(len(frame)) + frame)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """The next frame. Raises EOFError when the other side is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    size = _LENGTH.unpack(head)[0]
    frame = stream.read(size)
    if len(frame) < size:
        raise EOFError
    return pickle.loads(frame)
