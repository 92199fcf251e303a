"""The report: the marts in one HTML file that opens without a network.

The page is `page/report.html`; style, program, the chart library and the data go into it. A browser
runs the scripts whose hash the page's own policy names, and loads nothing.
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

from rich.console import Console
from rich.markup import escape

from openai_costs.query import Query
from openai_costs.reports.html.report_data import report_data

FILE = "openai_costs_report.html"
_PAGE = Path(__file__).resolve().parent / "page"


def write_report(query: Query, file: Path, now: datetime) -> dict[str, Any]:
    """Write the report of a warehouse with the models, and give what it tells.

    The file takes the place of the one before it in one step. Raises OSError where it cannot be
    written.
    """
    told = report_data(query, now)
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_text(rendered(told), encoding="utf-8")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return told


def print_written(console: Console, file: Path, told: dict[str, Any]) -> None:
    """Print what the report tells of, and where it is."""
    for book in told["books"]:
        months = f"{book['months'][0]} to {book['months'][-1]}"
        total = f"exactly {book['total']} {book['currency']}"
        alerts = f"{len(book['alerts'])} things to look at"
        console.print(f"\n[bold]{escape(book['organization_name'])}[/bold]", soft_wrap=True)
        console.print(f"  {months}, of all days {total}; {alerts}", soft_wrap=True)
    size = file.stat().st_size / 1_000_000
    console.print(
        f"\n  {escape(str(file))}, {size:.1f} MB, opens without a network", soft_wrap=True
    )


def rendered(told: dict[str, Any]) -> str:
    """The page with all that it needs within it."""
    charts, program = _chart_library(), _read("report.js")
    parts = {
        "policy": f"default-src 'none'; style-src 'unsafe-inline'; "
        f"script-src {_hash(charts)} {_hash(program)}",
        "style": _read("report.css"),
        "data": _as_json(told),
        "charts": charts,
        "program": program,
    }
    # In one pass: what is put in is not looked through again.
    return re.sub(r"\{\{ (\w+) \}\}", lambda found: parts[found[1]], _read("report.html"))


@functools.cache
def _chart_library() -> str:
    """Vega-Lite, as one script that needs no other."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed")


def _read(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _as_json(told: dict[str, Any]) -> str:
    """JSON within a script element: nothing that a name holds can end the element."""
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
