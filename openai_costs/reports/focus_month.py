"""A billing month of an organization, and what its export wrote."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

DATE_TIME = "%Y-%m-%dT%H:%M:%SZ"
"""The format Date/Time of FOCUS, for a time in UTC."""


class Month(NamedTuple):
    """A billing month of an organization; `complete` if all its days are loaded and closed."""

    organization_id: str
    organization_name: str
    start: date
    complete: bool

    @property
    def end(self) -> date:
        """The first day of the next month."""
        return (self.start + timedelta(days=31)).replace(day=1)


class ExportedMonth(NamedTuple):
    """The file of a month, its number of rows, its billed cost by currency, and whether it changed.

    `file` is None if the month has no charges and never had a file.
    """

    month: Month
    file: Path | None
    rows: int
    billed: dict[str, Decimal]
    written: bool
