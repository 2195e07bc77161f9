"""Signed links and words: opaque, hard to forge, bound to one thing of one account, valid for as long as that is there.

    https://papers.example.org/u/TOKEN   unsubscribe: a destination
    https://papers.example.org/m/TOKEN   preferences: a destination
    https://papers.example.org/c/TOKEN   confirm: a question to an address's owner
    bounces+TOKEN@example.org            where a message comes back to: a destination

A token is two ids and a signature over them and the purpose: one of one purpose says nothing of another. Whether it
still means something (not used, not deleted) is the store's to say. Bounce tokens survive mail servers that change
upper and lower case, and fit into a local part with its 64 octets (RFC 5321, section 4.5.3.1.1).
"""

import base64
import binascii
import hashlib
import hmac
import re
import struct
from enum import StrEnum

from itsdangerous import BadSignature, Signer

LONGEST = 200  # characters of a token
MAC = 10  # octets of a bounce token's signature: 80 bits, and every guess is a mail
_TWO_IDS = struct.Struct(">QQ")
_BOUNCE = re.compile(r"[a-z2-7]{42}")


class Purpose(StrEnum):
    """What a link is for: the first part of its path."""

    UNSUBSCRIBE = "u"
    PREFERENCES = "m"
    CONFIRM = "c"


class Links:
    """Makes and reads links under one key. public_url: this paperlark's own address, or None: then there are none."""

    def __init__(self, key: str, public_url: str | None) -> None:
        self._key = key
        self._public_url = public_url.rstrip("/") if public_url else None

    @property
    def public(self) -> bool:
        """Whether this paperlark has an address of its own that links can lead to."""
        return self._public_url is not None

    @property
    def public_url(self) -> str | None:
        """This paperlark's own address, without a slash at its end, or None."""
        return self._public_url

    @property
    def secure(self) -> bool:
        """Whether that address is one of https."""
        return (self._public_url or "").startswith("https://")

    def address(self, purpose: Purpose, account_id: int, number: int) -> str | None:
        """A link, or None where this paperlark has no public address."""
        return f"{self._public_url}/{purpose}/{self.token(purpose, account_id, number)}" if self._public_url else None

    def token(self, purpose: Purpose, account_id: int, number: int) -> str:
        """The last part of a link's path: letters, digits, `-`, `_` and one full stop."""
        ids = base64.urlsafe_b64encode(_TWO_IDS.pack(account_id, number)).rstrip(b"=")
        return self._signer(purpose).sign(ids).decode("ascii")

    def read(self, purpose: Purpose, token: str) -> tuple[int, int] | None:
        """The account and the number that a token of this purpose is of; None for any that is not ours."""
        if len(token) > LONGEST or not token.isascii():
            return None
        try:
            ids = self._signer(purpose).unsign(token)
            account_id, number = _TWO_IDS.unpack(base64.urlsafe_b64decode(ids + b"=="))
        except (BadSignature, binascii.Error, struct.error):
            return None
        return account_id, number

    def bounce(self, account_id: int, destination_id: int) -> str:
        """The word that a destination's returned messages bear."""
        ids = _TWO_IDS.pack(account_id, destination_id)
        return base64.b32encode(ids + self._mac(ids)).decode("ascii").rstrip("=").lower()

    def read_bounce(self, token: str) -> tuple[int, int] | None:
        """The account and the destination that a bounce token is of, or None."""
        if not _BOUNCE.fullmatch(token.lower()):
            return None
        packed = base64.b32decode(f"{token.upper()}======")
        ids, mac = packed[: _TWO_IDS.size], packed[_TWO_IDS.size :]
        if not hmac.compare_digest(mac, self._mac(ids)):
            return None
        account_id, destination_id = _TWO_IDS.unpack(ids)
        return account_id, destination_id

    def _mac(self, ids: bytes) -> bytes:
        return hmac.digest(self._signer("bounce").derive_key(), ids, "sha256")[:MAC]

    def _signer(self, purpose: str) -> Signer:
        return Signer(self._key, salt=f"paperlark {purpose}", key_derivation="hmac", digest_method=hashlib.sha256)
