"""Files that a complete new version replaces in one step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def temporary_file(file: Path) -> Iterator[Path]:
    """Create an empty file in the folder of `file`; remove it at the end if it still exists."""
    temporary = file.with_name(f".{file.name}.part")
    try:
        temporary.unlink(missing_ok=True)
        temporary.touch()
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def replace(file: Path, temporary: Path) -> None:
    """Replace `file`, if it exists, with the temporary file, which receives its permissions."""
    with contextlib.suppress(FileNotFoundError):
        temporary.chmod(file.stat().st_mode & 0o777)
    temporary.replace(file)
