"""Prints the findings of `check` as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from openai_costs.terminal import Output
from openai_costs_source.doctor import Finding

_LABELS = {
    "ok": ("ok     ", "green"),
    "note": ("note   ", ""),
    "warning": ("warning", "yellow"),
    "failed": ("failed ", "red"),
}


def print_findings(output: Output, findings: Sequence[Finding], as_json: bool) -> None:
    """Print each finding with its remedy, and whether a load is possible."""
    loadable = all(finding.status != "failed" for finding in findings)
    if as_json:
        result = {
            "is_loadable": loadable,
            "findings": [asdict(finding) for finding in findings],
        }
        output.write(json.dumps(result, indent=2) + "\n")
        return
    for finding in findings:
        key = f"key {finding.key}: " if finding.key else ""
        output.line(_LABELS[finding.status], f"  {key}{finding.check}: {finding.finding}")
        if finding.remedy:
            output.line(f"         {finding.remedy}")
    output.line()
    output.line("A load is possible." if loadable else ("No load is possible yet.", "red"))
