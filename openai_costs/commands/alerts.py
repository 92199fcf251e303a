"""`alerts`: print what needs attention, and post new alerts to Slack."""

from __future__ import annotations

from datetime import UTC, datetime

from openai_costs.commands.required_models import explain_missing_models
from openai_costs.reports.alerts import find_alerts, print_alerts
from openai_costs.reports.alerts.slack import NotPosted, checked_webhook, post_new
from openai_costs.settings import setting
from openai_costs.terminal import Stop, output, say
from openai_costs.warehouse.connection import open_client, query_through, require_costs
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
    # The open connection locks a DuckDB file, so that no other run posts the same alerts.
    with open_client(warehouse) as client:
        with explain_missing_models(warehouse):
            raised = find_alerts(query_through(client), now)
        print_alerts(output, raised, output_format)
        counted = [alert for alert in raised if alert.is_at_least(severity)]
        if post:
            try:
                posted = post_new(client, webhook, counted, now)
            except NotPosted as error:
                raise Stop(str(error)) from None
            say(f"Posted to Slack: {posted} new, {len(counted) - posted} already posted.")
    return 3 if counted else 0
