"""`forget`: remove a person's name and e-mail address from the raw tables."""

from __future__ import annotations

from openai_costs.terminal import Stop, output
from openai_costs.warehouse.connection import locked, open_pipeline
from openai_costs.warehouse.destinations import Warehouse
from openai_costs_source.extract import maintenance


def forget(warehouse: Warehouse, user_id: str) -> None:
    """Remove the person's name and e-mail address from the raw tables, and print the outcome.

    The models must be built afterwards. Raises Stop if the warehouse has no such user.
    """
    with locked(warehouse, must_have_costs=True):
        if warehouse.lake:
            raise Stop(
                f"{warehouse} consists of files that are not changed after they are written: "
                "forget cannot remove names from them.",
                2,
            )
        with open_pipeline(warehouse) as pipeline:
            if not maintenance.has_user(pipeline, user_id):
                raise Stop(f"{warehouse} has no user {user_id}: see openai_marts.focus_costs.", 2)
            rows = maintenance.forget(pipeline, user_id, warehouse.file_format)
        output.line(
            f"The name and e-mail address of {user_id} are removed, also from later loads. "
            f"{rows:,} raw rows contain the id; none contains a name or an e-mail address. "
            "Amounts are unchanged."
        )
