"""`load`: load costs, usage and names of every organization into the raw tables."""

from __future__ import annotations

from datetime import date
from typing import Any

from openai_costs.settings import configured_keys, setting
from openai_costs.terminal import Stop, announce, progress, say
from openai_costs.warehouse.connection import locked, open_pipeline
from openai_costs.warehouse.destinations import Warehouse
from openai_costs.warehouse.error_messages import explained
from openai_costs.warehouse.run_log import Run
from openai_costs_source import OpenAICostsError, openai_costs
from openai_costs_source.extract.maintenance import assign_organization_ids, redact_stored
from openai_costs_source.extract.redaction import checked_user_emails


def load(
    warehouse: Warehouse,
    api_settings: dict[str, Any],
    since: date | None,
    until: date | None,
    run: Run,
) -> bool:
    """Load the organizations one after the other, and return whether the load is complete.

    `api_settings` override the configured settings; `run` counts requests and days. Raises Stop
    if no organization is loaded.
    """
    with locked(warehouse):
        try:
            keys = configured_keys(api_settings.get("admin_key"))
        except OpenAICostsError as error:
            raise Stop(str(error), 2) from None
        failures: list[Stop] = []
        complete = True
        loaded: set[str] = set()
        for key in keys:
            # If this key fails, another key may still load the same organization.
            loaded_after_key = set(loaded)
            known = loaded_after_key if len(keys) > 1 else None
            settings = {**api_settings, "admin_key": key}
            try:
                complete &= _load_organization(
                    warehouse, run, **settings, since=since, until=until, loaded=known
                )
                loaded = loaded_after_key
            except Stop as stop:
                if stop.exit_code == 2 or len(keys) == 1:
                    raise
                failures.append(stop)
        for failure in failures:
            say(str(failure))
        if len(failures) == len(keys):
            raise Stop("No organization could be loaded.")
    return complete and not failures


def _load_organization(warehouse: Warehouse, run: Run, **settings: Any) -> bool:
    """Load one organization; `settings` are those of the source.

    Returns False if an error was logged: days that do not add up, or usage or names that OpenAI did
    not return. All else is loaded.
    """
    with progress("Requesting costs from OpenAI") as shown, open_pipeline(warehouse) as pipeline:
        try:
            source = openai_costs(**settings)
            announce("Requesting costs from OpenAI")
            pipeline.run(source, loader_file_format=warehouse.file_format)
            days = source.resources["costs"].custom_metrics
            run.days_read = (run.days_read or 0) + days.get("days_read", 0)
            run.days_replaced = (run.days_replaced or 0) + days.get("days_replaced", 0)
        except BaseException as error:
            raise explained(error, warehouse) or error from None
        finally:
            run.requests = (run.requests or 0) + shown.requests
        if not warehouse.lake:  # The files of a lake are not changed after they are written.
            assign_organization_ids(pipeline)
            redact_stored(
                pipeline, checked_user_emails(setting("sources.openai_costs.user_emails"))
            )
    return not shown.errors
