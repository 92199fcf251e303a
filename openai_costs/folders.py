"""What differs between a clone and a wheel: dbt's folders, and how a person starts the command.

In a clone, the dbt project lies beside this package; a wheel contains it. Nothing is written to an
installed package.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import os
import tempfile
from pathlib import Path

from openai_costs.temporary_folders import temporary_folder
from openai_costs.version import version

PACKAGE = Path(__file__).resolve().parent
IS_INSTALLED = (PACKAGE / "dbt_project").is_dir()
PROJECT = (PACKAGE if IS_INSTALLED else PACKAGE.parent) / "dbt_project"
COMMAND = "openai-costs" if IS_INSTALLED else "python pipeline.py"
"""How a person starts the command."""

SEEDS = "OPENAI_COSTS_SEEDS"
"""The environment variable that names the folder of the user's own seeds."""
TARGET, LOGS = "DBT_TARGET_PATH", "DBT_LOG_PATH"
OWN_SEEDS = "own_seeds"


def extra(name: str) -> str:
    """Return the command that installs an extra of this project."""
    return f"pip install {f'openai-costs[{name}]' if IS_INSTALLED else f'.[{name}]'!r}"


def own_seeds() -> Path:
    """Return the folder of the user's own seeds.

    It is the one that OPENAI_COSTS_SEEDS names, or `own_seeds` in the current folder, or that of
    the dbt project. A relative name starts at the current folder or, if there is no such folder, at
    the dbt project, as for a dbt that runs alone.
    """
    name = os.environ.get(SEEDS) or OWN_SEEDS
    current = Path(name).resolve()
    return current if current.is_dir() else PROJECT / name


def seeds_of(organization: str) -> Path:
    """Return the folder for the seeds of an organization that is simulated or replayed."""
    target = os.environ.get(TARGET)
    return (PROJECT / target if target else _targets()) / f"{organization}_seeds"


def converted_seeds(warehouse: str) -> Path:
    """Return the folder for own seeds that dbt cannot read as they are."""
    target = os.environ.get(TARGET)
    return (PROJECT / target if target else _targets()) / _identity(warehouse) / OWN_SEEDS


def dbt_folders(warehouse: str) -> dict[str, str]:
    """Return the environment variables that name the folders of dbt for a warehouse.

    Each warehouse and folder of seeds has its own target: dbt parses all models again if a variable
    changed, and two runs must not write to the same files.
    """
    seeds = own_seeds()
    variables = {SEEDS: str(seeds)} if seeds != PROJECT / OWN_SEEDS else {}
    folders = {TARGET: "target", LOGS: "logs"}
    if missing := folders.keys() - os.environ.keys():
        folder = _targets() / _identity(warehouse)
        variables |= {name: str(folder / folders[name]) for name in missing}
    return variables


def _identity(warehouse: str) -> str:
    return hashlib.sha256(os.fsencode(f"{warehouse}\n{own_seeds()}")).hexdigest()[:16]


def _targets() -> Path:
    """Return a folder in the clone or in the user's cache, or else a temporary one."""
    folder = PROJECT / "target"
    if IS_INSTALLED:
        import platformdirs

        folder = platformdirs.user_cache_path("openai-costs", appauthor=False) / version()
    # Without a home, the path of the cache is relative.
    if folder.is_absolute() and _can_be_written(folder):
        return folder
    return _temporary_folder()


def _can_be_written(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@functools.cache
def _temporary_folder() -> Path:
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(temporary_folder())
