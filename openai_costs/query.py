"""The type of a function that queries the warehouse: what connections provide and reports take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Query = Callable[..., Sequence[Sequence[Any]]]
"""Runs a SQL statement with its parameters, written as %s, and returns the rows."""
