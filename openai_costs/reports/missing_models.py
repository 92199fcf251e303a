"""Recognizes a query that failed because the models are missing or outdated."""

from __future__ import annotations

import re

from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation


def models_missing(error: DatabaseException) -> bool:
    """Return whether a query failed because a table or a column of the models does not exist."""
    # dlt has an exception for missing tables, but none for missing columns.
    missing_column = re.search("binder error|column .*does not exist", str(error).lower())
    return isinstance(error, DatabaseUndefinedRelation) or bool(missing_column)
