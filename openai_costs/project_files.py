"""The files of the dbt project, and a hash that says whether they are the same as before."""

from __future__ import annotations

import hashlib
from pathlib import Path

from openai_costs.folders import PROJECT, SEEDS, own_seeds
from openai_costs.terminal import Stop


def project_files() -> str:
    """Return a hash of all files that determine what dbt builds and tests, without own seeds."""
    folders = [PROJECT / name for name in ("macros", "models", "seeds", "tests")]
    return _hash([PROJECT / "dbt_project.yml", PROJECT / "profiles.yml", *folders])


def seed_files() -> str:
    """Return a hash of the seeds that people fill in."""
    return _hash([own_seeds()])


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
    folder = own_seeds()
    if not folder.is_dir():
        raise Stop(f"{SEEDS} names {folder}, which is not a folder.", 2)
    for seed in sorted((PROJECT / "own_seeds").glob("*.csv")):
        if not (folder / seed.name).is_file():
            raise Stop(f"{folder} has no {seed.name}: copy it from {seed.parent}.", 2)


def _hash(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        for file in [path, *sorted(path.rglob("*"))]:
            if file.is_file():
                digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
