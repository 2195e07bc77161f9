"""Values that are kept sealed: whoever has the database alone cannot use them.

Sealed are addresses (a webhook's is a secret, and Apprise's hold tokens), who a reader is elsewhere, and the secrets
that are made here. The keys come from the environment, the first one seals, all of them open. Without keys values are
kept as they are; those that were kept so before stay readable, and `resealing` brings all of them under the first key.

AES-256-SIV (RFC 5297): the same value in the same column is sealed to the same text, so that it can still be looked up
and be unique, and who reads the database sees which of them are equal, and how long, but nothing else. A sealed text
cannot be moved to another column or changed without being noticed.

    sealed:KEY:TEXT     KEY: eight hexadecimal digits by which the key is known again; TEXT: base64, for addresses
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from sqlalchemy import Column, ColumnElement, Dialect, String, type_coerce
from sqlalchemy.types import TypeDecorator

from paperlark.model.problems import UnreadableError

OPENING = "sealed:"
_NAME = 8  # hexadecimal digits
_EMPTY = b"\0"  # stands for no text at all, which the cipher does not take


class Seals:
    """What seals and opens, by keys of at least 32 characters that nobody can guess; where the first is "" nothing is
    sealed any more, and the others open what was."""

    def __init__(self, keys: Sequence[str]) -> None:
        """keys: kept for another process of ours that opens the same store, never for eyes."""
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # heavy, and needed where keys are set

        derived = [hmac.digest(b"paperlark sealed values", key.encode(), "sha512") if key else b"" for key in keys]
        names = [hashlib.sha256(each).hexdigest()[:_NAME] if each else "" for each in derived]
        self._ciphers = {name: AESSIV(each) for name, each in zip(names, derived, strict=True) if name}
        self._first = names[0] if names else ""
        self.keys = tuple(keys)

    @property
    def opening(self) -> str | None:
        """How every text begins that the first key has sealed; None where nothing is sealed."""
        return f"{OPENING}{self._first}:" if self._first else None

    def seal(self, value: str, place: str) -> str:
        """The value as it is kept in a place (`table.column`)."""
        return self._sealed(self._first, value, place) if self._first else value

    def forms(self, value: str, place: str) -> tuple[str, ...]:
        """All that a value may be kept as in a place: as it is, and sealed by each key."""
        return (value, *(self._sealed(name, value, place) for name in self._ciphers))

    @property
    def openings(self) -> tuple[str, ...]:
        """How the texts begin that can be opened, a key each."""
        return tuple(f"{OPENING}{name}:" for name in self._ciphers)

    def _sealed(self, name: str, value: str, place: str) -> str:
        sealed = self._ciphers[name].encrypt(value.encode() or _EMPTY, [place.encode()])
        return f"{OPENING}{name}:{urlsafe_b64encode(sealed).decode()}"

    def open(self, kept: str, place: str) -> str:
        """The value of what is kept there. Raises UnreadableError: a key that is not among ours, or a changed text."""
        from cryptography.exceptions import InvalidTag

        name, _, told = kept.removeprefix(OPENING).partition(":")
        if name not in self._ciphers:
            raise UnreadableError(UNKNOWN_KEY.format(place))
        try:
            opened = self._ciphers[name].decrypt(urlsafe_b64decode(told), [place.encode()])
        except (InvalidTag, ValueError) as error:
            raise UnreadableError(f"a sealed value of {place} was changed, or belongs elsewhere") from error
        return opened.decode() if opened != _EMPTY else ""


UNKNOWN_KEY = "{} is sealed by a key that is not among PAPERLARK_ENCRYPTION_KEYS"


class Sealed(TypeDecorator[str]):
    """Text that is kept sealed where the store has keys. place: `table.column`."""

    impl = String
    cache_ok = True
    kept_as = String()

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        seals = seals_of(dialect)
        return value if value is None or seals is None else seals.seal(value, self.place)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or not value.startswith(OPENING):
            return value
        seals = seals_of(dialect)
        if seals is None:
            raise UnreadableError(UNKNOWN_KEY.format(self.place))
        return seals.open(value, self.place)


def as_kept(column: Column[str]) -> ColumnElement[str]:
    """A column that is kept sealed, as it stands in the database."""
    return type_coerce(column, Sealed.kept_as)


def give(dialect: Dialect, seals: Seals | None) -> None:
    """Let a database's dialect seal and open: it is what a type is handed with each value."""
    dialect.seals = seals  # type: ignore[attr-defined]


def seals_of(dialect: Dialect) -> Seals | None:
    """What seals for a database, if anything does."""
    found: Seals | None = getattr(dialect, "seals", None)
    return found
