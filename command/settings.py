"""Settings as dlt finds them: its files, the environment, vaults."""

from __future__ import annotations

import os
from typing import Any

import dlt
from dlt.common.configuration.providers.toml import TomlProviderReadException

from command.terminal import Stop
from openai_costs_source import SETTINGS, admin_keys, given_keys

UnreadableSettings = TomlProviderReadException


def setting(name: str) -> Any:
    return dlt.secrets.get(name) or dlt.config.get(name)


def keys(given: str | None, are_checked: bool = True) -> list[str]:
    """The admin keys that are set, unless one is given. Raises OpenAICostsError where none is, or
    where the form of one is wrong and they are to be checked."""
    found = given or setting("sources.openai_costs.admin_key")
    return admin_keys(found) if are_checked else given_keys(found)


def refuse_unknown() -> None:
    """A misspelt setting would be ignored in silence."""
    prefix = "SOURCES__OPENAI_COSTS__"
    named = {name.removeprefix(prefix).lower() for name in os.environ if name.startswith(prefix)}
    for source in (dlt.secrets, dlt.config):
        named |= set(source.get("sources.openai_costs") or {})
    if unknown := sorted(named - set(SETTINGS)):
        raise Stop(
            f"There is no setting sources.openai_costs.{unknown[0]}. There are: "
            f"{', '.join(SETTINGS)}.",
            exit_code=2,
        )
