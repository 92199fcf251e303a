"""The entry point of the command: runs what the arguments name and reports errors."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from openai_costs.arguments import parse
from openai_costs.dbt_runner import Builder
from openai_costs.terminal import INTERRUPTED, Stop, announce, errors, output, say

if TYPE_CHECKING:
    from openai_costs.warehouse.destinations import Warehouse
    from openai_costs.warehouse.run_log import Run

BUILDS_MODELS = (None, "models", "forget")
"""The commands that build models; None is the run without a command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; `arguments` are those of the process by default."""
    with output, errors:
        try:
            return _main(arguments)
        except Stop as stop:
            # Standard error may be on a full disk.
            with contextlib.suppress(Stop):
                say(str(stop))
            return stop.exit_code
        except KeyboardInterrupt:
            with contextlib.suppress(Stop):
                say(INTERRUPTED)
            return 1
        except Exception as error:
            if isinstance(error, UnicodeEncodeError) and sys.getfilesystemencoding() != "utf-8":
                say("A path has characters outside of the locale: set PYTHONUTF8=1 and run again.")
                return 2
            # Python would print it after the `with` block, with unescaped names.
            traceback.print_exc()
            return 1


def _main(arguments: Sequence[str] | None) -> int:
    options = parse(arguments)
    if options.version:
        from openai_costs.version import version

        output.line(f"openai-costs {version()}")
        return 0
    builds = options.command in BUILDS_MODELS
    errors.show("Starting")
    if builds or options.command == "load":
        if options.demo:
            announce("Simulating an organization")
        if options.replay:
            announce("Replaying a recording")
    with contextlib.ExitStack() as stack:
        stack.enter_context(_private_files())
        # dbt takes longest to start, so its process starts before anything large is imported.
        builder = stack.enter_context(Builder()) if builds else None
        return _run(options, builder)


@contextlib.contextmanager
def _private_files() -> Iterator[None]:
    """Create files, also in child processes, that only the configured readers can read."""
    # The settings take long to import, so until they are known, no file is created for others.
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _run(options: argparse.Namespace, builder: Builder | None) -> int:
    """Run the command on the configured warehouse; return its exit code.

    `builder` is None for the commands that build no models.
    """
    from openai_costs.settings import refuse_unknown_settings, withheld_permissions
    from openai_costs.temporary_folders import remove_abandoned_folders
    from openai_costs.warehouse.destinations import DEMO, configured_warehouse

    refuse_unknown_settings()
    os.umask(withheld_permissions())
    remove_abandoned_folders()
    file = DEMO if options.demo else None
    if options.replay:
        from openai_costs.commands.replay import opened_recording

        recording = opened_recording(options.replay)
        file = f"replay_{recording.name}.duckdb"
    warehouse = configured_warehouse(options.destination, file)
    with contextlib.ExitStack() as stack:
        api_settings: dict[str, Any] = {}
        if options.demo:
            from openai_costs.commands.demo import simulated_api

            api = simulated_api(options.trap, with_seeds=builder is not None)
            api_settings = stack.enter_context(api)
        if options.replay:
            from openai_costs.commands.replay import recorded_api

            api_settings = stack.enter_context(recorded_api(recording, builder is not None))
        if builder or options.command == "load":
            from openai_costs.warehouse.run_log import logged

            with logged(warehouse, options.command) as run:
                run.exit_code = _change(options, warehouse, api_settings, builder, run)
            if builder and not run.exit_code:
                from openai_costs.commands.read_copy import publish

                publish(warehouse)
            return run.exit_code
        match options.command:
            case "check" if options.record:
                from openai_costs.commands.record import record

                return record(api_settings, options.record)
            case "check":
                from openai_costs.commands.check import check

                return check(warehouse, api_settings, options.json)
            case "status":
                from openai_costs.commands.status import status

                return status(warehouse)
            case "export":
                from openai_costs.commands.export import export

                return export(warehouse, options.lake, options.to, options.format, options.month)
            case "report":
                from openai_costs.commands.report import report

                return report(warehouse, options.to)
            case "alerts":
                from openai_costs.commands.alerts import alerts

                return alerts(warehouse, options.severity, options.format, options.slack_webhook)
        raise NotImplementedError(options.command)


def _change(
    options: argparse.Namespace,
    warehouse: Warehouse,
    api_settings: dict[str, Any],
    builder: Builder | None,
    run: Run,
) -> int:
    """Load costs or forget a person, unless the command is `models`; then build the models.

    `builder` is None for the command `load`, which builds no models.
    """
    seeds = ""
    if builder:
        from openai_costs.commands.models import start_parsing

        seeds = start_parsing(builder, warehouse)
    complete = True
    if options.command in (None, "load"):
        from openai_costs.commands.load import load

        complete = load(warehouse, api_settings, options.since, options.until, run)
    elif options.command == "forget":
        from openai_costs.commands.forget import forget

        forget(warehouse, options.user)
    if builder:
        from openai_costs.commands.models import build, require_loaded

        if options.command == "models":
            require_loaded(warehouse)
        full = options.command == "models" and options.full
        try:
            checked = build(builder, warehouse, run, seeds, full)
        except Stop as stop:
            if options.command != "forget":
                raise
            raise Stop(f"{stop} The models still contain the name: run forget again.") from None
        if options.command == "forget":
            from openai_costs.commands.forget import remove_traces

            remove_traces(warehouse)
        else:
            from openai_costs.commands.summary import summarize

            summarize(warehouse, checked)
    return 0 if complete else 1
