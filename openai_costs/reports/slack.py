"""Alerts, posted to a Slack incoming webhook: each once, and once more when it has got worse.

Who knows the webhook's address can post: it is a secret, and in no text that leaves this module.
What was posted is remembered in the warehouse, the one thing that outlives a CI runner's disk.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from openai_costs.reports.alerts import SEVERITIES, Alert, counted
from openai_costs_source.api.credentials import is_loopback

TIMEOUT_SECONDS = 10
SECONDS_BETWEEN_MESSAGES = 1
"""Slack takes one message a second of each webhook."""

# Slack refuses a message of more than 50 blocks, a section of more than 3,000 characters and, as
# clients found and its documentation does not say, blocks of more than some 13,000 altogether.
MAX_BLOCKS = 50
MAX_SECTION = 3_000
MAX_MESSAGE = 10_000

_POSTED = "openai_intermediate.posted_alerts"
# The types are those of a table that dlt made: each warehouse has its own names for them.
_CREATE = f"""
create table if not exists {_POSTED} as
select
    organization_id as alert_key, organization_id as severity,
    cast(loaded_at as timestamp) as posted_at
from openai_raw.cost_days
where 1 = 0
"""  # noqa: S608
_MARKS = {"info": ":large_blue_circle:", "warning": ":warning:", "critical": ":red_circle:"}


class NotPosted(Exception):
    """Slack took not all of the alerts; what it took is remembered. Never names the address."""


def checked_webhook(address: Any) -> str:
    """The address; nothing where it is not HTTPS, or on this machine."""
    address = str(address or "").strip()
    try:
        requests.Request("POST", address).prepare()
        parts = urlsplit(address)
        is_here = is_loopback(parts.hostname or "")
    except (requests.RequestException, ValueError):
        return ""
    return address if parts.scheme == "https" or (parts.scheme == "http" and is_here) else ""


def post_new(client: Any, webhook: str, alerts: Sequence[Alert], now: datetime) -> int:
    """Post those that were not posted yet, or were less severe then; how many these are.

    `client` is a dlt SQL client of the warehouse. Two runs at once may both post: only a DuckDB
    file keeps one of them out. Raises NotPosted.
    """
    # Before anything is posted: else each run would post all of it, where this cannot be done.
    client.execute_sql(_CREATE)
    posted: dict[str, int] = {}
    for key, severity in client.execute_sql(f"select alert_key, severity from {_POSTED}") or []:  # noqa: S608
        posted[key] = max(posted.get(key, -1), SEVERITIES.index(severity))
    new = [each for each in alerts if SEVERITIES.index(each.severity) > posted.get(each.key, -1)]
    for number, message in enumerate(_messages(new)):
        if number:
            time.sleep(SECONDS_BETWEEN_MESSAGES)
        _post(webhook, message)
        for each in message:
            client.execute_sql(
                f"insert into {_POSTED} values (%s, %s, cast(%s as timestamp))",  # noqa: S608
                each.key,
                each.severity,
                f"{now:%Y-%m-%d %H:%M:%S}",
            )
    return len(new)


def _messages(alerts: Sequence[Alert]) -> Iterator[list[Alert]]:
    """The alerts of each message that Slack takes."""
    message: list[Alert] = []
    for each in alerts:
        length = sum(len(_section(other)) for other in [*message, each])
        if message and (len(message) == MAX_BLOCKS or length > MAX_MESSAGE):
            yield message
            message = []
        message.append(each)
    if message:
        yield message


def _section(alert: Alert) -> str:
    said = _literal(f"{alert.organization_name}: {alert.text}")
    text = f"{_MARKS[alert.severity]} *{alert.severity}* {said}"
    if len(text) <= MAX_SECTION:
        return text
    # Nothing that stands for one character is cut in two.
    return re.sub(r"&[a-z]*$", "", text[: MAX_SECTION - 1]) + "…"


def _literal(text: str) -> str:
    """Text that mentions nobody and links nowhere, whatever the names in it."""
    for character, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, escaped)
    return text


def _post(webhook: str, alerts: Sequence[Alert]) -> None:
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "verbatim": True, "text": _section(each)}}
        for each in alerts
    ]
    message = {"text": f"OpenAI costs: {counted(alerts)}", "blocks": blocks}
    with requests.Session() as session:
        session.trust_env = not is_loopback(urlsplit(webhook).hostname or "")
        # Else requests would look for credentials in ~/.netrc.
        session.auth = lambda request: request
        try:
            with session.post(
                webhook, json=message, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
            ) as reply:
                status, said = reply.status_code, next(reply.iter_content(100), b"")
        except requests.Timeout:
            why = f"it did not answer within {TIMEOUT_SECONDS} seconds"
        except requests.exceptions.SSLError:
            why = "its certificate cannot be trusted"
        except (requests.RequestException, ValueError):
            why = "it cannot be reached"
        else:
            if 200 <= status < 300:
                return
            # Slack's own words, such as invalid_token; what else a server says may be the address.
            word = said.decode("ascii", "replace").strip()
            is_word = re.fullmatch(r"[a-z]+(_[a-z]+)+", word) and word not in webhook
            why = f"it refused with {status}{f', {word}' if is_word else ''}"
    raise NotPosted(
        f"The Slack webhook took not all alerts: {why}. Those left are posted by the next run that "
        "reaches it."
    )
