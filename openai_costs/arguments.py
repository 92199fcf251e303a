"""The command-line arguments: the commands, their options and how they are parsed."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from openai_costs.folders import COMMAND
from openai_costs.terminal import Stop

COMMANDS = {
    "load": "load costs, usage and names; build no models",
    "models": "build the models, without loading",
    "check": "check keys, warehouse and dbt, with a remedy for each finding",
    "status": "print which days are loaded, missing, restated or about to leave OpenAI's history",
    "export": "write FOCUS files, one per organization and billing month",
    "report": "write one HTML file that opens offline",
    "alerts": "print budgets, anomalies and failed checks; exit code 3 if there are any",
    "forget": "remove a person's name and e-mail address; amounts stay",
}

DESCRIPTION = """\
Load OpenAI's organization costs into the warehouse, build the models and print a summary.
"""

EPILOG = f"""\
The admin key is read from the environment variable OPENAI_ADMIN_KEY, or from dlt's setting
sources.openai_costs.admin_key. The warehouse is openai_costs.duckdb in the current folder, or the
file in DESTINATION__DUCKDB__CREDENTIALS. "{COMMAND} COMMAND --help" lists the options of
a command; options may come before or after it.

exit codes:
  0  done
  1  the command failed; the warehouse is unchanged or complete
  2  usage or settings error, nothing attempted
  3  alerts found something
"""


class _Choices:
    """The values of a constant, whose module is imported only when they are needed."""

    def __init__(self, module: str, constant: str) -> None:
        self._module, self._constant = module, constant

    def __iter__(self) -> Iterator[str]:
        return iter(getattr(import_module(self._module), self._constant))

    def __contains__(self, value: str) -> bool:
        return value in list(self)

    def __call__(self, text: str) -> str:
        """Return the argument if it is one of the values; argparse uses this as `type`."""
        if text not in self:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(self)}")
        return text

    @property
    def settings(self) -> dict[str, Any]:
        return {"type": self, "choices": self}


@dataclass(frozen=True)
class _Option:
    name: str
    commands: Collection[str]
    """The commands that accept the option; an empty string is the run without a command."""
    help: str
    metavar: str | None = None
    """The name of its value in the help; None if the option takes no value."""
    required: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    """Further arguments of `add_argument`."""


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text if len(text) == 10 else "")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2026-01-31") from None


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01" if len(text) == 7 else "")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a month such as 2026-01") from None


def _not_empty(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it must not be empty")
    return text


def _path(text: str) -> Path:
    return Path(_not_empty(text))


_EVERY = ("", *COMMANDS)
_FAILURE_MODES = _Choices("openai_costs_source.simulator.failure_modes", "FAILURE_MODES")
_EXPORT_FORMATS = _Choices("openai_costs.reports.focus_export", "FORMATS")
_ALERT_FORMATS = _Choices("openai_costs.reports.alerts", "FORMATS")
_SEVERITIES = _Choices("openai_costs.reports.alerts", "SEVERITIES")

_OPTIONS = (
    _Option("--demo", _EVERY, "use a simulated organization and demo.duckdb; needs no key"),
    _Option(
        "--trap",
        ("",),
        "with --demo: a failure mode of the simulated API; may be repeated; one of %(choices)s",
        metavar="NAME",
        settings={"action": "append", "default": [], **_FAILURE_MODES.settings},
    ),
    _Option(
        "--trap",
        tuple(COMMANDS),
        f"with --demo: a failure mode of the simulated API; {COMMAND} --help lists them",
        metavar="NAME",
        settings={"action": "append", "default": [], **_FAILURE_MODES.settings},
    ),
    _Option(
        "--replay",
        _EVERY,
        "use the organization of a recording, and a warehouse file for it; needs no key",
        metavar="DIR",
        settings={"type": _path},
    ),
    _Option("--destination", _EVERY, "the warehouse, by dlt's name; default: duckdb", "NAME"),
    _Option("--since", ("load", ""), "the first UTC day to load", "DAY", settings={"type": _day}),
    _Option("--until", ("load", ""), "the UTC day to stop before", "DAY", settings={"type": _day}),
    _Option("--version", ("",), "print the version"),
    _Option("--full", ("models",), "build all days and run all tests"),
    _Option("--json", ("check",), "print JSON"),
    _Option(
        "--record",
        ("check",),
        "record OpenAI's replies to a first load in a new folder, with private values replaced",
        metavar="DIR",
        settings={"type": _path},
    ),
    _Option(
        "--to",
        ("export",),
        "the folder for the files",
        metavar="DIR",
        required=True,
        settings={"type": _path},
    ),
    _Option(
        "--to",
        ("report",),
        "the file to write; default: openai_costs_report.html",
        metavar="FILE",
        settings={"type": _path},
    ),
    _Option(
        "--format",
        ("export",),
        "%(choices)s; default: parquet",
        metavar="FORMAT",
        settings=_EXPORT_FORMATS.settings,
    ),
    _Option(
        "--format",
        ("alerts",),
        "%(choices)s; default: text",
        metavar="FORMAT",
        settings=_ALERT_FORMATS.settings,
    ),
    _Option(
        "--month",
        ("export",),
        "one billing month, such as 2026-10; default: all",
        metavar="MONTH",
        settings={"type": _month},
    ),
    _Option(
        "--lake",
        ("export",),
        "a folder with the models as Parquet files, to read instead of the warehouse",
        metavar="DIR",
        settings={"type": _not_empty},
    ),
    _Option(
        "--severity",
        ("alerts",),
        "the lowest severity for exit code 3 and Slack: %(choices)s; default: warning",
        metavar="SEVERITY",
        settings={"default": "warning", **_SEVERITIES.settings},
    ),
    _Option(
        "--slack-webhook", ("alerts",), "post alerts of at least --severity to Slack, each once"
    ),
    _Option(
        "--user",
        ("forget",),
        "the person's id at OpenAI",
        metavar="ID",
        required=True,
        settings={"type": _not_empty},
    ),
)
_COMMON = ("--demo", "--trap", "--replay", "--destination")
_HELP = ("-h", "--help")
_NAMES = dict.fromkeys([*_HELP, *(option.name for option in _OPTIONS)])
_WITH_VALUE = {option.name for option in _OPTIONS if option.metavar}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _refuse(f"{message[:1].upper()}{message[1:]}.", self.prog)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the arguments; `command` of the result is None for the run without a command.

    Raises Stop with exit code 2 for a usage error.
    """
    command, others = _split(sys.argv[1:] if arguments is None else arguments)
    _refuse_misplaced(command, [name for name in map(_name, others) if name in _NAMES])
    options = _parser().parse_args([command, *others] if command else others)
    _refuse_contradictions(options)
    return options


def _split(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Return the command, wherever it appears, and the other arguments."""
    command, others = "", []
    remaining = list(arguments)
    while remaining:
        argument = remaining.pop(0)
        if argument.startswith("-"):
            others.append(argument)
            if (name := _name(argument)) not in _NAMES:
                _refuse(f"There is no option {name}{_suggestion(name, _NAMES)}")
            takes_next = name in _WITH_VALUE and argument == name
            if takes_next and remaining and not remaining[0].startswith("-"):
                others.append(remaining.pop(0))
        elif command:
            _refuse(f"{command} takes no argument {argument}.", f"{COMMAND} {command}")
        elif argument not in COMMANDS:
            _refuse(f"There is no command {argument}{_suggestion(argument, COMMANDS)}")
        else:
            command = argument
    return command, others


def _refuse_misplaced(command: str, given: Sequence[str]) -> None:
    """Raise Stop for an option of another command, or if a required option is missing."""
    if set(_HELP) & set(given):
        return
    program = f"{COMMAND} {command}".rstrip()
    for name in given:
        commands = [
            other for option in _OPTIONS if option.name == name for other in option.commands
        ]
        if command not in commands:
            owners = " or ".join(other or "no command" for other in commands)
            not_this = f", not with {command}" if command else ""
            _refuse(f"{name} goes with {owners}{not_this}.", f"{COMMAND} {commands[0]}".rstrip())
    for option in _OPTIONS:
        if option.required and command in option.commands and option.name not in given:
            _refuse(f"{command} needs {option.name} {option.metavar}: {option.help}.", program)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=COMMAND,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_options(parser, "")
    subparsers = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for command, summary in COMMANDS.items():
        description = f"{summary[:1].upper()}{summary[1:]}."
        subparser = subparsers.add_parser(
            command, help=summary, description=description, allow_abbrev=False
        )
        _add_options(subparser, command)
    return parser


def _add_options(parser: argparse.ArgumentParser, command: str) -> None:
    common = parser.add_argument_group("options of every command")
    for option in _OPTIONS:
        if command in option.commands:
            settings: dict[str, Any] = {"help": option.help, **option.settings}
            if option.metavar:
                settings |= {"metavar": option.metavar, "required": option.required}
            else:
                settings |= {"action": "store_true"}
            (common if option.name in _COMMON else parser).add_argument(option.name, **settings)


def _refuse_contradictions(options: argparse.Namespace) -> None:
    since, until = options.since, options.until
    if options.demo and options.destination:
        _refuse("--demo fills demo.duckdb: no other warehouse receives simulated costs.")
    if options.replay and options.destination:
        _refuse(
            "--replay fills a file for the recording: no other warehouse receives replayed costs."
        )
    if options.replay and options.demo:
        _refuse("--replay and --demo use different organizations: choose one.")
    if options.command == "check" and options.record and options.json:
        _refuse("--record writes a folder, and prints no JSON.", f"{COMMAND} check")
    if options.trap and not options.demo:
        _refuse("--trap goes with --demo: it is a failure mode of the simulated API.")
    if since and since > datetime.now(UTC).date():
        _refuse(f"--since {since} is in the future.")
    if since and until and since >= until:
        _refuse(f"--until {until} must be later than --since {since}: it is excluded.")


def _name(argument: str) -> str:
    return argument.partition("=")[0]


def _suggestion(name: str, known: Collection[str]) -> str:
    similar = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f"; did you mean {similar[0]}?" if similar else "."


def _refuse(message: str, program: str = COMMAND) -> NoReturn:
    raise Stop(f"{message} See {program} --help.", 2)
