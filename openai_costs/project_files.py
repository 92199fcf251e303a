"""The files of the dbt project, and a hash that says whether they are the same as before."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from openai_costs.dbt_runner import PROJECT
from openai_costs.terminal import Stop

SEEDS = "OPENAI_COSTS_SEEDS"
"""The environment variable that names the folder of the user's own seeds."""


def project_files() -> str:
    """Return a hash of all files that determine what dbt builds and tests, without own seeds."""
    folders = [PROJECT / name for name in ("macros", "models", "seeds", "tests")]
    return _hash([PROJECT / "dbt_project.yml", PROJECT / "profiles.yml", *folders])


def own_seeds() -> str:
    """Return a hash of the seeds that people fill in."""
    return _hash([_seeds()])


def marts() -> set[str]:
    """Return the names of the tables that people read."""
    return {path.stem.removeprefix("openai__") for path in PROJECT.glob("models/marts/*.sql")}


def other_unit_tests() -> list[str]:
    """Return dbt selectors of the unit tests of all models but the checks.

    Only a unit test notices a check that compares a mart with itself. The others belong to the
    project's own tests.
    """
    folders = {path.parent.relative_to(PROJECT) for path in PROJECT.glob("models/*/**/*.yml")}
    others = sorted(str(folder) for folder in folders if folder.name != "checks")
    return [f"resource_type:unit_test,path:{folder}" for folder in others]


def refuse_missing_seeds() -> None:
    """Raise Stop if the folder of the user's own seeds lacks a seed."""
    for seed in sorted((PROJECT / "own_seeds").glob("*.csv")):
        if not (_seeds() / seed.name).is_file():
            raise Stop(
                f"{SEEDS} names {os.environ[SEEDS]}, which has no {seed.name}: "
                f"copy it from {seed.parent}.",
                2,
            )


def _hash(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        for file in [path, *sorted(path.rglob("*"))]:
            if file.is_file():
                digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _seeds() -> Path:
    # dbt resolves a relative path from the project's folder.
    return PROJECT / os.environ.get(SEEDS, "own_seeds")
