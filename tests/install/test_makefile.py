"""The Makefile finds a Python that this project supports."""

import subprocess

import pytest
from environments import PROJECT, pythons


@pytest.fixture
def make(tmp_path):
    """Run make in a folder without an environment, where only these Pythons are found."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((PROJECT / name).read_bytes())
    programs = tmp_path / "programs"
    programs.mkdir()

    def run(*arguments, **found):
        # Hides the machine's own.
        for name in ("python3", "python3.11", "python3.12", "python3.13"):
            program = programs / name
            program.unlink(missing_ok=True)
            program.write_text(f'#!/bin/sh\nexec {found.get(name, "false")} "$@"\n')
            program.chmod(0o755)
        environment = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path)}
        command = ["make", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    return run


@pytest.mark.parametrize("version", sorted(pythons()))
def test_a_supported_python_is_used_if_python3_is_another_version(version, make):
    done = make("--dry-run", "setup", **{f"python{version}": pythons()[version]})
    assert f"python{version} -m venv" in done.stdout, done.stderr


def test_without_a_supported_python_one_sentence_says_what_is_needed(make):
    done = make("setup")
    assert done.returncode == 2
    assert done.stderr.startswith("Python 3.11, 3.12 or 3.13 is needed: install one")


def test_an_unsupported_python_is_refused_by_name(make):
    done = make("setup", "PYTHON=false", **{"python3.11": "true"})
    assert done.stderr.startswith("Python 3.11, 3.12 or 3.13 is needed: install one")
