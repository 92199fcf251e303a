"""Compare the CPU time of two checkouts: `python benchmarks/cpu.py OLD NEW --rows 1000000`.

In alternation, each checkout runs on an empty warehouse and then once more: on the demo
organization, or with --rows, on a generated one with a year of that many rows. Prints each run,
the medians, and their ratio.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from run import serving


def cpu_seconds(checkout: Path, folder: Path, *arguments: str, **environment: str) -> float:
    """Run the command of a checkout in a folder; return the CPU seconds of all its processes."""
    before = _used()
    subprocess.run(
        [sys.executable, str(checkout / "pipeline.py"), *arguments],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(checkout), "DBT_TARGET_PATH": str(folder.parent / checkout.name)}
        | environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return _used() - before


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run both checkouts in alternation and print their CPU seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rows", type=int, help="rows of a generated year; default: the demo")
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    checkouts = [options.old.resolve(), options.new.resolve()]
    runs: dict[tuple[str, Path], list[float]] = {}
    with contextlib.ExitStack() as stack:
        arguments, environment = ["--demo"], {}
        if options.rows:
            url = stack.enter_context(serving(rows=options.rows, days=365))
            arguments = []
            environment = {"OPENAI_BASE_URL": url, "OPENAI_ADMIN_KEY": "sk-admin-benchmark"}
        targets = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for checkout in checkouts:
            # Outside of the measurement, so that dbt's cache of parsed models exists.
            with tempfile.TemporaryDirectory(dir=targets) as folder:
                cpu_seconds(checkout, Path(folder), *arguments, **environment)
        for _ in range(options.times):
            for checkout in checkouts:
                with tempfile.TemporaryDirectory(dir=targets) as folder:
                    for name in ("first run", "second run"):
                        seconds = cpu_seconds(checkout, Path(folder), *arguments, **environment)
                        runs.setdefault((name, checkout), []).append(seconds)
    for name in ("first run", "second run"):
        old, new = (runs[name, checkout] for checkout in checkouts)
        for label, seconds in (("old", old), ("new", new)):
            each = ", ".join(f"{value:.1f}" for value in seconds)
            print(f"{name}, {label}: {each}; median {median(seconds):.2f} CPU s")
        print(f"{name}: new / old = {median(new) / median(old):.3f}")


if __name__ == "__main__":
    main()
