"""Measure the memory and time of the models after a whole year was loaded again.

    python benchmarks/reload.py --rows 2000000

prints a line for the models after the first load and one after the second. Each measures `python
pipeline.py models` on DuckDB, with all tests of the replaced days.
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
    options = parser.parse_args()
    first = datetime.now(UTC).date() - timedelta(days=options.days - 1)
    with (
        tempfile.TemporaryDirectory(prefix="reload_") as folder,
        serving(rows=options.rows, days=options.days) as url,
    ):
        bench = Bench(Path(folder))
        for way in ("models after the first load", "models after the second load"):
            bench.python(None, PIPELINE, "load", "--since", first, OPENAI_BASE_URL=url)
            bench.python(way, PIPELINE, "models")
        print(f"{options.rows:,} rows")
        print("| task | seconds | from, to, runs | CPU seconds | without start-up | peak MB |")
        for name, measured in bench.ways.items():
            print(f"| {name} | {measured} |")


if __name__ == "__main__":
    main()
