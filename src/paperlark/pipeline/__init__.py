"""The order of what happens. Names no platform and no site: sources and channels come in through their ports.

`ingest`     poll a source, record page by page; import saved pages
`percolate`  what was recorded meets the profiles; matches and owed rows are left
`indexed`    the index of one process, and the thread that owns it
`compaction` put in order by a child process, while matching goes on
`coldstart`  begun from what was kept of it, or from every profile
`recent`     what was just recorded, at hand for percolation
`rising`     what is trending, for whom it concerns when a digest is made
`confirm`    the owners of addresses are asked whether they want it
`planning`   what is owed gets its deliveries, each in the next free slot
`deliver`    deliveries are claimed, sealed, sent, or ended visibly
`compose`    what a delivery says; pure
`tastes`     what readers' marks teach, learned for the order of their digests
`saying`     the same for many at once: read, composed, rendered, sealed
`lane`       who may send on a channel: one process, one at a time, within the limits; answers first
`windows`    how many messages a platform bears in any stretch of time; pure
`ledger`     what is under way is written down, much of it in one transaction
`counts`     what this process has counted, for whoever watches
`ping`       somebody outside is told that all is well
`giving_back` leases of work that a fault of the database broke off
`settle`     what a platform's refusal means; pure
`loops`      the jobs that make it go round, and how they stop

Each step calls `at(label)` at the points where a crash would be most awkward; `paperlark.testing.kills` lists them all.
"""

from collections.abc import Callable

At = Callable[[str], None]
"""Called with the label of a point that was reached. In service nobody listens."""


def nobody(_label: str) -> None:
    """Listen to no label."""
