"""Files that a complete new version replaces in one step."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

_ABANDONED_SECONDS = 24 * 3600


@contextlib.contextmanager
def temporary_file(file: Path) -> Iterator[Path]:
    """Create an empty file in the folder of `file`; remove it at the end if it still exists.

    What killed runs left there a day ago or earlier is removed.
    """
    file = file.resolve()
    for left in file.parent.glob(f".{file.name.replace('[', '[[]')}.*.part*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                left.unlink()
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        temporary.touch()
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        temporary.with_name(f"{temporary.name}.wal").unlink(missing_ok=True)


def replace(file: Path, temporary: Path) -> None:
    """Replace `file`, if it exists, with the temporary file, which receives its permissions."""
    file = file.resolve()
    with contextlib.suppress(FileNotFoundError):
        former = file.stat()
        temporary.chmod(former.st_mode & 0o777)
        # Only root may give a file to another user, and others only to their own groups.
        with contextlib.suppress(PermissionError):
            shutil.chown(temporary, former.st_uid, former.st_gid)
    temporary.replace(file)
