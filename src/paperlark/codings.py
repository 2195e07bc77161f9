"""The body of an answer as it comes in: unpacked piece by piece, and never larger than was agreed. Pure.

Content codings are those of RFC 9110 §8.4. What is asked for is gzip and deflate, once; anything packed otherwise, or
twice, is refused. No piece makes more than the whole body may have, however well a bomb is packed (zlib's own
`max_length`), and a stream of packets with nothing in them is bounded by its own size and number.
"""

import zlib

ACCEPT_ENCODING = "gzip, deflate"
_PACKED = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz"})
_ZLIB, _RAW, _GZIP = zlib.MAX_WBITS, -zlib.MAX_WBITS, zlib.MAX_WBITS | 16
_GZIP_START = b"\x1f"
_SLACK = 64 * 1024  # bytes by which a packed body may be larger than what is in it
_MEMBERS = 64  # of one gzip body


class UnpackingError(ValueError):
    """A body that is not taken; `str()` says why, in words that follow a host's name."""


class Body:
    """One body. Give it each piece with `add`, then ask for the `whole`.

    coding: the answer's Content-Encoding; words in it that name no packing ("utf-8", as some write) are passed over.
    Raises UnpackingError for a packing that was not asked for, and from both methods.
    """

    def __init__(self, coding: str, max_bytes: int) -> None:
        packed = [word for word in map(str.strip, coding.lower().split(",")) if word in _PACKED]
        if len(packed) > 1 or not {"gzip", "x-gzip", "deflate"}.issuperset(packed):
            raise UnpackingError(f"its answer is packed as {', '.join(packed)[:40]}, which nobody asked for")
        self._packed = packed[0] if packed else None
        self._max_bytes = max_bytes
        self._stream: zlib._Decompress | None = None
        self._members = 0
        self._taken = 0
        self._body = bytearray()

    def add(self, piece: bytes) -> None:
        """Take a piece as it came over the wire."""
        self._taken += len(piece)
        if self._packed is None:
            self._keep(piece)
            return
        if self._taken > self._max_bytes + _SLACK:
            raise too_large(self._max_bytes)
        while piece and self._has_more(piece):
            if self._stream is None:
                self._stream = zlib.decompressobj(self._kind(piece))
                self._members += 1
            self._keep(self._unpacked(piece, self._stream))
            piece = self._stream.unconsumed_tail or self._stream.unused_data
            if self._stream.eof:
                self._stream = None

    def whole(self) -> bytes:
        """All of it. Raises UnpackingError where the packed body has no end."""
        if self._stream is not None:
            raise UnpackingError("the answer broke off before its end")
        return bytes(self._body)

    def _has_more(self, piece: bytes) -> bool:
        """False for what stands behind the end of a packed body: padding, or whatever nobody can use."""
        if self._stream is not None or not self._members:
            return True
        another = self._packed != "deflate" and piece.startswith(_GZIP_START)
        if another and self._members == _MEMBERS:
            raise UnpackingError(f"its answer is packed in more than {_MEMBERS} members")
        return another

    def _kind(self, piece: bytes) -> int:
        if self._packed != "deflate":
            return _GZIP
        # Some send "deflate" without the frame that RFC 9110 §8.4.1.2 asks for: its first byte tells (RFC 1950 §2.2).
        return _ZLIB if piece[0] & 0x0F == 8 else _RAW

    def _unpacked(self, piece: bytes, stream: "zlib._Decompress") -> bytes:
        try:
            return stream.decompress(piece, self._max_bytes - len(self._body) + 1)
        except zlib.error:
            raise UnpackingError("the packing of its answer is damaged") from None

    def _keep(self, piece: bytes) -> None:
        self._body += piece
        if len(self._body) > self._max_bytes:
            raise too_large(self._max_bytes)


def too_large(max_bytes: int) -> UnpackingError:
    """The error of a body that is, or says it is, larger than was agreed."""
    return UnpackingError(f"the answer is larger than {max_bytes / 1024**2:g} MiB")
