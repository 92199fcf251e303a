"""Explains errors of dlt, DuckDB and database drivers, each in a sentence."""

from __future__ import annotations

import errno
import re
from typing import Any

import duckdb
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.destination.exceptions import DestinationException
from dlt.pipeline.exceptions import PipelineStepFailed

from openai_costs.terminal import INTERRUPTED, Stop, first_lines
from openai_costs.warehouse.destinations import Warehouse
from openai_costs.warehouse.duckdb_file import is_open_elsewhere, other_process
from openai_costs_source import OpenAICostsError


def explained(error: BaseException, warehouse: Any) -> Stop | None:
    """Return the cause of an error as a sentence about `warehouse`, or None if it is unknown.

    `warehouse` is a `Warehouse`, or the folder of a lake.
    """
    if isinstance(error, Stop):
        return error
    causes = causes_of(error)
    for cause in causes:
        if message := _explained_cause(cause, warehouse):
            return message
    if isinstance(warehouse, Warehouse) and not warehouse.file:
        return _explained_by_driver(causes, warehouse)
    return None


def disk_full(cause: BaseException) -> bool:
    """Return whether an error means that the disk is full, or a file reached its maximum size."""
    if isinstance(cause, duckdb.Error):
        return "No space left" in str(cause) or "File too large" in str(cause)
    if not isinstance(cause, OSError):
        return False
    # Python's message if it cannot write to any folder for temporary files.
    no_temporary_folder = "No usable temporary directory" in str(cause)
    return no_temporary_folder or cause.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def causes_of(error: BaseException) -> list[BaseException]:
    """Return the error and the errors that caused it: dlt wraps each several times."""
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    return causes


def _explained_cause(cause: BaseException, warehouse: Any) -> Stop | None:
    if isinstance(cause, KeyboardInterrupt):
        return Stop(INTERRUPTED)
    if isinstance(cause, OpenAICostsError):
        return Stop(str(cause), 2 if cause.is_wrong_use else 1)
    if is_open_elsewhere(cause):
        return Stop(
            f"{warehouse} is open in another program{other_process(cause)}, perhaps another run, "
            "and DuckDB allows one writer: close it there, or wait, and run again."
        )
    if disk_full(cause):
        return Stop(
            f"The disk is full, or a file reached its maximum size ({first_lines(cause)}). The "
            "warehouse is unchanged, or complete: free some space and run again."
        )
    if isinstance(cause, duckdb.Error):
        return Stop(f"{warehouse} cannot be used as a DuckDB file: {first_lines(cause)}")
    if isinstance(cause, ConfigurationException):
        fields = re.findall(r"missing\s+field\(s\): ([^\n(]+)", str(cause))
        missing = fields[-1].replace("`", "").strip() if fields else first_lines(cause)
        return Stop(
            f"{warehouse} needs credentials that are not set: {missing}. They are listed in "
            "docs/warehouses.md.",
            2,
        )
    return None


def _explained_by_driver(causes: list[BaseException], warehouse: Warehouse) -> Stop | None:
    """Return the message of the warehouse's driver, shortened to its first lines."""
    for cause in causes:
        # PEP 249 defines these names for all drivers.
        if type(cause).__name__ in ("OperationalError", "InterfaceError"):
            return Stop(f"{warehouse} cannot be used: {first_lines(cause)}")
    if isinstance(causes[0], PipelineStepFailed | DestinationException):
        return Stop(f"{warehouse} cannot be used: {first_lines(causes[-1])}")
    return None
