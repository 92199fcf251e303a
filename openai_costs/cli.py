"""What a person may ask of `python pipeline.py`, and what goes with what."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from openai_costs.terminal import Stop

_FORMATS = {
    "export": "openai_costs.reports.focus_export",
    "alerts": "openai_costs.reports.alerts",
}


class _Choices:
    """The names that a module has, imported where they are asked for."""

    def __init__(self, module: str, name: str) -> None:
        self._where = module, name

    def __iter__(self) -> Iterator[str]:
        module, name = self._where
        return iter(getattr(import_module(module), name))

    def __contains__(self, choice: str) -> bool:
        return choice in list(self)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Stop(f"{message[:1].upper()}{message[1:]}. See python pipeline.py --help.", 2)


def parsed(arguments: list[str] | None, description: str | None) -> argparse.Namespace:
    is_help = bool({"-h", "--help"} & set(sys.argv if arguments is None else arguments))
    parser = _Parser(
        prog="pipeline.py",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = ["load", "models", "check", "status", "export", "report", "alerts", "forget"]
    parser.add_argument("command", nargs="?", choices=commands)
    parser.add_argument("--demo", action="store_true", help="use a simulated organization")
    parser.add_argument(
        "--trap",
        action="append",
        choices=_Choices("openai_costs_source.simulator.failure_modes", "FAILURE_MODES"),
        # Named in the help alone: argparse would import what holds them each time.
        metavar=None if is_help else "NAME",
        default=[],
        help="with --demo",
    )
    parser.add_argument(
        "--destination", metavar="NAME", help="dlt's name of the warehouse; duckdb unless given"
    )
    parser.add_argument("--since", type=_day, metavar="D", help="first UTC day to load")
    parser.add_argument("--until", type=_day, metavar="D", help="UTC day to stop before")
    parser.add_argument("--full", action="store_true", help="with models: all days, and all tests")
    parser.add_argument("--json", action="store_true", help="with check: for programs")
    parser.add_argument("--user", metavar="ID", help="with forget: the person's id at OpenAI")
    parser.add_argument(
        "--to",
        type=_path,
        metavar="PATH",
        help="with export: the files' folder; with report: the file, else openai_costs_report.html",
    )
    parser.add_argument(
        "--format", help="with export: parquet, unless given, or csv; with alerts: json or markdown"
    )
    parser.add_argument("--month", type=_month, metavar="M", help="with export: one, as 2026-10")
    parser.add_argument(
        "--lake", type=_named, metavar="DIR", help="with export: the models as Parquet files"
    )
    parser.add_argument(
        "--severity",
        choices=_Choices("openai_costs.reports.alerts", "SEVERITIES"),
        metavar=None if is_help else "SEVERITY",
        help="with alerts: from which on they count; warning unless given",
    )
    parser.add_argument(
        "--slack-webhook", action="store_true", help="with alerts: post those that count, once"
    )
    asked = parser.parse_args(arguments)
    since, until = asked.since, asked.until
    if asked.command not in (None, "load") and (since or until):
        parser.error(f"--since and --until choose days to load, and {asked.command} loads none")
    if asked.demo and asked.destination:
        parser.error("--demo fills demo.duckdb: no other warehouse gets its simulated costs")
    if asked.trap and not asked.demo:
        parser.error("--trap sets a trap in the simulated organization: it goes with --demo")
    if asked.full and asked.command != "models":
        parser.error("--full goes with models")
    if asked.json and asked.command != "check":
        parser.error("--json goes with check")
    if (asked.user is None) == (asked.command == "forget"):
        parser.error("forget needs --user ID, the person's id at OpenAI, and nothing else does")
    if asked.command == "export" and asked.to is None:
        parser.error("export needs --to DIR, a folder for its files")
    if asked.command not in ("export", "report") and asked.to:
        parser.error("--to goes with export and report")
    if asked.command != "export" and (asked.month or asked.lake):
        parser.error("--month and --lake go with export")
    if asked.format:
        if asked.command not in ("export", "alerts"):
            parser.error("--format goes with export and alerts")
        formats = list(_Choices(_FORMATS[asked.command], "FORMATS"))
        if asked.format not in formats:
            known = " and ".join(formats)
            parser.error(f"--format {asked.format} is not one of {asked.command}: it has {known}")
    if asked.command != "alerts" and (asked.severity or asked.slack_webhook):
        parser.error("--severity and --slack-webhook go with alerts")
    if since and since > datetime.now(UTC).date():
        parser.error(f"--since {since} is in the future")
    if since and until and since >= until:
        parser.error(f"--until {until} must be later than --since {since}: it is excluded")
    return asked


def _named(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("names nothing")
    return text


def _path(text: str) -> Path:
    return Path(_named(text))


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01" if len(text) == 7 else "")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no month such as 2026-01") from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text if len(text) == 10 else "")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-01-31") from None
