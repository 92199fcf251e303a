"""`--demo`: serve the simulated API, which commands then use instead of OpenAI's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from openai_costs.folders import SEEDS, seeds_of
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY, SimulatedApi
from openai_costs_source.simulator.organization import Organization
from openai_costs_source.simulator.seeds import write_seeds


@contextlib.contextmanager
def simulated_api(failure_modes: Sequence[str], with_seeds: bool) -> Iterator[dict[str, Any]]:
    """Serve the simulated API; yield the settings that make the source request it.

    With `with_seeds`, dbt uses the budgets, invoices, teams and credits of the simulated
    organization.
    """
    organization = Organization(datetime.now(UTC).date())
    with SimulatedApi(organization, failure_modes=failure_modes) as api:
        if with_seeds:
            seeds = seeds_of("demo")
            write_seeds(organization, seeds, api.overrides)
            os.environ[SEEDS] = str(seeds)
        yield {"admin_key": DEMO_ADMIN_KEY, "base_url": api.base_url}
