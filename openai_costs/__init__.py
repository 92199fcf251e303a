"""The command: it loads costs, builds the models and writes reports; `cli` is where it starts."""

import os

# Only OpenAI receives requests. dlt and dbt read these variables when they are imported.
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
# Without it, the staging dataset keeps a copy of each load, with people's e-mail addresses.
os.environ.setdefault("LOAD__TRUNCATE_STAGING_DATASET", "true")
