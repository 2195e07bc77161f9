"""`make chaos ARGS=kills`: kill a process at every label, twenty times on each database, and print the table.

The last line is `kills N lost N duplicates N`; the exit status is 1 where any verdict is not good.
"""

import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from paperlark.testing.kills import LABELS
from tests.chaos.kills import Verdict, matrix
from tests.databases import Fresh, postgres_databases, sqlite_databases

KILLS = 20
AT_ONCE = 12


def main(arguments: list[str]) -> int:
    """Run what is asked for. Exit status 2 for anything unknown."""
    if arguments[:1] != ["kills"] or len(arguments) > 2 or not all(a.isdecimal() for a in arguments[1:]):
        print('usage: make chaos ARGS=kills   (or ARGS="kills 5": so many for each label)', file=sys.stderr)
        return 2
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # a bot that dies in the middle is no news here
    kills = int(arguments[1]) if len(arguments) > 1 else KILLS
    with (
        tempfile.TemporaryDirectory() as folder,
        sqlite_databases(Path(folder)) as sqlite,
        postgres_databases() as postgres,
    ):
        bad = asyncio.run(_kills({"sqlite": sqlite, "postgres": postgres}, kills))
    return 1 if bad else 0


async def _kills(databases: dict[str, Fresh], kills: int) -> int:
    total = len(LABELS) * len(databases) * kills
    finished = 0

    def done(_database: str, _verdict: Verdict) -> None:
        nonlocal finished
        finished += 1
        if sys.stderr.isatty():
            print(f"\r{finished} of {total}", end="", file=sys.stderr, flush=True)

    verdicts = await matrix(databases, kills=kills, at_once=AT_ONCE, done=done)
    print(f"\n{'label':44} {'database':9} {'kills':>5} {'lost':>5} {'twice':>6} {'unpercolated':>13} {'dead':>5}")
    for label in LABELS:
        for database in databases:
            found = verdicts[database, label]
            print(
                f"{label:44} {database:9} {sum(v.killed for v in found):5} {sum(v.lost for v in found):5} "
                f"{sum(v.duplicates for v in found):6} {sum(v.unpercolated for v in found):13} "
                f"{sum(v.dead for v in found):5}"
            )
    everything = [verdict for found in verdicts.values() for verdict in found]
    print(
        f"kills {sum(v.killed for v in everything)} lost {sum(v.lost for v in everything)} "
        f"duplicates {sum(v.duplicates for v in everything)}"
    )
    return sum(not verdict.good for verdict in everything)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
