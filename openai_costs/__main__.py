"""The command: `python -m openai_costs` does what `python pipeline.py` does."""

import sys

from openai_costs.cli import main

if __name__ == "__main__":
    sys.exit(main())
