"""The parts of `python pipeline.py`: the terminal, the warehouse, the models."""

import os

# Nothing is sent to anybody but OpenAI; dlt and dbt read these when they are imported.
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
# Else the warehouse keeps a second copy of what each load brought, people's addresses included.
os.environ.setdefault("LOAD__TRUNCATE_STAGING_DATASET", "true")
