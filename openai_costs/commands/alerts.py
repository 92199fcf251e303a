"""`alerts`: print what needs attention, and post new alerts to Slack."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from openai_costs.commands.required_models import explain_missing_models
from openai_costs.reports.alerts import find_alerts, print_alerts
from openai_costs.reports.alerts.alert import Alert
from openai_costs.reports.alerts.slack import NotPosted, checked_webhook, not_posted, post_new
from openai_costs.settings import setting
from openai_costs.terminal import Stop, output, say
from openai_costs.warehouse.connection import open_client, open_query, require_costs
from openai_costs.warehouse.destinations import Warehouse


def alerts(warehouse: Warehouse, severity: str, output_format: str | None, post: bool) -> int:
    """Print all alerts, and with `post`, post those of at least this severity to Slack, each once.

    Returns the exit code: 3 if there is an alert of at least this severity.
    """
    webhook = ""
    if post and not (webhook := checked_webhook(setting("alerts.slack_webhook"))):
        raise Stop(
            "--slack-webhook needs the setting alerts.slack_webhook, or ALERTS__SLACK_WEBHOOK in "
            "the environment: the https:// address of a Slack incoming webhook.",
            2,
        )
    require_costs(warehouse)
    now = datetime.now(UTC)
    with open_query(warehouse) as query:
        with explain_missing_models(warehouse):
            raised = find_alerts(query, now)
        counted = [alert for alert in raised if alert.is_at_least(severity)]
        new = not_posted(query, counted) if post else []
    print_alerts(output, raised, output_format)
    if post:
        posted = _post(warehouse, webhook, counted, now) if new else 0
        say(f"Posted to Slack: {posted} new, {len(counted) - posted} already posted.")
    return 3 if counted else 0


def _post(warehouse: Warehouse, webhook: str, alerts: Sequence[Alert], now: datetime) -> int:
    """Post the alerts that are new, and return their number. Raises Stop."""
    # The connection locks a DuckDB file, so that no other run posts the same alerts.
    with open_client(warehouse, read_only=False) as client:
        try:
            return post_new(client, webhook, alerts, now)
        except NotPosted as error:
            raise Stop(str(error)) from None
