"""Load OpenAI's organization costs, build the models and print what they say.

    python pipeline.py                        load, build the models, print a summary
    python pipeline.py --demo                 the same with a simulated organization; needs no key
    python pipeline.py --since D --until D    (re)load these UTC days, until excluded
    python pipeline.py load                   load only
    python pipeline.py models [--full]        build the models only; with --full, all days of them
    python pipeline.py check [--json]         what keys, warehouse and dbt allow, and what to do
    python pipeline.py status                 days loaded, missing, restated, soon to be forgotten
    python pipeline.py export --to DIR        FOCUS files, one per organization and billing month
    python pipeline.py report [--to FILE]     one HTML file that opens offline: what, who, why
    python pipeline.py alerts                 budgets, anomalies and checks to look at; exit code 3
    python pipeline.py forget --user ID       blank a person's name and e-mail; the money stays

--demo goes with each of them. With --trap NAME the simulated organization behaves as badly as live
ones were seen to; --trap may be repeated.

The admin key comes from OPENAI_ADMIN_KEY or dlt's sources.openai_costs.admin_key. The warehouse is
openai_costs.duckdb in the current folder, or what DESTINATION__DUCKDB__CREDENTIALS names.

Exit codes: 0 done; 1 the work failed and the warehouse is as it was, or whole; 2 wrong use or
settings, nothing attempted; 3 alerts found something.
"""

from __future__ import annotations

import contextlib
import sys

from openai_costs.cli import parsed
from openai_costs.dbt_runner import Builder
from openai_costs.terminal import INTERRUPTED, Stop, say


def main(arguments: list[str] | None = None) -> int:
    try:
        asked = parsed(arguments, __doc__)
        with contextlib.ExitStack() as stack:
            # dbt takes longest to start, and starts first: in a process of its own.
            builds = asked.command in (None, "models", "forget")
            builder = stack.enter_context(Builder()) if builds else None
            from openai_costs.commands.run import run

            return run(asked, builder)
    except Stop as stop:
        say(str(stop))
        return stop.exit_code
    except KeyboardInterrupt:
        say(INTERRUPTED)
        return 1


if __name__ == "__main__":
    sys.exit(main())
