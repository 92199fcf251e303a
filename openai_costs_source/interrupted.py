"""Takes back a load that was killed while it was loading, before dlt goes on with it."""

from __future__ import annotations

import logging
from typing import cast

from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext
from dlt.pipeline.pipeline import Pipeline

log = logging.getLogger(__name__)


def take_back_interrupted_load(schema: str) -> None:
    """Abort a load of this schema that the active pipeline began and did not complete.

    A working folder that outlives a killed process holds the rest of its load. dlt 1.31 would go
    on with it, and load again the files that were loaded when their process was killed: their rows
    would be there twice. Taken back, the load leaves no trace in dlt's state, and the days that it
    was to load are due again.
    """
    context = Container()[PipelineContext]
    if not context.is_active():
        return
    pipeline = cast(Pipeline, context.pipeline())
    for load_id in pipeline.list_normalized_load_packages():
        package = pipeline.get_load_package_info(load_id)
        begun = [*package.jobs["started_jobs"], *package.jobs["completed_jobs"]]
        if package.schema_name == schema and begun:
            log.warning("The load %s was interrupted: it is taken back, and loaded again.", load_id)
            pipeline.abort_packages(load_id)
            return
