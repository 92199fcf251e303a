"""Settings as dlt finds them: its files, the environment, vaults."""

from __future__ import annotations

from typing import Any

import dlt
from dlt.common.configuration.providers.toml import TomlProviderReadException

from openai_costs.terminal import Stop
from openai_costs_source import admin_keys, given_keys
from openai_costs_source.settings import SECTION, SETTINGS, unknown_setting

UnreadableSettings = TomlProviderReadException

_SECTIONS = {SECTION: SETTINGS, "alerts": ("slack_webhook",)}


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
        if message := unknown_setting(section, known):
            raise Stop(message, exit_code=2)
