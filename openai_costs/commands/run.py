"""What each command does."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.destinations.exceptions import DatabaseException
from rich.markup import escape

from openai_costs.commands import models
from openai_costs.dbt_runner import Builder
from openai_costs.settings import UnreadableSettings, keys, refuse_unknown, setting
from openai_costs.terminal import Stop, first_line, output, progress, say
from openai_costs.warehouse import connection as warehouse
from openai_costs.warehouse.connection import Warehouse
from openai_costs_source import OpenAICostsError, api_url, openai_costs
from openai_costs_source.extract.maintenance import (
    assign_organization_ids,
    forget,
    has_user,
    redact_stored,
)
from openai_costs_source.extract.redaction import checked_user_emails

if TYPE_CHECKING:
    from openai_costs.reports.summary import Query


def run(asked: argparse.Namespace, builder: Builder | None) -> int:
    """The command that was asked for; its exit code. `builder` is there where it builds models."""
    try:
        return _run(asked, builder)
    except UnreadableSettings as error:
        say(f"A settings file cannot be read: {first_line(error)}")
        return 2


def _run(asked: argparse.Namespace, builder: Builder | None) -> int:
    refuse_unknown()
    where = warehouse.chosen(asked.demo, asked.destination)
    with contextlib.ExitStack() as stack:
        api = {}
        if asked.demo:
            api = stack.enter_context(_demo_api(asked.trap, is_modelled=builder is not None))
        if asked.command == "check":
            return check(where, api, asked.json)
        if asked.command == "status":
            return status(where)
        if asked.command == "export":
            return export_files(where, asked.lake, asked.to, asked.format, asked.month)
        if asked.command == "report":
            return report(where, asked.to)
        if asked.command == "alerts":
            return alerts(where, asked.severity or "warning", asked.format, asked.slack_webhook)
        if builder:
            builder.prepare(models.environment(where))
        is_whole = True
        with warehouse.held(where, is_needed=asked.command in ("models", "forget")):
            if asked.command in (None, "load"):
                is_whole = load(where, api, asked.since, asked.until)
            if asked.command == "forget":
                forget_user(where, asked.user)
        if builder:
            passed, warnings = models.build(builder, where, asked.full)
            if asked.command != "forget":
                summarize(where, passed, warnings)
    return 0 if is_whole else 1


def load(where: Warehouse, api: dict[str, str], since: date | None, until: date | None) -> bool:
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
                where, **{**api, "admin_key": key}, since=since, until=until, loaded=others
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


def load_organization(where: Warehouse, **settings: Any) -> bool:
    """Load one organization into the warehouse; `settings` as for `openai_costs`.

    False where a day was left as it was, because its rows did not add up.
    """
    with progress("Asking OpenAI") as shown, warehouse.pipeline(where) as pipeline:
        try:
            pipeline.run(openai_costs(**settings), loader_file_format=where.file_format)
        except BaseException as error:
            raise warehouse.foreseen(error, where) or error from None
        if where.is_lake:
            return not shown.errors  # Files are written once.
        assign_organization_ids(pipeline)
        redact_stored(pipeline, checked_user_emails(setting("sources.openai_costs.user_emails")))
    return not shown.errors


def forget_user(where: Warehouse, user_id: str) -> None:
    """Blank a person's name and e-mail address in the raw tables; the models follow them."""
    if where.is_lake:
        raise Stop(f"{where} holds files, which are written once: nobody can be forgotten.", 2)
    with warehouse.pipeline(where) as pipeline:
        if not has_user(pipeline, user_id):
            raise Stop(f"{where} holds no user {user_id}: see openai_marts.focus_costs.", 2)
        rows = forget(pipeline, user_id, where.file_format)
    output.print(
        f"{escape(user_id)} is forgotten, also in later loads: {rows:,} raw rows name the id, and "
        "none a name or an e-mail address. The money stays.",
        soft_wrap=True,
    )


def summarize(where: Warehouse, passed: int, warnings: list[str]) -> None:
    from openai_costs.reports.summary import print_summary

    with warehouse.query(where) as query:
        print_summary(output, query)
    output.print()
    for warning in warnings:
        output.print(f"  [yellow]Warning[/yellow]    {escape(warning)}")
    proof = "each table adds up to the raw rows, day by day, to the last digit"
    output.print(f"  Checked    {passed} tests passed: {proof}", soft_wrap=True)
    output.print(f"  Warehouse  {escape(where.name)}, schema openai_marts", soft_wrap=True)


def status(where: Warehouse) -> int:
    from openai_costs.reports.status import print_status

    warehouse.refuse_empty(where)
    with warehouse.query(where) as query:
        print_status(output, query, datetime.now(UTC))
    return 0


def export_files(
    where: Warehouse, lake: str | None, folder: Path, file_format: str | None, month: date | None
) -> int:
    """Write the FOCUS files of one month, or of all, and print what each holds."""
    from openai_costs.reports.focus_export import FORMATS, Differs, export, months, print_exported

    if not lake:
        warehouse.refuse_empty(where)
    source = lake or str(where)
    opened = warehouse.lake(lake) if lake else warehouse.client(where)
    with progress("Exporting") as shown, opened as client, _with_models(source):
        if not lake:
            _refuse_incomplete(warehouse.asked_through(client))
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
        except Differs as error:
            raise Stop(str(error)) from None
        except OSError as error:
            raise Stop(f"{folder} cannot be written: {error.strerror or error}.") from None
    print_exported(output, done)
    return 0


def report(where: Warehouse, file: Path | None) -> int:
    """Write the report, and print where it is and what it tells of."""
    if find_spec("vl_convert") is None:
        raise Stop("The report needs one more package: pip install '.[report]'", 2)
    from openai_costs.reports.html.report import FILE, print_written, write_report

    file = file or Path(FILE)
    if file.is_dir():
        raise Stop(f"{file} is a folder: --to of report names a file.", 2)
    if not file.parent.is_dir():
        raise Stop(f"The folder {file.parent} does not exist: make it, or name another file.", 2)
    warehouse.refuse_empty(where)
    with progress("Writing the report"), warehouse.query(where) as query, _with_models(where):
        _refuse_incomplete(query)
        try:
            told = write_report(query, file, datetime.now(UTC))
        except OSError as error:
            raise Stop(f"{file} cannot be written: {error.strerror or error}.") from None
    print_written(output, file, told)
    return 0


def alerts(where: Warehouse, severity: str, form: str | None, are_posted: bool) -> int:
    """Print what looks wrong, and post what is new of it; 3 where something is severe enough."""
    from openai_costs.reports.alerts import find_alerts, print_alerts
    from openai_costs.reports.slack import NotPosted, checked_webhook, post_new

    webhook = ""
    if are_posted and not (webhook := checked_webhook(setting("alerts.slack_webhook"))):
        raise Stop(
            "--slack-webhook needs the setting alerts.slack_webhook, or ALERTS__SLACK_WEBHOOK in "
            "the environment: the https:// address of a Slack incoming webhook.",
            2,
        )
    warehouse.refuse_empty(where)
    now = datetime.now(UTC)
    # One connection for all: no other run may post from the same DuckDB file meanwhile.
    with warehouse.client(where) as client:
        with _with_models(where):
            found = find_alerts(warehouse.asked_through(client), now)
        print_alerts(output, found, form)
        counting = [each for each in found if each.is_at_least(severity)]
        if are_posted:
            try:
                posted = post_new(client, webhook, counting, now)
            except NotPosted as error:
                raise Stop(str(error)) from None
            say(f"Posted to Slack: {posted} new, {len(counting) - posted} were posted before.")
    return 3 if counting else 0


@contextlib.contextmanager
def _with_models(source: Warehouse | str) -> Iterator[None]:
    """Says what to do where a question finds no models, or other ones than these."""
    try:
        yield
    except DatabaseException as error:
        from openai_costs.reports.focus_export import is_lacking

        if not is_lacking(error):
            raise
        raise Stop(
            f"{source} lacks models, or has old ones: run python pipeline.py models."
        ) from None


def _refuse_incomplete(query: Query) -> None:
    from openai_costs.reports.status import unmodelled

    if incomplete := unmodelled(query):
        raise Stop(f"{incomplete}: run python pipeline.py models.")


def check(where: Warehouse, api: dict[str, str], is_json: bool) -> int:
    """Print what was found of each key, of the warehouse and of dbt; 0 where a load is possible."""
    from openai_costs.reports.findings import print_findings
    from openai_costs_source.doctor import Finding, check_key

    findings: list[Finding] = []
    admin_keys: list[str] = []
    try:
        admin_keys = keys(api.get("admin_key"), are_checked=False)
    except OpenAICostsError as error:
        findings.append(Finding("key", "failed", error.message, error.remedy))
    url = api_url(api.get("base_url") or setting("sources.openai_costs.base_url"))
    with progress("Asking OpenAI"):
        for n, key in enumerate(admin_keys, start=1):
            found: list[Finding] = []
            try:
                for each in check_key(key, url, datetime.now(UTC).date()):
                    found.append(each)
                    if (each.check, each.status) == ("key", "ok"):
                        # The settings are checked before anything is asked.
                        openai_costs(admin_key=key, base_url=url)
            except OpenAICostsError as error:
                kind = "settings" if error.is_wrong_use else "OpenAI"
                found.append(Finding(kind, "failed", error.message, error.remedy))
            findings += [replace(each, key=n if len(admin_keys) > 1 else None) for each in found]
    findings += [warehouse.examined(where), models.examined(where)]
    print_findings(output, findings, is_json)
    if not any(finding.check == "costs" for finding in findings):
        return 2  # Nothing could be asked.
    return 1 if any(finding.status == "failed" for finding in findings) else 0


@contextlib.contextmanager
def _demo_api(traps: list[str], is_modelled: bool) -> Iterator[dict[str, str]]:
    from openai_costs_source.simulator.api import DEMO_ADMIN_KEY, DemoApi
    from openai_costs_source.simulator.organization import Organization
    from openai_costs_source.simulator.seeds import write_seeds

    organization = Organization(datetime.now(UTC).date())
    with DemoApi(organization, traps=traps) as api:
        if is_modelled:
            seeds = models.made_folder("demo_seeds")
            write_seeds(organization, seeds, api.overrides)
            os.environ[models.SEEDS] = str(seeds)
        yield {"admin_key": DEMO_ADMIN_KEY, "base_url": api.base_url}
