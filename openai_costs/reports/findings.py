"""What the doctor found, for a person or for a program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape

from openai_costs_source.doctor import Finding

_MARKS = {
    "ok": "[green]ok     [/green]",
    "note": "note   ",
    "warning": "[yellow]warning[/yellow]",
    "failed": "[red]failed [/red]",
}


def print_findings(console: Console, findings: Sequence[Finding], is_json: bool) -> None:
    """Print each finding and its remedy; as JSON, the answer to whether a load is possible too."""
    is_loadable = all(finding.status != "failed" for finding in findings)
    if is_json:
        found = {"is_loadable": is_loadable, "findings": [asdict(each) for each in findings]}
        print(json.dumps(found, indent=2))  # noqa: T201 (a terminal's width must not break lines)
        return
    for each in findings:
        key = f"key {each.key}: " if each.key else ""
        says = f"{_MARKS[each.status]}  {escape(key + each.check)}: {escape(each.finding)}"
        console.print(says, soft_wrap=True)
        if each.remedy:
            console.print(f"         {escape(each.remedy)}", soft_wrap=True)
    console.print()
    console.print("A load is possible." if is_loadable else "[red]No load is possible yet.[/red]")
