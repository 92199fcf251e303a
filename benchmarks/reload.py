"""Memory and time of the models after a whole year was loaded again.

    python benchmarks/reload.py --rows 2000000

prints a line for the models of the first load and one for those of the second. What is measured is
`python pipeline.py models` with all tests of the replaced days, on DuckDB.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from run import PIPELINE, Bench, serving


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--days", type=int, default=365)
    given = parser.parse_args()
    first = datetime.now(UTC).date() - timedelta(days=given.days - 1)
    with (
        tempfile.TemporaryDirectory(prefix="reload_") as folder,
        serving(rows=given.rows, days=given.days) as url,
    ):
        bench = Bench(Path(folder))
        for way in ("models of the first load", "models of the second load"):
            bench.python(None, PIPELINE, "load", "--since", first, OPENAI_BASE_URL=url)
            bench.python(way, PIPELINE, "models")
        print(f"{given.rows:,} rows")
        print("| way | seconds | from, to, runs | CPU seconds | work alone | peak MB |")
        for name, measured in bench.ways.items():
            print(f"| {name} | {measured} |")


if __name__ == "__main__":
    main()
