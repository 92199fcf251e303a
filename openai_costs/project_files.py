"""The files of the dbt project, and a hash that says whether they are the same as before."""

from __future__ import annotations

import hashlib
from pathlib import Path

from openai_costs.folders import PROJECT


def project_files() -> str:
    """Return a hash of all files that determine what dbt builds and tests, without own seeds."""
    folders = [PROJECT / name for name in ("macros", "models", "seeds", "tests")]
    return _hash([PROJECT / "dbt_project.yml", PROJECT / "profiles.yml", *folders])


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


def _hash(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        for file in [path, *sorted(path.rglob("*"))]:
            if file.is_file():
                digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
