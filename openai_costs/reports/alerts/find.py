"""Runs all alert rules on the warehouse."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from openai_costs.query import Query
from openai_costs.reports.alerts.alert import SEVERITIES, Alert
from openai_costs.reports.alerts.rules.anomalies import anomaly_alerts
from openai_costs.reports.alerts.rules.budgets import budget_alerts
from openai_costs.reports.alerts.rules.credits import credit_alerts
from openai_costs.reports.alerts.rules.deleted_keys import deleted_key_alerts
from openai_costs.reports.alerts.rules.loads import load_alerts
from openai_costs.reports.alerts.rules.reconciliation import reconciliation_alerts
from openai_costs.terminal import printable


def find_alerts(query: Query, now: datetime) -> list[Alert]:
    """Return all current alerts, sorted by severity and day, the highest and latest first."""
    alerts = [
        *budget_alerts(query, now),
        *anomaly_alerts(query, now),
        *reconciliation_alerts(query, now),
        *load_alerts(query, now),
        *deleted_key_alerts(query, now),
        *credit_alerts(query, now),
    ]
    alerts.sort(key=lambda alert: alert.key)
    alerts.sort(key=lambda alert: (SEVERITIES.index(alert.severity), alert.day), reverse=True)
    return [_printable(alert) for alert in alerts]


def _printable(alert: Alert) -> Alert:
    """Escape control characters also for readers of JSON and Slack, who may print the names."""
    return replace(
        alert,
        organization_name=printable(alert.organization_name),
        subject=printable(alert.subject),
        text=printable(alert.text),
    )
