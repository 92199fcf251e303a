"""Checks that the models that export, report and alerts read are built and complete."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from dlt.destinations.exceptions import DatabaseException

from openai_costs.folders import COMMAND
from openai_costs.query import Query
from openai_costs.reports.loaded_days import unmodelled
from openai_costs.reports.missing_models import models_missing
from openai_costs.reports.unverified import unverified
from openai_costs.terminal import Stop, say
from openai_costs.warehouse.destinations import Warehouse


@contextlib.contextmanager
def explain_missing_models(source: Warehouse | str) -> Iterator[None]:
    """Raise Stop, with the command to run, if a query finds no models or those of an older version.

    `source` is the warehouse, or the folder of a lake.
    """
    try:
        yield
    except DatabaseException as error:
        if not models_missing(error):
            raise
        raise Stop(f"{source} has no models, or outdated ones: run {COMMAND} models.") from None


def require_complete_models(query: Query) -> None:
    """Raise Stop if a loaded day is missing from the models, and say what is not checked."""
    if incomplete := unmodelled(query):
        raise Stop(f"{incomplete}: run {COMMAND} models.")
    for sentence in unverified(query):
        say(f"{sentence}: run {COMMAND} models.")
