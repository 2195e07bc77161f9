"""The index, put in order by a child process, so that matching goes on meanwhile.

The child is this same file, run as a program: it reads a saved register, puts it in order and saves it elsewhere. It
yields to everything else on the machine, and shares nothing with us but the two folders.
"""

import asyncio
import os
import sys
from pathlib import Path

from paperlark.matching.register import Register
from paperlark.model.problems import SegmentError

LIMIT = 900.0  # seconds; a million profiles take ten
KIND = 10  # steps by which the child stands back


async def compacted(before: Path, after: Path) -> None:
    """Put the register in one folder in order, into another. Raises SegmentError where that comes to nothing, or takes
    longer than `LIMIT`; leaves no process behind."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "paperlark.pipeline.compaction", before, after, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        await asyncio.wait_for(child.wait(), LIMIT)
    except TimeoutError:
        raise SegmentError(f"the index was not put in order within {LIMIT:g} seconds") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise SegmentError(f"the process that puts the index in order failed with status {child.returncode}")


def put_in_order(before: Path, after: Path) -> None:
    """What the child does. Raises SegmentError, OSError."""
    register, facts = Register.load(before)
    register.compact()
    register.save(after, facts)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(KIND)
    put_in_order(*map(Path, sys.argv[1:3]))
