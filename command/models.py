"""The dbt models, built and tested in this process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

from command.terminal import Stop, first_line, progress
from command.warehouse import VARIABLE, pipeline
from openai_costs_source.doctor import Finding

PROJECT = Path(__file__).resolve().parent.parent / "dbt_project"
SEEDS = "OPENAI_COSTS_SEEDS"
"""The environment variable that names the folder of the seeds that a person fills."""


def made_folder(name: str) -> Path:
    """A folder for what a run makes, among what dbt makes."""
    return PROJECT / os.environ.get("DBT_TARGET_PATH", "target") / name


def build(warehouse: Path) -> tuple[int, list[str]]:
    """Build and test the dbt models on `warehouse`.

    Gives the number of tests that passed, and a sentence for each that warns.
    """
    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.cli.main import dbtRunner

    _refuse_missing_seeds()
    # Where a variable differs from that of the run before, dbt parses everything anew.
    is_here = warehouse.parent == Path.cwd()
    os.environ[VARIABLE] = warehouse.name if is_here else str(warehouse)
    folders = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    quietly = ["--quiet", "--log-level", "none", "--exclude-resource-type", "unit_test"]
    with progress("Building the models") as shown:

        def tell_model(event: Any) -> None:
            if event.info.name == "LogStartLine":
                shown.tell(f"Building the models: {event.data.node_info.node_name}")

        result = dbtRunner(callbacks=[tell_model]).invoke(["build", *folders, *quietly])
    if result.exception:
        raise Stop(f"dbt could not start on the models: {first_line(result.exception)}")
    passed, warnings, failures = 0, [], []
    for node in cast(RunExecutionResult, result.result).results:
        reasons = _reasons(warehouse, node) if node.status in ("warn", "fail") else ""
        sentence = f"{node.node.name.replace('_', ' ')}: {reasons or first_line(node.message)}"
        if node.status == "pass":
            passed += 1
        elif node.status == "warn":
            warnings.append(sentence)
        elif node.status in ("error", "fail"):
            failures.append(sentence)
    if failures:
        others = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
        raise Stop(f"The raw tables are loaded, but the models failed: {failures[0]}{others}.")
    return passed, warnings


def _refuse_missing_seeds() -> None:
    if not (folder := os.environ.get(SEEDS)):
        return
    # As dbt takes it: beside the project's other folders, unless it is absolute.
    for seed in sorted((PROJECT / "own_seeds").glob("*.csv")):
        if not (PROJECT / folder / seed.name).is_file():
            raise Stop(
                f"{SEEDS} names {folder}, which has no {seed.name}: copy it from {seed.parent}.", 2
            )


def _reasons(warehouse: Path, test: Any) -> str:
    """Why a test's first rows are there, where they say so in a column `reason`."""
    with (
        pipeline(warehouse) as opened,
        opened.sql_client() as client,
        client.execute_query(test.node.compiled_code) as rows,
    ):
        columns = [column[0].lower() for column in rows.description]
        if "reason" not in columns:
            return ""
        told = [row[columns.index("reason")] for row in rows.fetchmany(2)]
    others = [f"and {test.failures - 2} more"] if test.failures > 2 else []
    return "; ".join([*told, *others])


def examined(warehouse: Path) -> Finding:
    """Whether dbt finds its profile and opens the same warehouse."""
    from dbt.cli.main import dbtRunner

    os.environ[VARIABLE] = str(warehouse) if warehouse.exists() else ":memory:"
    folders = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    with progress("Asking dbt"):
        result = dbtRunner().invoke(["debug", *folders, "--quiet", "--log-level", "none"])
    if result.success:
        return Finding("dbt", "ok", "Its profile is found, and opens the warehouse.")
    return Finding(
        "dbt",
        "failed",
        f"Its profile cannot be used: {first_line(result.exception or 'see dbt debug')}.",
        "Run dbt debug in dbt_project for the details.",
    )
