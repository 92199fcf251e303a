"""The type of the function through which reports query the warehouse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Query = Callable[..., Sequence[Sequence[Any]]]
"""Runs a SQL statement with its parameters, written as %s, and returns the rows."""
