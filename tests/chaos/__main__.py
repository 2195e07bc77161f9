"""`make chaos ARGS=kills`: kill a process at every label, 25 times on each database and channel (ten times at those
where no channel is involved), and print the table. The last line is `kills N lost N duplicates N`.

`make chaos ARGS=preview`: replay 20,000 papers with 200 profiles day by day on each database, and hold what was owed on
each day against the previews. The last line is `profiles N days N owed N differing N`.

`make chaos`, `make chaos ARGS=faults`: strike a service at work with each fault (`ARGS="faults cut kills"`: with
these), and print the table. The last line is `faults N lost N dead N duplicates N unmarked N good N untried N`: what
this machine does not allow is not tried, and not good.

`make chaos ARGS=hosts`: two webs and two workers of the Procfile on two hosts, a profile that changes, a worker that is
killed with a lane, a source, a batch and a delivery in hand, a web that is killed; three times. The last line is
`hosts N met S covered S gone S`, the most seconds of each.

The exit status is 1 where any verdict is not good.
"""

import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.chaos import faults, preview, strikes
from tests.chaos.kills import Verdict, kills_at, matrix, points
from tests.databases import Fresh, postgres_databases, sqlite_databases
from tests.deploy.two_hosts import two_hosts

KILLS = 25
HOSTS = 3
AT_ONCE = 16

DATA = Path(__file__).parent.parent.parent.parent / "shared" / "data"
PAPERS, PROFILES, SEED = 20_000, 200, 20_250_718


def main(arguments: list[str]) -> int:
    """Run what is asked for. Exit status 2 for anything unknown."""
    kills: int | None
    match arguments:
        case ["faults", *names]:
            return _faults(names)
        case ["hosts"]:
            return _hosts()
        case ["kills"]:
            kills = KILLS
        case ["kills", number] if number.isdecimal():
            kills = int(number)
        case ["preview"] if DATA.is_dir():
            kills = None
        case ["preview"]:
            print("test data not found: ../shared/data", file=sys.stderr)
            return 2
        case _:
            print('usage: make chaos              (every fault; ARGS="faults cut kills": these only)', file=sys.stderr)
            print('       make chaos ARGS=kills   (or ARGS="kills 5": so many for each label)', file=sys.stderr)
            print("       make chaos ARGS=hosts", file=sys.stderr)
            print("       make chaos ARGS=preview", file=sys.stderr)
            return 2
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # a bot that dies in the middle is no news here
    with (
        tempfile.TemporaryDirectory() as folder,
        sqlite_databases(Path(folder)) as sqlite,
        postgres_databases() as postgres,
    ):
        databases = {"sqlite": sqlite, "postgres": postgres}
        bad = asyncio.run(_previews(databases) if kills is None else _kills(databases, kills))
    return 1 if bad else 0


async def _kills(databases: dict[str, Fresh], kills: int) -> int:
    tried = points()
    total = sum(kills_at(label, kills) for label, _ in tried) * len(databases)
    finished = 0

    def done(_database: str, _verdict: Verdict) -> None:
        nonlocal finished
        finished += 1
        if sys.stderr.isatty():
            print(f"\r{finished} of {total}", end="", file=sys.stderr, flush=True)

    verdicts = await matrix(databases, tried, kills=kills, at_once=AT_ONCE, done=done)
    heads = f"{'kills':>5} {'lost':>5} {'twice':>6} {'unmarked':>9} {'dead':>5}"
    print(f"\n{'label':40} {'channel':9} {'database':9} {heads}")
    for label, channel in tried:
        for database in databases:
            found = verdicts[database, label, channel]
            print(
                f"{label:40} {channel or '-':9} {database:9} {sum(v.killed for v in found):5} "
                f"{sum(v.lost + v.unpercolated for v in found):5} {sum(v.duplicates for v in found):6} "
                f"{sum(v.unmarked for v in found):9} {sum(v.dead for v in found):5}"
            )
    everything = [verdict for found in verdicts.values() for verdict in found]
    print(
        f"kills {sum(v.killed for v in everything)} lost {sum(v.lost for v in everything)} "
        f"duplicates {sum(v.duplicates for v in everything)}"
    )
    return sum(not verdict.good for verdict in everything)


def _faults(names: list[str]) -> int:
    known = {fault.name: fault for fault in strikes.FAULTS}
    if unknown := [name for name in names if name not in known]:
        print(f"no such fault: {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    chosen = [known[name] for name in names or known]
    with tempfile.TemporaryDirectory() as folder, faults.grounds(Path(folder)) as grounds:
        bad = asyncio.run(struck(grounds, chosen))
    return 1 if bad else 0


async def struck(grounds: faults.Grounds, chosen: Sequence[strikes.Fault]) -> int:
    """Each fault in turn, on each of its databases, and the table. Returns how many verdicts are not good, and how many
    faults could not be tried."""
    print(
        f"{faults.RATE:g} papers a second, a lease of {faults.LEASE:g} s; told a second, and seconds until all is told"
    )
    heads = (
        f"{'before':>7} {'during':>7} {'after':>7} {'ratio':>6} {'all told':>8} {'lost':>5} {'dead':>5} {'twice':>6}"
    )
    print(f"{'fault':10} {'database':9} {heads} {'unmarked':>9}", flush=True)
    verdicts, untried = [], 0
    for fault in chosen:
        if missing := grounds.lacks(fault):
            print(f"{fault.name:10} not tried: {missing}", flush=True)
            untried += 1
            continue
        for database in fault.databases:
            verdicts.append(found := await grounds.strike(fault, database, faults.Stretch()))
            print(
                f"{found.name:10} {found.database:9} {found.before:7} {found.during:7} {found.after:7} "
                f"{found.ratio:6.0%} {found.recovery:8} {found.lost:5} {found.dead:5} {found.marked:6} "
                f"{found.unmarked:9}{'' if found.good else '   not good'}",
                flush=True,
            )
            for line in (*found.reasons, *found.faults):
                print(f"           {line}", flush=True)
            if found.ended:
                print(f"           the process ended by itself {found.ended} times")
    print(
        f"faults {len(verdicts)} lost {sum(v.lost for v in verdicts)} dead {sum(v.dead for v in verdicts)} "
        f"duplicates {sum(v.marked + v.unmarked for v in verdicts)} unmarked {sum(v.unmarked for v in verdicts)} "
        f"good {sum(v.good for v in verdicts)} untried {untried}"
    )
    return sum(not verdict.good for verdict in verdicts) + untried


def _hosts() -> int:
    noticed = []
    with postgres_databases() as fresh:
        for _ in range(HOSTS):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    noticed.append(found := asyncio.run(two_hosts(fresh(), Path(folder))))
                except AssertionError as reason:
                    print(f"not good: {reason}", flush=True)
                else:
                    print("\n".join(found.said), flush=True)
    most = {name: max((getattr(each, name) for each in noticed), default=0.0) for name in ("met", "covered", "gone")}
    print(f"hosts {len(noticed)} " + " ".join(f"{name} {seconds:.1f}" for name, seconds in most.items()))
    return 0 if len(noticed) == HOSTS else 1


async def _previews(databases: dict[str, Fresh]) -> int:
    papers = preview.announced(DATA, PAPERS)
    profiles = preview.drawn_profiles(papers, PROFILES)
    days = preview.happening(papers, Random(SEED))
    verdicts = []
    for name, fresh in databases.items():
        began = time.monotonic()
        verdicts.append(verdict := await preview.replay(fresh(), days, profiles))
        for line in verdict.differing:
            print(line)
        print(f"{name:9} {verdict.papers:,} papers, {verdict.days} days, {time.monotonic() - began:.0f} s")
    differing = sum(len(verdict.differing) for verdict in verdicts)
    owed = sum(verdict.owed for verdict in verdicts)
    print(f"profiles {PROFILES} days {verdicts[0].days} owed {owed} differing {differing}")
    return differing


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
