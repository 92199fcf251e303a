"""Runs the command as a module: `python -m openai_costs` is `python pipeline.py`."""

import sys

from openai_costs.cli import main

if __name__ == "__main__":
    sys.exit(main())
