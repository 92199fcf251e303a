"""Alerts as text for a terminal, as JSON and as Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict

from openai_costs.reports.alerts.alert import Alert, severity_counts
from openai_costs.terminal import Output

FORMATS = ("json", "markdown")

_COLORS = {"info": "blue", "warning": "yellow", "critical": "red"}


def print_alerts(output: Output, alerts: Sequence[Alert], output_format: str | None) -> None:
    """Print alerts for a person; or, in an output format, nothing but JSON or Markdown."""
    if output_format == "json":
        rows = [{**asdict(alert), "day": str(alert.day)} for alert in alerts]
        output.write(json.dumps(rows, indent=2) + "\n")
    elif output_format == "markdown":
        output.write(_markdown(alerts) + "\n")
    elif not alerts:
        output.line(("Nothing looks wrong.", "green"))
    else:
        for alert in alerts:
            label = (f"{alert.severity:<9}", _COLORS[alert.severity])
            output.line(label, f" {alert.organization_name}: {alert.text}")


def _markdown(alerts: Sequence[Alert]) -> str:
    if not alerts:
        return "### OpenAI costs\n\nNothing looks wrong."
    lines = [
        f"### OpenAI costs: {severity_counts(alerts)}",
        "",
        "| Severity | Organization | Day | Alert |",
        "|---|---|---|---|",
    ]
    for alert in alerts:
        name, text = _escape_markdown(alert.organization_name), _escape_markdown(alert.text)
        lines.append(f"| {alert.severity} | {name} | {alert.day} | {text} |")
    return "\n".join(lines)


def _escape_markdown(text: str) -> str:
    """Escape Markdown's special characters: names may contain links or table cells."""
    return re.sub(
        r"[\\`*_{}\[\]<>#!|~&@$]|:(?=\S)|(?<=www)\.", r"\\\g<0>", text, flags=re.IGNORECASE
    )
