"""`check`: check the keys, the warehouse and dbt, with a remedy for each finding."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from openai_costs.dbt_runner import FOLDERS, close_warehouse, environment_of_dbt
from openai_costs.folders import dbt_folders, own_seeds
from openai_costs.reports.findings import print_findings
from openai_costs.seed_files import Seed, read_seeds
from openai_costs.settings import configured_keys, setting
from openai_costs.terminal import Stop, first_lines, output, progress
from openai_costs.warehouse.check import check_warehouse
from openai_costs.warehouse.connection import dbt_variables
from openai_costs.warehouse.destinations import Warehouse
from openai_costs.warehouse.duckdb_file import VARIABLE
from openai_costs_source import OpenAICostsError, api_url, openai_costs
from openai_costs_source.doctor import Finding, check_key
from openai_costs_source.settings import dimensions


def check(warehouse: Warehouse, api_settings: dict[str, Any], as_json: bool) -> int:
    """Print the findings; return the exit code: 0 if a load is possible.

    `api_settings` override the configured key, URL and time.
    """
    findings: list[Finding] = []
    keys: list[str] = []
    try:
        keys = configured_keys(api_settings.get("admin_key"), checked=False)
    except OpenAICostsError as error:
        findings.append(Finding("key", "failed", error.message, error.remedy))
    url = api_url(api_settings.get("base_url") or setting("sources.openai_costs.base_url"))
    today = (api_settings.get("now") or datetime.now(UTC)).date()
    group_by = api_settings.get("group_by", setting("sources.openai_costs.group_by"))
    with progress("Requesting costs from OpenAI"):
        for number, key in enumerate(keys, start=1):
            key_number = number if len(keys) > 1 else None
            found = _check_key(key, url, today, group_by)
            findings += [replace(finding, key=key_number) for finding in found]
    findings.append(check_warehouse(warehouse))
    if not api_settings:  # A demo or a replay does not read the user's own seeds.
        findings.append(_check_seeds())
    findings.append(_check_dbt(warehouse))
    print_findings(output, findings, as_json)
    if not any(finding.check == "costs" for finding in findings):
        return 2  # No request was possible.
    return 1 if any(finding.status == "failed" for finding in findings) else 0


def _check_key(key: str, url: str, today: date, group_by: Any) -> Iterator[Finding]:
    try:
        for finding in check_key(key, url, today, dimensions(group_by)):
            yield finding
            if (finding.check, finding.status) == ("key", "ok"):
                # Creating the source raises for a setting that a load would refuse.
                openai_costs(admin_key=key, base_url=url)
    except OpenAICostsError as error:
        subject = "settings" if error.is_wrong_use else "OpenAI"
        yield Finding(subject, "failed", error.message, error.remedy)


def _check_seeds() -> Finding:
    """Return the finding whether the models can be built with the user's own seeds."""
    try:
        seeds = read_seeds(own_seeds())
    except Stop as stop:
        return Finding("seeds", "failed", str(stop), "Correct the file, and check again.")
    states = [f"{seed.name}.csv {_state(seed)}" for seed in seeds]
    return Finding("seeds", "ok", f"{own_seeds()}: {', '.join(states)}.")


def _state(seed: Seed) -> str:
    if seed.missing:
        return "is missing and counts as empty"
    return "is converted for dbt" if seed.converted else "can be read"


def _check_dbt(warehouse: Warehouse) -> Finding:
    """Return the finding whether dbt finds its profile and opens the same warehouse."""
    from dbt.cli.main import dbtRunner

    try:
        variables = environment_of_dbt(os.environ) | dbt_variables(warehouse)
        variables |= dbt_folders(warehouse.name)
    except Stop as stop:
        return Finding("dbt", "failed", str(stop), "Add the missing settings, and check again.")
    os.environ.clear()
    os.environ.update(variables)
    if warehouse.file:
        # dbt would open the file for writing, or create it.
        os.environ[VARIABLE] = ":memory:"
    with progress("Checking dbt"):
        try:
            result = dbtRunner().invoke(["debug", *FOLDERS, "--quiet", "--log-level", "none"])
        finally:
            close_warehouse()
    if result.success:
        opens = "" if warehouse.file else " and opens the warehouse"
        return Finding("dbt", "ok", f"Its profile was found{opens}.")
    return Finding(
        "dbt",
        "failed",
        f"Its profile cannot be used: {first_lines(result.exception or 'see dbt debug')}.",
        "Run dbt debug in dbt_project for the details.",
    )
