"""Alerts: problems in the warehouse that a person should look at.

    rules/        one file per subject: queries, thresholds and texts
    events.py     groups the anomalies of a day into events
    find.py       runs all rules and sorts their alerts
    printing.py   alerts as text, JSON or Markdown
    slack.py      alerts as Slack messages, each posted once

To add a rule, write a function in `rules/` that yields alerts, and call it in `find.py`.
"""

from openai_costs.reports.alerts.alert import SEVERITIES, Alert
from openai_costs.reports.alerts.find import find_alerts
from openai_costs.reports.alerts.printing import FORMATS, print_alerts

__all__ = ["FORMATS", "SEVERITIES", "Alert", "find_alerts", "print_alerts"]
