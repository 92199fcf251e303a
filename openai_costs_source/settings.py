"""The settings of the source: dlt's configspec, the admin keys and the URL of the API.

dlt looks them up in its configuration files, the environment and vaults.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime
from typing import Any

from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers.doc import BaseDocProvider
from dlt.common.configuration.specs import BaseConfiguration, ConfigSectionContext
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.typing import TSecretValue

from openai_costs_source.api.credentials import (
    OPENAI_URL,
    WHERE_KEYS_COME_FROM,
    checked_key,
    checked_url,
)
from openai_costs_source.api.date_ranges import DIMENSIONS, GROUP_BY
from openai_costs_source.api.retry import MAX_WAIT_SECONDS
from openai_costs_source.errors import OpenAICostsError
from openai_costs_source.extract.redaction import checked_user_emails

SECTION = "sources.openai_costs"
REFETCH_DAYS = 35


@configspec
class SourceSettings(BaseConfiguration):
    """The settings, except the admin key, which a load looks up when it needs it.

    Once dlt has resolved them, each is a validated date, number, text or tuple of dimensions.
    Invalid values raise OpenAICostsError (wrong use).
    """

    base_url: str | None = None
    start_date: Any | None = None
    refetch_days: Any | None = None
    group_by: Any | None = None
    max_wait_seconds: Any | None = None
    user_emails: Any | None = None
    keep_months: Any | None = None

    def on_resolved(self) -> None:
        if message := unknown_setting(SECTION, SETTINGS):
            raise _wrong_use(message)
        self.start_date = _start_date(self.start_date)
        self.refetch_days = _whole_number("refetch_days", self.refetch_days, REFETCH_DAYS)
        self.group_by = dimensions(self.group_by)
        self.max_wait_seconds = _whole_number(
            "max_wait_seconds", self.max_wait_seconds, MAX_WAIT_SECONDS
        )
        self.keep_months = _whole_number("keep_months", self.keep_months or 0, 0)
        try:
            self.user_emails = checked_user_emails(self.user_emails)
        except ValueError as error:
            raise _wrong_use(str(error)) from None
        self.base_url = api_url(self.base_url)
        checked_url(self.base_url)


SETTINGS = ("admin_key", *SourceSettings.get_resolvable_fields())
"""All settings of the section `sources.openai_costs`."""


@configspec
class AdminKeySetting(BaseConfiguration):
    """The admin key, or a list of keys."""

    admin_key: TSecretValue | None = None


def admin_keys_when_needed(given: Any) -> Callable[[], list[str]]:
    """A function that returns the given keys, or looks them up in the section of this source.

    Raises OpenAICostsError (wrong use) at once for a given key that is not an admin key; the
    function raises it if there is none.
    """
    if isinstance(given, str | list | tuple):
        keys = admin_keys(given)
        return lambda: keys
    sections = Container()[ConfigSectionContext].sections

    def look_up() -> list[str]:
        setting = resolve_configuration(AdminKeySetting(), sections=sections)
        return admin_keys(setting.admin_key)

    return look_up


def admin_keys(setting: Any = None) -> list[str]:
    """The keys of a setting (one key or a list), else those of OPENAI_ADMIN_KEY; each key once.

    Raises OpenAICostsError (wrong use) if there is none, or one that is not an admin key.
    """
    return list(dict.fromkeys(checked_key(key) for key in given_keys(setting)))


def given_keys(setting: Any = None) -> list[str]:
    """The keys of `admin_keys`, unchecked. Raises OpenAICostsError (wrong use) if there is none."""
    given = _listed_in(setting) or _listed_in(os.environ.get("OPENAI_ADMIN_KEY"))
    if not given:
        raise _wrong_use(
            f"No key: set OPENAI_ADMIN_KEY to an admin key (sk-admin-…). {WHERE_KEYS_COME_FROM}"
        )
    return given


def api_url(setting: str | None = None) -> str:
    """The URL of the API: the setting, else OPENAI_BASE_URL, else OpenAI's."""
    return setting or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL


def unknown_setting(section: str, known: Collection[str]) -> str:
    """A sentence that names the first unknown setting of a section; empty if all are known.

    Without this check, dlt ignores a misspelt setting. Sections within the section, such as
    `sources.openai_costs.data_writer`, belong to dlt.
    """
    prefix = f"{section.replace('.', '__').upper()}__"
    names = {name.removeprefix(prefix).lower() for name in os.environ if name.startswith(prefix)}
    names = {name for name in names if "__" not in name}
    *parents, last = section.split(".")
    for provider in Container()[PluggableRunContext].providers.providers:
        # `dlt.secrets.get` would put the section, and the key in it, into the pipeline's trace.
        if isinstance(provider, BaseDocProvider):
            settings, _ = provider.get_value(last, Any, "", *parents)
            if isinstance(settings, dict):
                names |= {name for name, value in settings.items() if not isinstance(value, dict)}
    if unknown := sorted(names - set(known)):
        return f"There is no setting {section}.{unknown[0]}. There are: {', '.join(known)}."
    return ""


def _listed_in(setting: Any) -> list[str]:
    """The items of a list, or of a text: a comma-separated or a JSON list."""
    if isinstance(setting, str):
        setting = setting.strip().removeprefix("[").removesuffix("]").split(",")
    return [item for item in (str(item).strip(" \t\r\n\"'") for item in setting or ()) if item]


def dimensions(setting: Any) -> tuple[str, ...]:
    """The dimensions of the setting `group_by`, in the API's order; without it, all by default.

    Raises OpenAICostsError (wrong use) for an unknown one.
    """
    names = _listed_in(setting) or list(GROUP_BY)
    if unknown := [name for name in names if name not in DIMENSIONS]:
        raise _wrong_use(f"group_by accepts {', '.join(DIMENSIONS)}, not {', '.join(unknown)}.")
    return tuple(name for name in DIMENSIONS if name in names)


def _start_date(setting: Any) -> date | None:
    text = str(setting or "").strip()
    if not text:
        return None
    try:
        # Python also accepts 20260131 and 2026-W05-6, which are more likely to be mistakes.
        day = date.fromisoformat(text if len(text) == 10 else f"no day: {text}")
    except ValueError:
        raise _wrong_use(f"start_date is {setting}; it must be a day such as 2026-01-31.") from None
    if day > datetime.now(UTC).date():
        raise _wrong_use(f"start_date is {day}, which is in the future.")
    return day


def _whole_number(name: str, setting: Any, default: int) -> int:
    text = str(default if setting is None else setting).strip()
    if not text.isdecimal() or int(text) > 3650:
        raise _wrong_use(f"{name} is {text}; it must be a whole number, such as {default}.")
    return int(text)


def _wrong_use(message: str) -> OpenAICostsError:
    return OpenAICostsError(message, is_wrong_use=True)
