"""Load OpenAI's organization costs, build the models and print what they say.

    python pipeline.py                        load, build the models, print a summary
    python pipeline.py --demo                 the same with a simulated organization; needs no key
    python pipeline.py --since D --until D    (re)load these UTC days, until excluded
    python pipeline.py load                   load only
    python pipeline.py models                 build the models only
    python pipeline.py check [--json]         what keys, warehouse and dbt allow, and what to do
    python pipeline.py status                 days loaded, missing, restated, soon to be forgotten
    python pipeline.py export --to DIR        FOCUS files, one per organization and billing month
    python pipeline.py forget --user ID       blank a person's name and e-mail; the money stays

--demo goes with each of them. With --trap NAME the simulated organization behaves as badly as live
ones were seen to; --trap may be repeated.

The admin key comes from OPENAI_ADMIN_KEY or dlt's sources.openai_costs.admin_key. The warehouse is
openai_costs.duckdb in the current folder, or what DESTINATION__DUCKDB__CREDENTIALS names.

Exit codes: 0 done; 1 the work failed and the warehouse is as it was, or whole; 2 wrong use or
settings, nothing attempted.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn

from dlt.destinations.exceptions import DatabaseException
from rich.markup import escape

from command import models, warehouse
from command.settings import UnreadableSettings, keys, refuse_unknown, setting
from command.terminal import INTERRUPTED, Stop, first_line, output, progress, say
from openai_costs_source import OpenAICostsError, api_url, openai_costs
from openai_costs_source.demo_traps import TRAPS
from openai_costs_source.doctor import Finding, examine
from openai_costs_source.privacy import chosen
from openai_costs_source.upkeep import cover_stored, forget, is_known, take_ids
from reporting.export import FORMATS, Differs, export, is_lacking, months, print_exported
from reporting.findings import print_findings
from reporting.status import print_status
from reporting.summary import print_summary


def main(arguments: list[str] | None = None) -> int:
    try:
        return _run(_parsed(arguments))
    except Stop as stop:
        say(str(stop))
        return stop.exit_code
    except UnreadableSettings as error:
        say(f"A settings file cannot be read: {first_line(error)}")
        return 2
    except KeyboardInterrupt:
        say(INTERRUPTED)
        return 1


def _run(asked: argparse.Namespace) -> int:
    refuse_unknown()
    file = warehouse.file(asked.demo)
    with contextlib.ExitStack() as stack:
        is_modelled = asked.command in (None, "models", "forget")
        api = stack.enter_context(_demo_api(asked.trap, is_modelled)) if asked.demo else {}
        if asked.command == "check":
            return check(file, api, asked.json)
        if asked.command == "status":
            return status(file)
        if asked.command == "export":
            return export_files(file, asked.lake, asked.to, asked.format, asked.month)
        stack.enter_context(warehouse.held(file, is_needed=asked.command in ("models", "forget")))
        is_whole = True
        if asked.command in (None, "load"):
            is_whole = load(file, api, asked.since, asked.until)
        if asked.command == "forget":
            forget_user(file, asked.user)
        if is_modelled:
            passed, warnings = models.build(file)
            if asked.command != "forget":
                summarize(file, passed, warnings)
    return 0 if is_whole else 1


def load(file: Path, api: dict[str, str], since: date | None, until: date | None) -> bool:
    """Load one organization after the other; False where one of several failed, or a day is odd."""
    try:
        admin_keys = keys(api.get("admin_key"))
    except OpenAICostsError as error:
        raise Stop(str(error), 2) from None
    failures: list[Stop] = []
    is_whole = True
    loaded: set[str] = set()
    for key in admin_keys:
        # A failed key may have a twin that opens the same organization.
        found = set(loaded)
        others = found if len(admin_keys) > 1 else None
        try:
            is_whole &= load_organization(
                file, **{**api, "admin_key": key}, since=since, until=until, loaded=others
            )
            loaded = found
        except Stop as stop:
            if stop.exit_code == 2 or len(admin_keys) == 1:
                raise
            failures.append(stop)
    for failure in failures:
        say(str(failure))
    if len(failures) == len(admin_keys):
        raise Stop("No organization could be loaded.")
    return is_whole and not failures


def load_organization(file: Path, **settings: Any) -> bool:
    """Load one organization into the DuckDB file; `settings` as for `openai_costs`.

    False where a day was left as it was, because its rows did not add up.
    """
    with progress("Asking OpenAI") as shown, warehouse.pipeline(file) as pipeline:
        try:
            pipeline.run(openai_costs(**settings), loader_file_format="parquet")
        except BaseException as error:
            raise warehouse.foreseen(error, file) or error from None
        take_ids(pipeline)
        cover_stored(pipeline, chosen(setting("sources.openai_costs.user_emails")))
    return not shown.errors


def forget_user(file: Path, user_id: str) -> None:
    """Blank a person's name and e-mail address in the raw tables; the models follow them."""
    with warehouse.pipeline(file) as pipeline:
        if not is_known(pipeline, user_id):
            raise Stop(f"{file} holds no user {user_id}: see openai_marts.focus_costs.", 2)
        rows = forget(pipeline, user_id)
    output.print(
        f"{escape(user_id)} is forgotten, also in later loads: {rows:,} raw rows name the id, and "
        "none a name or an e-mail address. The money stays.",
        soft_wrap=True,
    )


def summarize(file: Path, passed: int, warnings: list[str]) -> None:
    with warehouse.query(file) as query:
        print_summary(output, query)
    output.print()
    for warning in warnings:
        output.print(f"  [yellow]Warning[/yellow]    {escape(warning)}")
    proof = "each table adds up to the raw rows, day by day, to the last digit"
    output.print(f"  Checked    {passed} tests passed: {proof}", soft_wrap=True)
    output.print(f"  Warehouse  {escape(str(file))}, schema openai_marts", soft_wrap=True)


def status(file: Path) -> int:
    warehouse.refuse_empty(file)
    with warehouse.query(file) as query:
        print_status(output, query, datetime.now(UTC))
    return 0


def export_files(
    file: Path, lake: str | None, folder: Path, file_format: str | None, month: date | None
) -> int:
    """Write the FOCUS files of one month, or of all, and print what each holds."""
    if not lake:
        warehouse.refuse_empty(file)
    source = lake or str(file)
    opened = warehouse.lake(lake) if lake else warehouse.client(file, is_lean=True)
    with progress("Exporting") as shown, opened as client:
        try:
            loaded = months(client)
            wanted = [each for each in loaded if month in (None, each.start)]
            if not loaded:
                raise Stop(f"{source} holds no charges yet: load them, with python pipeline.py.")
            if not wanted:
                known = sorted({f"{each.start:%Y-%m}" for each in loaded})
                raise Stop(f"{month:%Y-%m} is not loaded. Loaded are: {', '.join(known)}.", 2)
            done = []
            for each in export(
                client, wanted, folder, file_format or FORMATS[0], datetime.now(UTC)
            ):
                shown.tell(f"Exporting: {each.file.name} is done")
                done.append(each)
        except DatabaseException as error:
            if not is_lacking(error):
                raise
            raise Stop(
                f"{source} lacks models, or has old ones: run python pipeline.py models."
            ) from None
        except Differs as error:
            raise Stop(str(error)) from None
        except OSError as error:
            raise Stop(f"{folder} cannot be written: {error.strerror or error}.") from None
    print_exported(output, done)
    return 0


def check(file: Path, api: dict[str, str], is_json: bool) -> int:
    """Print what was found of each key, of the warehouse and of dbt; 0 where a load is possible."""
    findings: list[Finding] = []
    admin_keys: list[str] = []
    try:
        admin_keys = keys(api.get("admin_key"), are_checked=False)
    except OpenAICostsError as error:
        findings.append(Finding("key", "failed", error.said, error.remedy))
    url = api_url(api.get("base_url") or setting("sources.openai_costs.base_url"))
    with progress("Asking OpenAI"):
        for n, key in enumerate(admin_keys, start=1):
            found: list[Finding] = []
            try:
                for each in examine(key, url, datetime.now(UTC).date()):
                    found.append(each)
                    if (each.check, each.status) == ("key", "ok"):
                        # The settings are checked before anything is asked.
                        openai_costs(admin_key=key, base_url=url)
            except OpenAICostsError as error:
                kind = "settings" if error.is_wrong_use else "OpenAI"
                found.append(Finding(kind, "failed", error.said, error.remedy))
            findings += [replace(each, key=n if len(admin_keys) > 1 else None) for each in found]
    findings += [warehouse.examined(file), models.examined(file)]
    print_findings(output, findings, is_json)
    if not any(finding.check == "costs" for finding in findings):
        return 2  # Nothing could be asked.
    return 1 if any(finding.status == "failed" for finding in findings) else 0


@contextlib.contextmanager
def _demo_api(traps: list[str], is_modelled: bool) -> Iterator[dict[str, str]]:
    from openai_costs_source.demo import Organization
    from openai_costs_source.demo_api import DEMO_ADMIN_KEY, DemoApi
    from openai_costs_source.demo_seeds import write_seeds

    organization = Organization(datetime.now(UTC).date())
    with DemoApi(organization, traps=traps) as api:
        if is_modelled:
            seeds = models.made_folder("demo_seeds")
            write_seeds(organization, seeds, api.overrides)
            os.environ[models.SEEDS] = str(seeds)
        yield {"admin_key": DEMO_ADMIN_KEY, "base_url": api.base_url}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Stop(f"{message[:1].upper()}{message[1:]}. See python pipeline.py --help.", 2)


def _parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = _Parser(
        prog="pipeline.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = ["load", "models", "check", "status", "export", "forget"]
    parser.add_argument("command", nargs="?", choices=commands)
    parser.add_argument("--demo", action="store_true", help="use a simulated organization")
    parser.add_argument("--trap", action="append", choices=TRAPS, default=[], help="with --demo")
    parser.add_argument("--since", type=_day, metavar="D", help="first UTC day to load")
    parser.add_argument("--until", type=_day, metavar="D", help="UTC day to stop before")
    parser.add_argument("--json", action="store_true", help="with check: for programs")
    parser.add_argument("--user", metavar="ID", help="with forget: the person's id at OpenAI")
    parser.add_argument("--to", type=_folder, metavar="DIR", help="with export: the files' folder")
    parser.add_argument("--format", choices=FORMATS, help="with export; parquet unless given")
    parser.add_argument("--month", type=_month, metavar="M", help="with export: one, as 2026-10")
    parser.add_argument(
        "--lake", type=_named, metavar="DIR", help="with export: the models as Parquet files"
    )
    asked = parser.parse_args(arguments)
    since, until = asked.since, asked.until
    if asked.command not in (None, "load") and (since or until):
        parser.error(f"--since and --until choose days to load, and {asked.command} loads none")
    if asked.trap and not asked.demo:
        parser.error("--trap sets a trap in the simulated organization: it goes with --demo")
    if asked.json and asked.command != "check":
        parser.error("--json goes with check")
    if (asked.user is None) == (asked.command == "forget"):
        parser.error("forget needs --user ID, the person's id at OpenAI, and nothing else does")
    if (asked.to is None) == (asked.command == "export"):
        parser.error("export needs --to DIR, a folder for its files, and nothing else does")
    if asked.command != "export" and (asked.format or asked.month or asked.lake):
        parser.error("--format, --month and --lake go with export")
    if since and since > datetime.now(UTC).date():
        parser.error(f"--since {since} is in the future")
    if since and until and since >= until:
        parser.error(f"--until {until} must be later than --since {since}: it is excluded")
    return asked


def _named(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("names no folder")
    return text


def _folder(text: str) -> Path:
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


if __name__ == "__main__":
    sys.exit(main())
