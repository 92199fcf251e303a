"""Aborts a load that was interrupted while it was loading, before dlt resumes it."""

from __future__ import annotations

import logging
from typing import cast

from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext
from dlt.pipeline.pipeline import Pipeline

from openai_costs_source.api.client import OpenAICostsError
from openai_costs_source.extract.load_lock import holds

_LEDGERS = {"cost_days", "usage_days", "listings"}
"""Each load of this source has rows of at least one of them."""

log = logging.getLogger(__name__)


def abort_interrupted_load() -> None:
    """Abort a load of this source that the active pipeline began and did not complete.

    A pipeline's working directory that outlives a killed process holds the rest of its load. dlt
    1.31 would resume it, and load again the files that were loaded when their process was killed:
    their rows would be there twice. An aborted load leaves no trace in dlt's state, and the days
    that it was to load are due again.

    Raises OpenAICostsError if the process that began the load still runs.
    """
    context = Container()[PipelineContext]
    if not context.is_active():
        return
    pipeline = cast(Pipeline, context.pipeline())
    for load_id in pipeline.list_normalized_load_packages():
        jobs = pipeline.get_load_package_info(load_id).jobs
        tables = {job.job_file_info.table_name for each in jobs.values() for job in each}
        if tables & _LEDGERS and (jobs["started_jobs"] or jobs["completed_jobs"]):
            if not holds(pipeline.working_dir):
                raise OpenAICostsError(
                    f"The load {load_id} was begun by another process, which still runs.",
                    "Wait until it ends, or end it, and run again.",
                )
            log.warning(
                "The load %s was interrupted: aborting it. Its days are due again.", load_id
            )
            pipeline.abort_packages(load_id)
            return
