"""The order of what happens. Names no platform and no site: sources and channels come in through their ports.

`ingest`     poll a source, record page by page; import saved pages
`percolate`  what was recorded meets the profiles; matches and owed rows are left
`recent`     what was just recorded, at hand for percolation
`rising`     what is trending, for whom it concerns when a digest is made
`confirm`    the owners of addresses are asked whether they want it
`deliver`    what is owed is planned, claimed, sealed, sent, or ended visibly
`loops`      the jobs that make it go round, and how they stop

Each step calls `at(label)` at the points where a crash would be most awkward; `paperlark.testing.kills` lists them all.
"""

from collections.abc import Callable

At = Callable[[str], None]
"""Called with the label of a point that was reached. In service nobody listens."""


def nobody(_label: str) -> None:
    """Listen to no label."""
