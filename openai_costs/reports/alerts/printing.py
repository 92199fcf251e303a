"""Alerts as text for a terminal, as JSON and as Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape

from openai_costs.reports.alerts.alert import Alert, severity_counts

FORMATS = ("json", "markdown")

_COLORS = {"info": "blue", "warning": "yellow", "critical": "red"}


def print_alerts(console: Console, alerts: Sequence[Alert], output_format: str | None) -> None:
    """Print alerts for a person; or, in an output format, nothing but JSON or Markdown."""
    if output_format == "json":
        rows = [{**asdict(alert), "day": str(alert.day)} for alert in alerts]
        _print_unwrapped(json.dumps(rows, indent=2))
    elif output_format == "markdown":
        _print_unwrapped(_markdown(alerts))
    elif not alerts:
        console.print("[green]Nothing looks wrong.[/green]")
    else:
        for alert in alerts:
            label = f"[{_COLORS[alert.severity]}]{alert.severity:<9}[/]"
            message = escape(f"{alert.organization_name}: {alert.text}")
            console.print(f"{label} {message}", soft_wrap=True)


def _print_unwrapped(text: str) -> None:
    print(text)  # noqa: T201 (rich would break lines at the terminal's width)


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
