"""The command-line tool: loads costs, builds models, writes reports. `cli` is its entry point."""

import os

# Turns off the telemetry of dlt and dbt, which read these variables when they are imported.
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
# By default, the staging dataset would keep a copy of each load, with people's e-mail addresses.
os.environ.setdefault("LOAD__TRUNCATE_STAGING_DATASET", "true")
