"""Prints the findings of `check` as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape

from openai_costs_source.doctor import Finding

_LABELS = {
    "ok": "[green]ok     [/green]",
    "note": "note   ",
    "warning": "[yellow]warning[/yellow]",
    "failed": "[red]failed [/red]",
}


def print_findings(console: Console, findings: Sequence[Finding], as_json: bool) -> None:
    """Print each finding with its remedy, and whether a load is possible."""
    loadable = all(finding.status != "failed" for finding in findings)
    if as_json:
        result = {
            "is_loadable": loadable,
            "findings": [asdict(finding) for finding in findings],
        }
        print(json.dumps(result, indent=2))  # noqa: T201 (rich would break lines)
        return
    for finding in findings:
        key = f"key {finding.key}: " if finding.key else ""
        message = f"{key}{finding.check}: {finding.finding}"
        console.print(f"{_LABELS[finding.status]}  {escape(message)}", soft_wrap=True)
        if finding.remedy:
            console.print(f"         {escape(finding.remedy)}", soft_wrap=True)
    console.print()
    console.print("A load is possible." if loadable else "[red]No load is possible yet.[/red]")
