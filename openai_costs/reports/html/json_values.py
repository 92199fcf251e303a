"""Converts values of the warehouse to JSON values."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from openai_costs.reports.amounts import exact


def json_value(value: Any) -> Any:
    """Convert decimals and dates to exact text, also in dictionaries; keep other values."""
    if isinstance(value, Decimal):
        return exact(value)
    if isinstance(value, date):
        return str(value)
    if isinstance(value, dict):
        return {name: json_value(field) for name, field in value.items()}
    return value
