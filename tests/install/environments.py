"""New virtual environments with this project's wheel, and programs that run in them."""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
WITHOUT_ROOT = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
"""Runs a program without root's permission to write where the file's mode forbids it."""


def pythons():
    """Return the path of each supported Python on this machine, by its version."""
    found = {}
    versions = Path.home() / ".pyenv/versions"
    for version in ("3.11", "3.12", "3.13"):
        candidates = [*versions.glob(f"{version}.*/bin/python"), shutil.which(f"python{version}")]
        if version == f"{sys.version_info.major}.{sys.version_info.minor}":
            candidates = [Path(sys.base_prefix) / "bin/python3"]
        for candidate in filter(None, candidates):
            printed = "import sys; print('%d.%d' % sys.version_info[:2])"
            with contextlib.suppress(OSError):
                done = subprocess.run([candidate, "-c", printed], capture_output=True, text=True)
                if done.stdout.strip() == version:
                    found[version] = str(candidate)
                    break
    return found


def build_wheel(folder):
    """Build the wheel from a copy of this project's files, as from a clone; return its path."""
    clone = folder / "clone"
    ignored = shutil.ignore_patterns(".*venv*", ".git", "target", "logs", "*.duckdb", "*_cache")
    shutil.copytree(PROJECT, clone, ignore=ignored)
    _run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, clone)
    (wheel,) = folder.glob("*.whl")
    return wheel


class Environment:
    """A new virtual environment in `folder`, with the wheel and these extras."""

    def __init__(self, folder, python, wheel, extras=""):
        self.folder = folder
        _run(python, "-m", "venv", folder)
        constraints = PROJECT / "constraints.txt"
        _run(self.bin("pip"), "install", "--constraint", constraints, f"{wheel}{extras}")

    def bin(self, name):
        return self.folder / "bin" / name

    @property
    def site_packages(self):
        (folder,) = self.folder.glob("lib/*/site-packages")
        return folder

    def run(self, program, *arguments, cwd, first=(), **settings):
        """Run a program of the environment in `cwd`, with no variables but PATH and `settings`."""
        return subprocess.run(
            [*first, self.bin(program), *map(str, arguments)],
            cwd=cwd,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **settings},
            capture_output=True,
            text=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )


def files(folder):
    """Return the files below `folder` and their contents, but for compiled Python."""
    found = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"}
    return {str(path.relative_to(folder)): content for path, content in found.items()}


@contextlib.contextmanager
def read_only(*folders):
    """Make folders, and all folders in them, read-only during the block."""
    paths = [path for folder in folders for path in (folder, *folder.rglob("*")) if path.is_dir()]
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def _run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
