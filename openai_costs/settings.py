"""Reads settings through dlt: from its files, environment variables and vaults."""

from __future__ import annotations

from typing import Any

import dlt
from dlt.common.configuration.providers.toml import TomlProviderReadException

from openai_costs.terminal import Stop, first_lines
from openai_costs_source import admin_keys, given_keys
from openai_costs_source.settings import SECTION, SETTINGS, unknown_setting

_SECTIONS = {
    SECTION: SETTINGS,
    "alerts": ("slack_webhook",),
    "warehouse": ("lock_timeout_seconds", "read_copy", "readable_by"),
}
_LOCK_TIMEOUT_SECONDS = 60
_WITHHELD = {"owner": 0o077, "group": 0o027, "everyone": 0o022}
"""The permissions that new files do not give, by who may read them."""


def setting(name: str) -> Any:
    value: Any = dlt.secrets.get(name)
    return dlt.config.get(name) if value in (None, "") else value


def lock_timeout_seconds() -> int:
    """Return for how long a command waits while another program has a DuckDB file open.

    Raises Stop if the setting is not a number of seconds.
    """
    name = "warehouse.lock_timeout_seconds"
    value = setting(name)
    text = str(_LOCK_TIMEOUT_SECONDS if value is None else value).strip()
    if not text.isdecimal() or int(text) > 3600:
        raise Stop(f"{name} is {text}; it must be a whole number of seconds up to 3600.", 2)
    return int(text)


def withheld_permissions() -> int:
    """Return the permissions that new files do not give. Raises Stop for an unknown reader."""
    reader = str(setting("warehouse.readable_by") or "owner").strip().lower()
    if reader not in _WITHHELD:
        known = ", ".join(_WITHHELD)
        raise Stop(f"warehouse.readable_by is {reader}; it must be one of {known}.", 2)
    return _WITHHELD[reader]


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
