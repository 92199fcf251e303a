"""The report: one HTML file that shows the marts and opens without a network.

`page/report.html` is the template. The style, the scripts, the chart library and the data are put
into it. The page's content security policy names the hashes of its scripts: a browser runs no other
script, and loads nothing.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from openai_costs.query import Query
from openai_costs.replaced_files import replace, temporary_file
from openai_costs.reports.html.report_data import report_data
from openai_costs.terminal import Output

FILE = "openai_costs_report.html"
SCRIPTS = (
    *("amounts", "days", "selection", "costs", "elements"),
    *("charts", "daily_chart", "burn_up_chart", "monthly_chart", "budgets"),
    *("how_much", "breakdown", "changes", "alerts", "trust", "main"),
)
"""The scripts of the page, each after those that it uses; the last one shows the page."""

_PAGE = Path(__file__).resolve().parent / "page"


def write_report(query: Query, file: Path, now: datetime) -> dict[str, Any]:
    """Write the report of a warehouse with the models, and return its data.

    The file replaces the previous one in one step. Raises OSError if it cannot be written.
    """
    data = report_data(query, now)
    with temporary_file(file) as temporary:
        temporary.write_text(render(data), encoding="utf-8")
        replace(file, temporary)
    return data


def print_written(output: Output, file: Path, data: dict[str, Any]) -> None:
    """Print the months, total and alerts of each organization, and where the report is."""
    for bill in data["bills"]:
        months = f"{bill['months'][0]} to {bill['months'][-1]}"
        total = f"exactly {bill['total']} {bill['currency']}"
        alerts = f"{len(bill['alerts'])} alerts"
        output.line()
        output.line((bill["organization_name"], "bold"))
        output.line(f"  {months}, total of all days {total}; {alerts}")
    size = file.stat().st_size / 1_000_000
    output.line()
    output.line(f"  {file}, {size:.1f} MB, opens without a network")


def render(data: dict[str, Any]) -> str:
    """Return the page, complete with its data, style and scripts."""
    charts = _chart_library()
    program = "\n".join(['"use strict";', *(_read(f"{name}.js") for name in SCRIPTS)])
    parts = {
        "policy": f"default-src 'none'; style-src 'unsafe-inline'; "
        f"script-src {_hash(charts)} {_hash(program)}",
        "style": _read("report.css"),
        "data": _script_json(data),
        "charts": charts,
        "program": program,
    }
    # In one pass, so that a placeholder inside a part, such as a name, is not replaced.
    return re.sub(r"\{\{ (\w+) \}\}", lambda match: parts[match[1]], _read("report.html"))


@functools.cache
def _chart_library() -> str:
    """Return Vega-Lite as one script without dependencies."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed")


def _read(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _script_json(data: dict[str, Any]) -> str:
    """Return JSON for a script element, escaped so that no name in it can end the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
