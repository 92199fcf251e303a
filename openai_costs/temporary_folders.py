"""Temporary folders, which the next run removes if the run that created them was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_PREFIX = "openai_costs_"
_LOCK = "openai_costs.lock"
"""The file that is locked as long as the process runs that uses the folder."""


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Create a folder, and remove it at the end. Raises OSError if that is not possible."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as path:
        folder = Path(path)
        with (folder / "new").open("w") as lock:
            _lock(lock)
            # Only now can another run find the lock.
            (folder / "new").rename(folder / _LOCK)
            yield folder


def remove_abandoned_folders() -> None:
    """Remove the folders that killed processes of this user left."""
    with contextlib.suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            with contextlib.suppress(OSError):
                if _owned(folder) and _abandoned(folder / _LOCK):
                    shutil.rmtree(folder, ignore_errors=True)


def _owned(folder: Path) -> bool:
    return not folder.is_symlink() and folder.stat().st_uid == os.getuid()


def _abandoned(lock: Path) -> bool:
    with lock.open("r+") as file:
        return _lock(file)


def _lock(file: IO[str]) -> bool:
    """Lock the file until it is closed; return False if another process has locked it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
