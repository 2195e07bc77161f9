"""The matching core, twice: compiled from C where there was a compiler, else in Python and numpy. Both have the same
face (`table` holds queries, `matcher` holds papers against them) and one compiled format.

`layout`   what a table holds, as arrays
`compact`  those arrays, put in order
`segment`  those arrays, kept in a folder
`table`    the core in Python and numpy, which the compiled one is held to: queries, compiled
`trie`     below it: the rows of symbols that terms are made of
`matcher`  beside it: which of its queries a paper meets
`c`        the compiled core: `table.h` and `matcher.h` are where to begin
"""

from typing import Any, NamedTuple

from paperlark.matching.core.matcher import Matcher
from paperlark.matching.core.table import Table

try:
    from paperlark.matching.core import _core
except ImportError:  # installed where there was no compiler
    _core = None  # type: ignore[assignment]


class Core(NamedTuple):
    """The two types of one core."""

    table: Any
    matcher: Any


PLAIN = Core(Table, Matcher)
COMPILED = Core(_core.Table, _core.Matcher) if _core is not None else None
"""None where there was no compiler."""
FASTEST = COMPILED or PLAIN
