"""Break the models, one bug at a time, and show whether a run notices: `make prove`.

    python benchmarks/prove.py                 all mutations; writes benchmarks/prove.md
    python benchmarks/prove.py --only prices   those with this text in their file or description
    python benchmarks/prove.py --jobs 1        one run at a time, instead of two

The simulated organization is loaded and modelled once. For each mutation in model_mutations.py, a
copy of the project is broken, and `pipeline.py models` runs on a copy of the warehouse. The run
notices the bug if it fails because a test or a check fails; SQL that an engine refuses is no bug.
A mutation that is not noticed and changes no mart proves nothing.

Exits with 1 if fewer than 95 % of the bugs are noticed, or if one has no reason to survive.
"""

from __future__ import annotations

import argparse
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import compare
import duckdb
from model_mutations import MUTATIONS, Mutation

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tests"))

from mutations import copy_project, mutate  # noqa: E402

RESULTS = HERE / "prove.md"
REQUIRED_SHARE = 0.95
DEMO = ("--demo", "--trap", "users-apart-before", "--trap", "credits", "--trap", "missing-amounts")
"""The options that add users in a separate response, negative amounts, and rows without one."""

FORMER_VERSIONS = """
update openai_raw.projects
set name = 'Search', version = 'former', valid_from = valid_from - interval 40 day
where id = 'proj_search';
update openai_raw.users
set name = 'Kavya', version = 'former', valid_from = valid_from - interval 40 day
where id = 'user-kavya';
update openai_raw.api_keys
set name = 'macros', version = 'former', valid_from = valid_from - interval 40 day
where id = 'key_helpdesk-macros';
update openai_raw.api_keys
set owner_id = 'user-bruno', owner_name = 'Bruno Carvalho', version = 'former',
    valid_from = valid_from - interval 40 day
where id = 'key_europe-chat';
"""
"""Former names and a former owner of a key, listed 40 days ago; the next load replaces them."""

REFUSED = re.compile(
    r"\b(Compilation|Database|Parsing|Runtime) Error\b|could not start the build|Traceback"
)
MART_COLUMNS = """
select table_name, string_agg(
    case data_type when 'DOUBLE' then format('format(''{{:.6g}}'', "{}")', column_name)
    else format('"{}"', column_name) end, ', ' order by column_name
)
from information_schema.columns
where table_schema = 'openai_marts'
group by table_name
"""
"""Doubles are rounded: their last digits differ from run to run."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: with what noticed the bug, or else with the marts that the bug changed."""

    mutation: Mutation
    noticed_by: str = ""
    warning: str = ""
    changed: tuple[str, ...] = ()
    error: str = ""

    def __str__(self) -> str:
        if self.error:
            return f"INVALID: {self.error}"
        if self.noticed_by:
            return f"noticed by {self.noticed_by}"
        if self.mutation.survives_because:
            return self.mutation.survives_because
        changed = f"changes {', '.join(self.changed)}" if self.changed else "changes no mart"
        return f"NOT NOTICED, {changed}" + f"; warning: {self.warning}" * bool(self.warning)

    @property
    def is_explained(self) -> bool:
        """True if a run notices the bug, or if it is known why no run can."""
        return bool(self.noticed_by or (self.mutation.survives_because and not self.error))


def pipeline(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command of the project in `folder` on the warehouse beside it."""
    project = folder / "project"
    return compare.python(project, folder / "work", str(project / "pipeline.py"), *arguments)


def prepare(folder: Path) -> None:
    """Copy the project; load and model the simulated organization. Raises RuntimeError."""
    copy_project(folder / "project")
    (folder / "work").mkdir()
    loads = (("load", *DEMO), (*DEMO, "--trap", "restated"), ("models", *DEMO))
    for arguments in loads:
        done = pipeline(folder, *arguments)
        if done.returncode or "Warning" in done.stdout:
            raise RuntimeError(f"Without a bug, {arguments} fails:\n{done.stdout}{done.stderr}")
        if arguments[0] == "load":
            with duckdb.connect(str(folder / "work/demo.duckdb")) as db:
                db.execute(FORMER_VERSIONS)


def marts(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the number of rows of each mart, and a sum of their hashes."""
    with duckdb.connect(str(folder / "work/demo.duckdb"), read_only=True) as db:
        return {
            mart: db.execute(
                f'select count(*), sum(hash({columns})::hugeint) from openai_marts."{mart}"'
            ).fetchone()
            for mart, columns in db.execute(MART_COLUMNS).fetchall()
        }


def observe(
    original: Path, correct: dict[str, tuple[int, ...]], folder: Path, mutation: Mutation
) -> Outcome:
    """Plant a bug in the project in `folder`, run the models, and remove the bug."""
    file = folder / "project/dbt_project" / mutation.file
    shutil.copy(original / "work/demo.duckdb", folder / "work")
    try:
        mutate(folder / "project/dbt_project", mutation)
        done = pipeline(folder, "models", *DEMO)
        if done.returncode:
            message = " ".join(done.stderr.split()) or "no message"
            if REFUSED.search(message):
                return Outcome(mutation, error=message[-500:])
            return Outcome(mutation, noticed_by=first_failure(message))
        warning = re.search(r"Warning +(.+)", done.stdout)
        differing = marts(folder)
    finally:
        shutil.copy(original / "project/dbt_project" / mutation.file, file)
    return Outcome(
        mutation,
        warning=first_failure(warning[1]) if warning else "",
        changed=tuple(sorted(mart for mart in correct if differing.get(mart) != correct[mart])),
    )


def first_failure(message: str) -> str:
    """Return the first test in a message of failed tests, and the check or rule that it names."""
    message = re.sub(r"\x1b\[[\d;]*m", "", message)
    test, _, reasons = message.rpartition("the models failed: ")[2].partition(": ")
    if reasons.startswith("actual differs from expected"):
        return f"the unit test {test}"
    reason = re.split(r", \d{4}-|; |, and \d+ more|Got \d+ result", reasons)[0].strip()
    return f"{test}: {reason}" if reason else test


def observe_all(mutations: list[Mutation], jobs: int) -> list[Outcome]:
    """Observe each mutation in one of `jobs` copies of the prepared project; print a line each."""
    with tempfile.TemporaryDirectory(prefix="prove-") as name:
        original = Path(name) / "original"
        original.mkdir()
        prepare(original)
        correct = marts(original)
        folders: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(jobs):
            folders.put(shutil.copytree(original, Path(name) / str(number)))

        def observe_one(mutation: Mutation) -> Outcome:
            folder = folders.get()
            try:
                began = time.monotonic()
                outcome = observe(original, correct, folder, mutation)
                seconds = time.monotonic() - began
                print(f"{mutation.description}  {outcome}  {seconds:.0f} s", flush=True)
                return outcome
            finally:
                folders.put(folder)

        with ThreadPoolExecutor(jobs) as executor:
            return list(executor.map(observe_one, mutations))


def folder_of(mutation: Mutation) -> str:
    return Path(mutation.file).parent.name


def table(outcomes: list[Outcome], minutes: float) -> str:
    """Return the results as Markdown: a summary by folder, the survivors, and all mutations."""
    noticed = sum(bool(outcome.noticed_by) for outcome in outcomes)
    lines = [
        "# Does a run notice a broken model?",
        "",
        f"`make prove` on {datetime.now(UTC):%Y-%m-%d}, in {minutes:.0f} minutes: a run of "
        f"`models` notices {noticed} of {len(outcomes)} bugs, {noticed / len(outcomes):.1%}. Each "
        "bug is planted in a copy of the project; the run notices it if it exits with 1 because a "
        "test or a check fails. The bugs are in `model_mutations.py`.",
        "",
        *("| folder | bugs | noticed |", "|---|---|---|"),
    ]
    for folder in dict.fromkeys(folder_of(outcome.mutation) for outcome in outcomes):
        found = [bool(o.noticed_by) for o in outcomes if folder_of(o.mutation) == folder]
        lines.append(f"| `{folder}` | {len(found)} | {sum(found)} |")
    survivors = [outcome for outcome in outcomes if not outcome.noticed_by]
    if survivors:
        lines += ["", "## Not noticed", "", "| model | bug | reason |", "|---|---|---|"]
        lines += rows((o.mutation, str(o)) for o in survivors)
    lines += ["", "## Noticed", "", "| model | bug | noticed first by |", "|---|---|---|"]
    lines += rows((o.mutation, o.noticed_by) for o in outcomes if o.noticed_by)
    return "\n".join(lines) + "\n"


def rows(cells: Iterable[tuple[Mutation, str]]) -> list[str]:
    return [
        f"| `{Path(mutation.file).stem}` | {mutation.description} | {text.replace('|', '/')} |"
        for mutation, text in cells
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Show which broken models a run notices.")
    parser.add_argument("--only", default="", metavar="TEXT", help="text in file or description")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="runs at a time")
    options = parser.parse_args()
    text = options.only.lower()
    chosen = [m for m in MUTATIONS if text in f"{m.file} {m.description}".lower()]
    if not chosen:
        parser.error(f"no mutation has {options.only} in its file or description")
    began = time.monotonic()
    outcomes = observe_all(chosen, options.jobs)
    report = table(outcomes, (time.monotonic() - began) / 60)
    if chosen == MUTATIONS:
        RESULTS.write_text(report)
    print(f"\n{report}")
    noticed = sum(bool(outcome.noticed_by) for outcome in outcomes)
    is_enough = noticed >= REQUIRED_SHARE * len(outcomes)
    return 0 if is_enough and all(outcome.is_explained for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
