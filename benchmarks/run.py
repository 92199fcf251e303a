"""Measure speed and memory and write RESULTS.md: `make bench`.

A task can be done in several ways, such as with this project and with dlt's rest_api_source. Each
way runs several times, each time in its own process, alternating with the other ways. A figure is
the median of its runs. Whole processes are timed, including the start of Python, unless
stated otherwise. Ratios compare medians of one run of this script, because machines differ and one
machine differs from hour to hour. Requests go to a generated organization, served from memory on
loopback.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from statistics import median

from detection import detection

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
PIPELINE = PROJECT / "pipeline.py"
MODELS = PROJECT / "dbt_project"
RECENT_DAYS, RECENT_ROWS = 36, 300
MEGABYTE = 1024


@dataclass
class Measured:
    """All runs of one way: seconds, CPU seconds, peak kilobytes, and seconds without start-up."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: list[int] = field(default_factory=list)
    work: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return median(self.wall)

    def __str__(self) -> str:
        work = f"{median(self.work):.2f}" if self.work else ""
        peak = f"{max(self.peak) / MEGABYTE:.0f}"
        spread = f"{min(self.wall):.2f} to {max(self.wall):.2f}, {len(self.wall)}"
        return f"{self.seconds:.2f} | {spread} | {median(self.cpu):.2f} | {work} | {peak}"


class Bench:
    """Runs commands in a folder and keeps their measurements in `ways`, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ways: dict[str, Measured] = {}
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OPENAI_", "SOURCES__", "DESTINATION__", "DBT_"))
        } | {
            "OPENAI_ADMIN_KEY": "sk-admin-benchmark",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        }

    def run(self, name: str | None, *command: object, **environment: object) -> None:
        """Run a command in the folder; if there is a name, measure it as a run of that way."""
        variables = self.environment | {key: str(value) for key, value in environment.items()}
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=self.folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        output, errors = process.communicate()
        seconds = time.perf_counter() - began
        # The CPU time includes that of processes which the command started and waited for.
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = used.ru_utime + used.ru_stime
        if process.returncode:
            raise SystemExit(f"{name or command}: {errors.strip() or output.strip()}")
        spent, self._cpu = cpu - getattr(self, "_cpu", 0.0), cpu
        if name:
            measured = self.ways.setdefault(name, Measured())
            measured.wall.append(seconds)
            measured.cpu.append(spent)
            measured.peak.append(int(output.rsplit("peak ", 1)[1]) if "peak " in output else 0)
            with contextlib.suppress(ValueError, IndexError):
                measured.work.append(float(output.split("work ", 1)[1].split()[0]))

    def python(self, name: str | None, *arguments: object, **environment: object) -> None:
        """Run Python with these arguments and measure the peak memory of its largest process."""
        self.run(name, sys.executable, HERE / "ways.py", "measured", *arguments, **environment)

    def ratio(self, way: str, *others: str) -> float:
        return self.ways[way].seconds / sum(self.ways[other].seconds for other in others)


@contextlib.contextmanager
def serving(**size: int) -> Iterator[str]:
    """Serve a generated organization; yields its URL."""
    options = [f"--{name.replace('_', '-')}={value}" for name, value in size.items()]
    command = [sys.executable, str(HERE / "organization.py"), *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        yield process.stdout.readline().strip()
        process.stdin.close()


def loads(bench: Bench, rows: int, days: int, times: int) -> None:
    """Measure our load, dlt's rest_api_source, the floor (no dlt), and our load of more days."""
    first = datetime.now(UTC).date() - timedelta(days=days - 1)
    with serving(rows=rows, days=days) as url:
        for n in range(times):
            for way in ("load", "floor", *(["rest_api"] if n < max(times // 2, 1) else [])):
                _delete_database(bench.folder / f"{way}.duckdb")
                bench.python(way, "way", way, url, f"{way}.duckdb", first)
    with serving(rows=rows * 3, days=days * 3) as url:
        _delete_database(bench.folder / "load.duckdb")
        bench.python("load of three times the days", "way", "load", url, "load.duckdb", first)


def models(bench: Bench, rows: int, days: int, times: int) -> None:
    """Measure the models, first and incremental, the same SQL without dbt, and the export."""
    file, loaded = bench.folder / "openai_costs.duckdb", bench.folder / "loaded.duckdb"
    _delete_database(file)
    dbt = [sys.executable, "-m", "dbt.cli.main"]
    folders = ["--project-dir", MODELS, "--profiles-dir", MODELS]
    with serving(rows=rows, days=days) as url:
        bench.python(None, PIPELINE, "load", OPENAI_BASE_URL=url)
        named = {"DESTINATION__DUCKDB__CREDENTIALS": file.name}
        # Plain SQL needs the seeds, and the SQL that dbt compiles before anything is built.
        bench.run(None, *dbt, "seed", *folders, **named)
        bench.run(None, *dbt, "compile", *folders, **named)
        manifest = bench.folder / "manifest.json"
        shutil.copy(bench.folder / "target" / "manifest.json", manifest)
        shutil.copy(file, loaded)
        for _ in range(times):
            shutil.copy(loaded, file)
            bench.python("plain SQL", "way", "plain_sql", manifest, file.name)
            shutil.copy(loaded, file)
            bench.python(
                "models without tests, first", "-m", "dbt.cli.main", "run", *folders, **named
            )
            shutil.copy(loaded, file)
            bench.python("models with tests, first", PIPELINE, "models")
        for _ in range(times):
            bench.python(None, PIPELINE, "load", OPENAI_BASE_URL=url)
            bench.python("models with tests, incremental", PIPELINE, "models")
        for n in range(times):
            bench.python("export", PIPELINE, "export", "--to", f"focus{n}")
            bench.python("DuckDB's own COPY of focus_costs", "way", "copy_focus", file.name)


def daily(bench: Bench, name: str, history: int, days: int, times: int) -> None:
    """Measure the daily run on a history of `history` rows; its last days have a fixed size."""
    _delete_database(bench.folder / "openai_costs.duckdb")
    recent = {"recent_days": RECENT_DAYS, "recent_rows": RECENT_ROWS}
    with serving(rows=history, days=days, **recent) as url:
        bench.python(None, PIPELINE, OPENAI_BASE_URL=url)
        bench.python(None, PIPELINE, OPENAI_BASE_URL=url)
        for _ in range(times):
            bench.python(name, PIPELINE, OPENAI_BASE_URL=url)
            if name == "daily run":
                _start_up(bench, url)
        for _ in range(times if name == "daily run" else 0):
            shutil.rmtree(bench.folder / "target")
            bench.python("daily run on a new disk", PIPELINE, OPENAI_BASE_URL=url)


def _start_up(bench: Bench, url: str) -> None:
    """Measure `import dlt`, an empty `dbt parse` with and without its cache, and one request."""
    empty = bench.folder / "empty"
    shutil.copytree(HERE / "empty_project", empty, dirs_exist_ok=True)
    parse = ["-m", "dbt.cli.main", "parse", "--project-dir", empty, "--profiles-dir", empty]
    target = {"DBT_TARGET_PATH": empty / "target"}
    bench.python("import dlt", "-c", "import dlt")
    shutil.rmtree(empty / "target", ignore_errors=True)
    bench.python("dbt parse of an empty project, new disk", *parse, **target)
    bench.python("dbt parse of an empty project", *parse, **target)
    bench.python("one request", "-c", f"import requests; requests.get('{url}/organization/users')")


def _delete_database(database: Path) -> None:
    for left in database.parent.glob(f"{database.name}*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def results(bench: Bench, rows: int, days: int, largest: int) -> str:
    ways = bench.ways
    start = ("import dlt", "dbt parse of an empty project", "one request")
    new_start = ("import dlt", "dbt parse of an empty project, new disk", "one request")
    work = median(ways["load"].work) / median(ways["floor"].work)
    peak = max(ways["load"].peak) / MEGABYTE
    longer = max(ways["load of three times the days"].peak) / MEGABYTE
    first, tested = "models without tests, first", "models with tests, first"
    incremental = "models with tests, incremental"
    on = "daily run on {} rows of history".format
    targets = [
        ("load ÷ floor, whole processes", bench.ratio("load", "floor"), "1.6 at most"),
        ("load ÷ floor, without start-up", work, "1.4 at most"),
        ("rest_api_source ÷ load", bench.ratio("rest_api", "load"), "10 at least"),
        (f"peak memory of the load of {rows:,} rows, MB", peak, "700 at most"),
        ("peak memory, three times the days ÷ once", longer / peak, "about 1"),
        ("models without tests, first ÷ plain SQL", bench.ratio(first, "plain SQL"), "2 at most"),
        ("models with tests, first ÷ plain SQL", bench.ratio(tested, "plain SQL"), "2 at most"),
        (
            "models with tests, incremental ÷ plain SQL of all days",
            bench.ratio(incremental, "plain SQL"),
            "2 at most",
        ),
        ("daily run ÷ its start-up", bench.ratio("daily run", *start), "1.3 at most"),
        (
            "daily run ÷ its start-up, both on a new disk",
            bench.ratio("daily run on a new disk", *new_start),
            "",
        ),
        (
            f"daily run, {largest:,} rows of history ÷ 100,000",
            bench.ratio(on(f"{largest:,}"), on("100,000")),
            "1.3 at most",
        ),
        (
            "export ÷ DuckDB's own COPY",
            bench.ratio("export", "DuckDB's own COPY of focus_costs"),
            "",
        ),
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in ("dlt", "duckdb", "dbt-core"))
    return "\n".join(
        [
            "# Results",
            "",
            f"`make bench` with {' '.join(sys.argv[1:]) or 'default options'} on "
            f"{datetime.now(UTC).date()}: {os.cpu_count()} cores, "
            f"{memory:.0f} GiB, Python {platform.python_version()}, {versions}. "
            f"{rows:,} cost rows over {days} days, and a third as many usage rows, are served from "
            "memory on loopback. `floor` loads the same rows with requests, PyArrow and DuckDB "
            "alone. Each figure is the median of several runs; each run is its own process, and "
            "the runs of compared tasks alternate. Peak memory is that of the largest process.",
            "",
            "| ratio | measured | target |",
            "|---|---|---|",
            *(f"| {name} | {value:.2f} | {target} |" for name, value, target in targets),
            "",
            "| task | seconds | from, to, runs | CPU seconds | without start-up | peak MB |",
            "|---|---|---|---|---|---|",
            *(f"| {name} | {measured} |" for name, measured in ways.items()),
            "",
            "The daily run is `python pipeline.py`: costs, eleven kinds of usage, names, models, "
            "tests and the summary. All days are loaded and closed, except the last "
            f"{RECENT_DAYS}, which have {RECENT_ROWS} rows each. Its start-up is the sum of "
            "`import dlt`, `dbt parse` of an empty project and one request, each in its own "
            "process.",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument(
        "--largest", type=int, default=10_000_000, help="rows of the longest history"
    )
    options = parser.parse_args()
    parts: list[Callable[[Bench], None]] = [
        lambda bench: loads(bench, options.rows, options.days, options.times),
        lambda bench: models(bench, options.rows, options.days, max(options.times // 2, 1)),
        lambda bench: daily(bench, "daily run", 100_000, options.days, options.times),
    ]
    for history in (100_000, 1_000_000, options.largest):
        name = f"daily run on {history:,} rows of history"
        parts.append(
            lambda bench, name=name, history=history: daily(  # type: ignore[misc]
                bench, name, history, options.days, max(options.times // 2, 1)
            )
        )
    with tempfile.TemporaryDirectory(prefix="bench_") as folder:
        bench = Bench(Path(folder))
        for part in parts:
            part(bench)
            for name, measured in bench.ways.items():
                print(f"{name}: {measured}", flush=True)
            print(flush=True)
    text = results(bench, options.rows, options.days, options.largest) + "\n" + detection()
    (HERE / "RESULTS.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
