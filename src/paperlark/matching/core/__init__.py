"""The matching core, twice: compiled from C where there was a compiler, else in Python and numpy. Both have the same
face (`Table` holds queries, `Matcher` holds papers against them) and one compiled format (`layout`).

`layout`   what a table holds, as arrays
`plain`    the core in Python and numpy, which the compiled one is held to
"""

from paperlark.matching.core import plain

try:
    from paperlark.matching.core import _core
except ImportError:  # installed where there was no compiler
    COMPILED = False
    Table, Matcher = plain.Table, plain.Matcher
else:
    COMPILED = True
    Table, Matcher = _core.Table, _core.Matcher  # type: ignore[misc, assignment]

__all__ = ["COMPILED", "Matcher", "Table"]
