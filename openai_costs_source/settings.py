"""The settings of the source, as dlt finds them: its files, the environment, vaults."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from dlt.common.configuration.container import Container
from dlt.common.configuration.providers.doc import BaseDocProvider
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

SECTION = "sources.openai_costs"
SETTINGS = (
    "admin_key",
    "base_url",
    "start_date",
    "refetch_days",
    "group_by",
    "max_wait_seconds",
    "user_emails",
    "keep_months",
)
"""What a person may set under `sources.openai_costs`."""


def unknown_setting(section: str, known: Collection[str]) -> str:
    """A sentence that names the first setting of a section that is not known; empty if none is.

    Without it, dlt ignores a misspelt setting. Sections within the section are dlt's own, such as
    `sources.openai_costs.data_writer`.
    """
    prefix = f"{section.replace('.', '__').upper()}__"
    names = {name.removeprefix(prefix).lower() for name in os.environ if name.startswith(prefix)}
    names = {name for name in names if "__" not in name}
    *parents, last = section.split(".")
    for provider in Container()[PluggableRunContext].providers.providers:
        # `dlt.secrets.get` would put the section, and the key in it, into the pipeline's trace.
        if isinstance(provider, BaseDocProvider):
            found, _ = provider.get_value(last, Any, "", *parents)
            if isinstance(found, dict):
                names |= {name for name, value in found.items() if not isinstance(value, dict)}
    if unknown := sorted(names - set(known)):
        return f"There is no setting {section}.{unknown[0]}. There are: {', '.join(known)}."
    return ""
