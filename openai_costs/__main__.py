"""Starts the command, as `openai-costs`, `python pipeline.py` or `python -m openai_costs`."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec

from openai_costs.folders import extra


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; without its packages, print how to install them.

    `arguments` are those of the process by default.
    """
    if not all(map(find_spec, ("dbt", "rich"))):
        sys.stderr.write(f"The command needs more packages: {extra('command')}\n")
        return 2
    from openai_costs.cli import main as run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
