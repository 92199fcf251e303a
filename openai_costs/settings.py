"""Reads settings through dlt: from its files, environment variables and vaults."""

from __future__ import annotations

from typing import Any

import dlt
from dlt.common.configuration.providers.toml import TomlProviderReadException

from openai_costs.terminal import Stop, first_lines
from openai_costs_source import admin_keys, given_keys
from openai_costs_source.settings import SECTION, SETTINGS, unknown_setting

_SECTIONS = {SECTION: SETTINGS, "alerts": ("slack_webhook",)}


def setting(name: str) -> Any:
    return dlt.secrets.get(name) or dlt.config.get(name)


def configured_keys(given: str | None, checked: bool = True) -> list[str]:
    """Return the given admin keys, or else the configured ones.

    Raises OpenAICostsError if there is none, or with `checked`, if one has the wrong format.
    """
    keys = given or setting("sources.openai_costs.admin_key")
    return admin_keys(keys) if checked else given_keys(keys)


def refuse_unknown_settings() -> None:
    """Raise Stop for a misspelt setting, which dlt would ignore, and for an unreadable file."""
    for section, known in _SECTIONS.items():
        try:
            message = unknown_setting(section, known)
        except TomlProviderReadException as error:
            raise Stop(f"A settings file cannot be read: {first_lines(error)}", 2) from None
        if message:
            raise Stop(message, 2)
