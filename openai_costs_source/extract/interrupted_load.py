"""Aborts an interrupted load before dlt resumes it."""

from __future__ import annotations

import logging
from typing import cast

from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext
from dlt.pipeline.pipeline import Pipeline

from openai_costs_source.errors import OpenAICostsError
from openai_costs_source.extract.load_lock import lock_working_directory

_LEDGERS = {"cost_days", "usage_days", "listings"}
"""Each load of this source has rows in at least one of these tables."""

log = logging.getLogger(__name__)


def abort_interrupted_load() -> None:
    """Abort a load of this source that the active pipeline started and did not complete.

    If a process is killed and the pipeline's working directory remains, it holds the rest of the
    load. dlt 1.31 would resume it and load the files again that were already loaded: their rows
    would be stored twice. An aborted load changes nothing in dlt's state, and its days are due
    again.

    Raises OpenAICostsError if the process that started the load is still running.
    """
    context = Container()[PipelineContext]
    if not context.is_active():
        return
    pipeline = cast(Pipeline, context.pipeline())
    for load_id in pipeline.list_normalized_load_packages():
        jobs = pipeline.get_load_package_info(load_id).jobs
        tables = {job.job_file_info.table_name for state in jobs.values() for job in state}
        if tables & _LEDGERS and (jobs["started_jobs"] or jobs["completed_jobs"]):
            if not lock_working_directory(pipeline.working_dir):
                raise OpenAICostsError(
                    f"The load {load_id} was started by another process, which still runs.",
                    "Wait until it ends, or end it, and run again.",
                )
            log.warning(
                "The load %s was interrupted: aborting it. Its days are due again.", load_id
            )
            pipeline.abort_packages(load_id)
            return
