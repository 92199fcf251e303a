"""Settings as dlt finds them: its files, the environment, vaults."""

from __future__ import annotations

import os
from typing import Any

import dlt
from dlt.common.configuration.providers.toml import TomlProviderReadException

from command.terminal import Stop
from openai_costs_source import SETTINGS, admin_keys, given_keys

UnreadableSettings = TomlProviderReadException

_SECTIONS = {"sources.openai_costs": SETTINGS, "alerts": ("slack_webhook",)}


def setting(name: str) -> Any:
    return dlt.secrets.get(name) or dlt.config.get(name)


def keys(given: str | None, are_checked: bool = True) -> list[str]:
    """The admin keys that are set, unless one is given. Raises OpenAICostsError where none is, or
    where the form of one is wrong and they are to be checked."""
    found = given or setting("sources.openai_costs.admin_key")
    return admin_keys(found) if are_checked else given_keys(found)


def refuse_unknown() -> None:
    """A misspelt setting would be ignored in silence."""
    for section, known in _SECTIONS.items():
        prefix = f"{section.replace('.', '__').upper()}__"
        named = {
            name.removeprefix(prefix).lower() for name in os.environ if name.startswith(prefix)
        }
        for source in (dlt.secrets, dlt.config):
            # Another program's variable may have the section's name.
            found: Any = source.get(section)
            named |= set(found) if isinstance(found, dict) else set()
        if unknown := sorted(named - set(known)):
            raise Stop(
                f"There is no setting {section}.{unknown[0]}. There are: {', '.join(known)}.",
                exit_code=2,
            )
