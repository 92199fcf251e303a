"""One alert: what is wrong, how severe it is, and the key that identifies it across runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True)
class Alert:
    """A problem. `key` identifies it: a later run that finds it again gives it the same key.

    `alerts --format json` prints these fields. The warehouse stores the keys of posted alerts, so
    an alert whose key changes is posted again.
    """

    kind: str
    severity: str
    organization_id: str
    organization_name: str
    subject: str
    day: date
    text: str
    key: str

    def is_at_least(self, severity: str) -> bool:
        return SEVERITIES.index(self.severity) >= SEVERITIES.index(severity)


def severity_counts(alerts: Sequence[Alert]) -> str:
    """Return the number of alerts by severity, such as "2 critical, 1 warning"."""
    severities = [alert.severity for alert in alerts]
    counts = {severity: severities.count(severity) for severity in reversed(SEVERITIES)}
    return ", ".join(f"{count} {severity}" for severity, count in counts.items() if count)
