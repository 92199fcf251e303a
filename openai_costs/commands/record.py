"""`check --record`: record what OpenAI returns to a first load and to a check of the key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from openai_costs.settings import configured_keys, setting
from openai_costs.temporary_folders import temporary_folder
from openai_costs.terminal import Stop, announce, output, progress
from openai_costs.warehouse.connection import open_pipeline
from openai_costs.warehouse.destinations import Warehouse
from openai_costs.warehouse.error_messages import causes_of, explained
from openai_costs_source import OpenAICostsError, api_url, openai_costs
from openai_costs_source.doctor import check_key
from openai_costs_source.recording.record import LOAD_SETTINGS, Recorder
from openai_costs_source.settings import dimensions


def record(api_settings: dict[str, Any], folder: Path) -> int:
    """Record into the folder; return 0, also if OpenAI refused requests.

    `api_settings` override the configured key, URL and time. The warehouse is not opened. Raises
    Stop if nothing was recorded, or if the recording is incomplete for another reason.
    """
    key = _only_key(api_settings)
    url = api_url(api_settings.get("base_url") or setting("sources.openai_costs.base_url"))
    now = api_settings.get("now") or datetime.now(UTC)
    given = {
        name: api_settings.get(name, setting(f"sources.openai_costs.{name}"))
        for name in LOAD_SETTINGS
    }
    settings = {name: value for name, value in given.items() if value is not None}
    try:
        recorder = Recorder(folder, now, settings)
    except OpenAICostsError as error:
        raise Stop(str(error), 2) from None
    except OSError as error:
        raise Stop(f"{folder} cannot be written to: {error.strerror or error}.", 2) from None
    for host in own_hosts(url):
        recorder.anonymizer.pseudonyms.of(host)
    load = {**api_settings, **settings, "admin_key": key, "base_url": url, "now": now}
    try:
        with recorder, progress("Requesting costs from OpenAI"):
            ended_with = _api_error(lambda: _extract(load, recorder))
            if not recorder.replies:
                raise Stop(ended_with or "No request was sent to OpenAI.")
            group_by = dimensions(settings.get("group_by"))
            _api_error(lambda: list(check_key(key, url, now.date(), group_by, recorder)))
            recorder.finish(ended_with)
    except OSError as error:
        raise Stop(f"{folder} cannot be written to: {error.strerror or error}.") from None
    if ended_with:
        output.line(f"The load ended with: {ended_with}")
    output.line(f"{recorder.replies:,} replies are recorded in {folder.resolve()}.")
    output.line(
        "Nothing was sent to anyone. Before you share the folder, read its README.md: it says what "
        "was replaced, and what the recording still shows."
    )
    return 0


def _only_key(api_settings: dict[str, Any]) -> str:
    try:
        keys = configured_keys(api_settings.get("admin_key"))
    except OpenAICostsError as error:
        raise Stop(str(error), 2) from None
    if len(keys) > 1:
        raise Stop(
            f"--record records one organization, and {len(keys)} keys are configured: set "
            "OPENAI_ADMIN_KEY to one of them, without the setting admin_key.",
            2,
        )
    return keys[0]


def own_hosts(url: str) -> list[str]:
    """The hosts, with and without port, that messages name and that are not OpenAI's."""
    proxy = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)) or ""
    hosts = [
        address.rpartition("@")[2].rpartition("//")[2].partition("/")[0] for address in (url, proxy)
    ]
    own = [host for host in hosts if not f".{host.partition(':')[0]}".endswith(".openai.com")]
    return [*own, *(host.rpartition(":")[0] for host in own if ":" in host)]


def _extract(settings: dict[str, Any], recorder: Recorder) -> None:
    """Send the requests of a first load. Its rows go to a temporary folder."""
    with temporary_folder() as folder:
        warehouse = Warehouse("duckdb", folder / "recording.duckdb")
        with open_pipeline(warehouse) as pipeline:
            source = openai_costs(**settings, observe=recorder)
            announce("Requesting costs from OpenAI")
            pipeline.extract(source)


def _api_error(send: Callable[[], object]) -> str | None:
    """The message of the API's error with which the function ends; None if it returns.

    Raises Stop for a wrong setting, a full disk or an interruption.
    """
    try:
        send()
    except BaseException as error:
        for cause in causes_of(error):
            if isinstance(cause, OpenAICostsError):
                if cause.is_wrong_use:
                    raise Stop(str(cause), 2) from None
                return str(cause)
        raise explained(error, "The temporary file") or error from None
    return None
