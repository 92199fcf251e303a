"""Runs the command from a clone of this project, for example in a CI job: see `--help`."""

import sys

from openai_costs.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
