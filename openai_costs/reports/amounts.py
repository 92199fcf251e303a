"""Amounts and shares as text: exact, or rounded."""

from __future__ import annotations

from decimal import Decimal
from typing import Any


def exact(amount: Decimal) -> str:
    """Return all digits of an amount, without trailing zeros."""
    return _without_trailing_zeros(f"{amount:f}")


def exact_grouped(amount: Decimal) -> str:
    """Return all digits of an amount, with thousands separators."""
    return _without_trailing_zeros(f"{amount:,f}")


def cents(amount: Any) -> str:
    """Return an amount rounded to the cent, with thousands separators."""
    return f"{amount:z,.2f}"


def percent(share: Any) -> str:
    """Return a share as a whole percentage, never as -0%."""
    return f"{share:z.0%}"


def _without_trailing_zeros(text: str) -> str:
    # Decimal.normalize() would round to 28 digits.
    return text.rstrip("0").rstrip(".") if "." in text else text
