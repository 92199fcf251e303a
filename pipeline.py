"""The command, for CI jobs and a clone of this project: see `python pipeline.py --help`."""

import sys

from openai_costs.cli import main

if __name__ == "__main__":
    sys.exit(main())
