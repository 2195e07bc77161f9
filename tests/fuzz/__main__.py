"""`make fuzz ARGS="parsers"`: every parser that takes bytes from outside, for a while each.

    python -m tests.fuzz                       all of them, 20 s each
    python -m tests.fuzz rss query --seconds 300
    python -m tests.fuzz rss --seed 17         the same mutations again
    python -m tests.fuzz rss --keep            what reached new lines goes into `corpus/rss`

Where atheris is installed (on Linux with an x86-64 processor, up to Python 3.13), mutations are led by the lines that
they reach; else they are random, made of the corpus. What a parser should not have raised is printed with the bytes
that did it, and so is what took longer than two seconds. Such bytes are kept in `corpus/NAME` in any case: mend it.
"""

import argparse
import hashlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.parsers import CORPUS, LARGEST, PARSERS, example, mutated

SLOW = 2.0  # seconds for one input of at most 64 KiB


def blind(name: str, seconds: float, seed: int, into: Path, *, keep: bool = False) -> bool:
    """Random mutations. True where nothing was found; else the bytes are put into a folder. There is nothing else to
    keep: nobody looks at what they reach."""
    parser, dice, fed, slowest = PARSERS[name], random.Random(seed), 0, 0.0
    corpus, until = parser.corpus(), time.monotonic() + seconds
    while time.monotonic() < until:
        body = mutated(corpus, dice)
        began = time.monotonic()
        try:
            parser.keeps_its_word(body)
        except Exception:
            _put(body, into)
            print(f"{name}: seed {seed}, input {fed}:\n{traceback.format_exc(limit=-4)}{example(body)}", flush=True)
            return False
        took = time.monotonic() - began
        slowest, fed = max(slowest, took), fed + 1
        if took > SLOW:
            _put(body, into)
            print(
                f"{name}: seed {seed}, input {fed}: {took:.1f} s for {len(body):,} bytes: {example(body)}", flush=True
            )
            return False
    print(f"{name}: {fed:,} inputs, nothing found; the slowest took {slowest:.2f} s", flush=True)
    return True


def _put(body: bytes, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    (into / f"crash-{hashlib.sha1(body, usedforsecurity=False).hexdigest()}").write_bytes(body)


def guided(name: str, seconds: float, seed: int, into: Path, *, keep: bool = False) -> bool:
    """Mutations led by coverage, in a process of its own. True where nothing was found.

    into: a folder for the bytes that a parser should have taken otherwise, and, with keep, for those that reached lines
    that no others did. How often they did does not count then.
    """
    there = into.is_dir()
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for number, body in enumerate(PARSERS[name].corpus()):
            (Path(folder) / str(number)).write_bytes(body)
        options = [
            f"-max_total_time={seconds:.0f}",
            f"-seed={seed or 1}",
            f"-max_len={LARGEST}",
            f"-timeout={SLOW * 5:.0f}",
        ]
        kept = [f"-artifact_prefix={into}/", *(["-use_counters=0"] if keep else [])]
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.guided", name, *options, *kept, "-rss_limit_mb=2048", folder],
            capture_output=True, text=True, errors="replace", timeout=seconds + 600, check=False,
        )  # fmt: skip
        if keep:
            new = [file for file in Path(folder).iterdir() if not file.name.isdigit()]
            for file in new:
                shutil.copyfile(file, into / file.name)
            print(f"{name}: {len(new)} inputs reached what none had before: they are kept", flush=True)
    if not there and not any(into.iterdir()):
        into.rmdir()
    last = [line for line in done.stderr.splitlines() if line.startswith("#") and line[1:2].isdigit()][-1:]
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
    reading.add_argument("--keep", action="store_true", help="put what reached new lines into the corpus")
    reading.add_argument("--blind", action="store_true", help="without atheris, though it is there")
    given = reading.parse_args()
    run = blind if given.blind or find_spec("atheris") is None else guided
    seed = given.seed or random.randrange(1, 1_000_000)
    well = [run(name, given.seconds, seed, CORPUS / name, keep=given.keep) for name in given.names or PARSERS]
    sys.exit(not all(well))
