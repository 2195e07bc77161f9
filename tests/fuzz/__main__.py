"""`make fuzz ARGS="parsers"`: every parser that takes bytes from outside, for a while each.

    python -m tests.fuzz                       all of them, 20 s each
    python -m tests.fuzz rss query --seconds 300
    python -m tests.fuzz rss --seed 17         the same mutations again

Where atheris is installed (`pip install atheris`: wheels for Linux and Python 3.11 to 3.13), mutations are led by the
lines that they reach; else they are random, made of the corpus. What a parser should not have raised is printed with
the bytes that did it, and so is what took longer than two seconds. Put such bytes into `corpus/NAME`, and mend it.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
import traceback
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.parsers import LARGEST, PARSERS, example, mutated

SLOW = 2.0  # seconds for one input of at most 64 KiB


def blind(name: str, seconds: float, seed: int) -> bool:
    """Random mutations. True where nothing was found."""
    parser, dice, fed, slowest = PARSERS[name], random.Random(seed), 0, 0.0
    corpus, until = parser.corpus(), time.monotonic() + seconds
    while time.monotonic() < until:
        body = mutated(corpus, dice)
        began = time.monotonic()
        try:
            parser.keeps_its_word(body)
        except Exception:
            print(f"{name}: seed {seed}, input {fed}:\n{traceback.format_exc(limit=-4)}{example(body)}", flush=True)
            return False
        took = time.monotonic() - began
        slowest, fed = max(slowest, took), fed + 1
        if took > SLOW:
            print(
                f"{name}: seed {seed}, input {fed}: {took:.1f} s for {len(body):,} bytes: {example(body)}", flush=True
            )
            return False
    print(f"{name}: {fed:,} inputs, nothing found; the slowest took {slowest:.2f} s", flush=True)
    return True


def guided(name: str, seconds: float, seed: int) -> bool:
    """Mutations led by coverage, in a process of its own. True where nothing was found."""
    with tempfile.TemporaryDirectory() as folder:
        for number, body in enumerate(PARSERS[name].corpus()):
            (Path(folder) / str(number)).write_bytes(body)
        options = [
            f"-max_total_time={seconds:.0f}",
            f"-seed={seed or 1}",
            f"-max_len={LARGEST}",
            f"-timeout={SLOW * 5:.0f}",
        ]
        kept = f"-artifact_prefix={tempfile.gettempdir()}/{name}-"
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.guided", name, *options, kept, "-rss_limit_mb=2048", folder],
            capture_output=True, text=True, timeout=seconds + 600, check=False,
        )  # fmt: skip
    last = [line for line in done.stderr.splitlines() if line.startswith("#")][-1:]
    if done.returncode == 0:
        print(f"{name}: nothing found, led by coverage: {''.join(last).strip()}", flush=True)
        return True
    print(f"{name}: seed {seed}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}", flush=True)
    return False


if __name__ == "__main__":
    reading = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reading.add_argument("names", nargs="*", choices=[[], *PARSERS], help="parsers; all of them where none is named")
    reading.add_argument("--seconds", type=float, default=20)
    reading.add_argument("--seed", type=int, default=0)
    reading.add_argument("--blind", action="store_true", help="without atheris, though it is there")
    given = reading.parse_args()
    run = blind if given.blind or find_spec("atheris") is None else guided
    seed = given.seed or random.randrange(1, 1_000_000)
    well = [run(name, given.seconds, seed) for name in given.names or PARSERS]
    sys.exit(not all(well))
