"""`--replay`: serve a recording, which commands then use instead of OpenAI's API."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openai_costs.folders import SEEDS, seeds_of
from openai_costs.terminal import Stop
from openai_costs_source import OpenAICostsError
from openai_costs_source.recording.replay import REPLAY_KEY, RecordedApi


def opened_recording(folder: Path) -> RecordedApi:
    """The API of the recording. Raises Stop if the folder is not a complete recording."""
    try:
        return RecordedApi(folder)
    except OpenAICostsError as error:
        raise Stop(str(error), 2) from None


@contextlib.contextmanager
def recorded_api(api: RecordedApi, with_seeds: bool) -> Iterator[dict[str, Any]]:
    """Serve the recording; yield the settings that make the source send its requests.

    With `with_seeds`, dbt uses no seeds of the user's: they are about another organization.
    """
    if with_seeds:
        seeds = seeds_of("replay")
        seeds.mkdir(parents=True, exist_ok=True)
        os.environ[SEEDS] = str(seeds)
    with api:
        # Only the last reply of each request is served after failures: nothing is worth a wait.
        yield {
            **api.settings,
            "admin_key": REPLAY_KEY,
            "base_url": api.base_url,
            "max_wait_seconds": 0,
            "now": api.now,
        }
