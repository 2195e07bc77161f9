"""`make bench`: every bench; `make bench ARGS="NAME --json"`: one of them, a JSON object a line. What `scale` takes
beside its name is said there.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench import (
    api,
    claims,
    feeds,
    importing,
    meaning,
    percolate,
    polling,
    reading,
    scale,
    sending,
    storm,
    watching,
)

DATA = Path(__file__).parent.parent.parent.parent / "shared" / "data"

BENCHES: dict[str, Callable[[Path, Callable[[str], None]], list[dict[str, Any]]]] = {
    "api": api.measure,
    "claims": claims.measure,
    "feeds": feeds.measure,
    "import": importing.measure,
    "percolate": percolate.measure,
    "polling": polling.measure,
    "preview": reading.measure_preview,
    "scale": scale.measure,
    "scrape": watching.measure,
    "search": lambda data, say: [*meaning.measure(data, say), *reading.measure_search(data, say)],
    "sending": sending.measure,
    "storm": storm.measure,
}


def main(arguments: list[str]) -> int:
    """Run what is asked for. Exit status 2 for an unknown bench, 1 where the data is missing."""
    asked, arguments = scale.options(arguments)
    benches = BENCHES | {"scale": partial(scale.measure, asked=asked)}
    names = [argument for argument in arguments if not argument.startswith("-")]
    unknown = [name for name in names if name not in BENCHES]
    if unknown or set(arguments) - set(names) - {"--json"}:
        print(f'usage: make bench ARGS="[NAME …] [--json]"   benches: {", ".join(BENCHES)}', file=sys.stderr)
        return 2
    if not DATA.is_dir():
        print("the benches run on test data that was not found: ../shared/data", file=sys.stderr)
        return 1
    for name in names or BENCHES:
        for row in benches[name](DATA, lambda line: print(line, file=sys.stderr)):
            if "--json" in arguments:
                print(json.dumps(row))
            else:
                ratio = f"{row['ratio']}x" if row["ratio"] is not None else "beside nothing"
                print(
                    f"{row['name']:16} {row['ours']:>10} {row['unit']:9} beside {row['beside']:>10} "
                    f"({row['what_beside']}): {ratio}"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
