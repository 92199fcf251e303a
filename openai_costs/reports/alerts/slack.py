"""Alerts as messages to a Slack incoming webhook.

Each alert is posted once, and again if its severity rises. The warehouse stores which alerts were
posted, because a CI runner's disk is lost after the run. A webhook's address is a secret, because
anybody who knows it can post: no message of this module contains it.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from openai_costs.query import Query
from openai_costs.reports.alerts.alert import SEVERITIES, Alert, severity_counts
from openai_costs.warehouse.connection import query_through
from openai_costs_source.api.credentials import is_loopback

TIMEOUT_SECONDS = 10
SECONDS_BETWEEN_MESSAGES = 1
"""Slack accepts one message a second per webhook."""

# Slack rejects messages of more than 50 blocks, sections of more than 3,000 characters and messages
# of more than about 13,000 characters. Its documentation does not state the last limit.
MAX_BLOCKS = 50
MAX_SECTION = 3_000
MAX_MESSAGE = 10_000

_POSTED = "openai_intermediate.posted_alerts"
# The column types are copied from a table of dlt, because each warehouse names types differently.
_CREATE = f"""
create table if not exists {_POSTED} as
select
    organization_id as alert_key, organization_id as severity,
    cast(loaded_at as timestamp) as posted_at
from openai_raw.cost_days
where 1 = 0
"""  # noqa: S608
_SELECT = f"select alert_key, severity from {_POSTED}"  # noqa: S608
_INSERT = f"insert into {_POSTED} values (%s, %s, cast(%s as timestamp))"  # noqa: S608

_ICONS = {"info": ":large_blue_circle:", "warning": ":warning:", "critical": ":red_circle:"}


class NotPosted(Exception):
    """Slack did not accept every alert; those that it accepted are stored as posted."""


def checked_webhook(address: Any) -> str:
    """Return the address if it is HTTPS, or HTTP on this machine; else an empty string."""
    address = str(address or "").strip()
    try:
        requests.Request("POST", address).prepare()
        parts = urlsplit(address)
        loopback = is_loopback(parts.hostname or "")
    except (requests.RequestException, ValueError):
        return ""
    return address if parts.scheme == "https" or (parts.scheme == "http" and loopback) else ""


def not_posted(query: Query, alerts: Sequence[Alert]) -> list[Alert]:
    """Return the alerts that are new, or more severe than when they were posted."""
    posted: dict[str, int] = {}
    # Before the first post, there is no table.
    with contextlib.suppress(DatabaseUndefinedRelation):
        for key, severity in query(_SELECT):
            posted[key] = max(posted.get(key, -1), SEVERITIES.index(severity))
    return [
        alert for alert in alerts if SEVERITIES.index(alert.severity) > posted.get(alert.key, -1)
    ]


def post_new(client: Any, webhook: str, alerts: Sequence[Alert], now: datetime) -> int:
    """Post the alerts that are new, or more severe than when they were posted; return their number.

    `client` is a dlt SQL client of the warehouse. Except with a DuckDB file, two runs at the same
    time may post the same alerts. Raises NotPosted.
    """
    # Created before the first message is posted: without it, every run would post all alerts.
    client.execute_sql(_CREATE)
    new = not_posted(query_through(client), alerts)
    for number, message in enumerate(_messages(new)):
        if number:
            time.sleep(SECONDS_BETWEEN_MESSAGES)
        _post(webhook, message)
        for alert in message:
            client.execute_sql(_INSERT, alert.key, alert.severity, f"{now:%Y-%m-%d %H:%M:%S}")
    return len(new)


def _messages(alerts: Sequence[Alert]) -> Iterator[list[Alert]]:
    """Split the alerts into messages within Slack's limits."""
    message: list[Alert] = []
    for alert in alerts:
        length = sum(len(_section(other)) for other in [*message, alert])
        if message and (len(message) == MAX_BLOCKS or length > MAX_MESSAGE):
            yield message
            message = []
        message.append(alert)
    if message:
        yield message


def _section(alert: Alert) -> str:
    message = _escape(f"{alert.organization_name}: {alert.text}")
    text = f"{_ICONS[alert.severity]} *{alert.severity}* {message}"
    if len(text) <= MAX_SECTION:
        return text
    # An escaped character, such as &amp;, is not cut in two.
    return re.sub(r"&[a-z]*$", "", text[: MAX_SECTION - 1]) + "…"


def _escape(text: str) -> str:
    """Escape Slack's control characters, so that a name cannot mention people or add links."""
    for character, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, escaped)
    return text


def _post(webhook: str, alerts: Sequence[Alert]) -> None:
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "verbatim": True, "text": _section(alert)}}
        for alert in alerts
    ]
    message = {"text": f"OpenAI costs: {severity_counts(alerts)}", "blocks": blocks}
    with requests.Session() as session:
        session.trust_env = not is_loopback(urlsplit(webhook).hostname or "")
        # Without an auth function, requests would read credentials from ~/.netrc.
        session.auth = lambda request: request
        try:
            with session.post(
                webhook, json=message, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
            ) as response:
                status, body = response.status_code, next(response.iter_content(100), b"")
        except requests.Timeout:
            reason = f"the webhook did not answer within {TIMEOUT_SECONDS} seconds"
        except requests.exceptions.SSLError:
            reason = "the webhook's certificate is not trusted"
        except (requests.RequestException, ValueError):
            reason = "the webhook cannot be reached"
        else:
            if 200 <= status < 300:
                return
            reason = f"the webhook refused with {status}{_error_code(body, webhook)}"
    raise NotPosted(
        f"Slack did not accept every alert: {reason}. The next run that reaches Slack posts the "
        "rest."
    )


def _error_code(body: bytes, webhook: str) -> str:
    """Return a comma and Slack's error code, such as invalid_token; empty for any other body.

    Another body may contain the webhook's address.
    """
    code = body.decode("ascii", "replace").strip()
    return f", {code}" if re.fullmatch(r"[a-z]+(_[a-z]+)+", code) and code not in webhook else ""
