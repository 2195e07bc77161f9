"""The profiles of a whole paperlark, ready to be matched: their queries, each once (`standing`), and who holds it
(`holders`). Kept in a folder, so that the next start need not compile them again.

What is kept is trusted only where it is whole, of this format, and compiled by these very rules: then it answers as a
register would that is made anew.
"""

from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

from paperlark.matching.core import segment
from paperlark.matching.core.layout import QUERY
from paperlark.matching.document import Analysed
from paperlark.matching.holders import Held, Holders, Key
from paperlark.matching.index import ORDERED_AFTER
from paperlark.matching.query import Query
from paperlark.matching.standing import Standing
from paperlark.model.problems import SegmentError

FEW = 1_000  # that came or went, until everything is put in order …
SHARE = 0.25  # … or this share of all, where that is more

Facts = Mapping[str, Any]
Saved = tuple[dict[str, bytes], dict[str, Any]]
"""Arrays, and facts that JSON can say: what `segment.save` takes."""


class Register:
    """Not thread-safe: one thread owns it."""

    def __init__(self, standing: Standing | None = None, holders: Holders | None = None) -> None:
        self._standing = Standing() if standing is None else standing
        self._holders = Holders() if holders is None else holders
        self._in_order_at = self._standing.papers

    def __len__(self) -> int:
        """How many profiles there are."""
        return len(self._holders)

    @property
    def changed(self) -> int:
        """How many profiles came or went since everything was in order: the overlay and the tombstones."""
        return self._holders.changed

    @property
    def is_due(self) -> bool:
        """Whether it is time to put everything in order: much has changed, or was learned of how rare terms are."""
        learned = any(self._in_order_at < papers <= self._standing.papers for papers in ORDERED_AFTER)
        return learned or self.changed > max(FEW, SHARE * len(self))

    def put(self, held: Held, query: Query) -> None:
        """Keep a profile with its query, in place of what it asked before. Raises FullError where there is no room for
        it; then it is not there at all: it no longer asks what it asked before."""
        self.remove((held.account_id, held.profile_id))
        self._holders.put(self._standing.hold(query), held)

    def remove(self, key: Key) -> None:
        """Forget a profile; one that is not there is no error."""
        number = self._holders.remove(key)
        if number is not None:
            self._standing.release(number)

    def match(self, paper: Analysed, *, counted: bool = False) -> list[Held]:
        """The profiles whose queries a paper meets, in no order, each once. counted: only those whose answer later
        counts can change."""
        [numbers] = self._standing.match([paper])
        return self._holders.of(self._standing.counted(numbers) if counted else numbers)

    def compact(self) -> None:
        """Put everything in order: what is gone goes, and each query is posted under its rarest words."""
        places = self._standing.compact()
        self._holders = Holders(self._holders.columns(places))
        self._in_order_at = self._standing.papers

    # ── kept in a folder ───────────────────────────────────────────────────────────────────────────────────────────

    def packed(self, facts: Facts) -> Saved:
        """All of it as it is now, to be saved, with facts of the caller's."""
        columns, standing = self._standing.packed()
        own = {"standing": standing, "facts": dict(facts), "rules": rules()}
        return {**columns, **self._holders.columns()}, own

    def save(self, folder: Path, facts: Facts) -> None:
        """Keep it in a folder. Blocks. Raises OSError."""
        segment.save(folder, *self.packed(facts))

    @classmethod
    def load(cls, folder: Path) -> tuple["Register", dict[str, Any]]:
        """What was kept in a folder, and the caller's facts. Blocks. Raises SegmentError where it cannot be used."""
        columns, kept = segment.load(folder)
        try:
            if kept["rules"] != rules():
                raise SegmentError(f"the index in {folder} was compiled by other rules")
            holders = Holders(columns)
            if holders.queries > len(columns["queries"]) // QUERY.itemsize:
                raise ValueError("a profile holds no query")
            return cls(Standing.unpacked(columns, kept["standing"]), holders), dict(kept["facts"])
        except (KeyError, ValueError, TypeError):
            raise SegmentError(f"the index in {folder} is damaged") from None


@cache
def rules() -> str:
    """What queries are compiled by, in a word: the text of this package and the stemmer's version. Blocks."""
    found = blake2b(version("PyStemmer").encode(), digest_size=16)
    here = Path(__file__).parent
    for file in sorted(here.rglob("*")):
        if file.suffix in (".py", ".lark", ".c", ".h"):
            found.update(file.relative_to(here).as_posix().encode() + b"\0" + file.read_bytes())
    return found.hexdigest()
