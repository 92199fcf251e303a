"""What somebody should look at: budgets, anomalies, checks that differ, loads that are due."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from statistics import median
from typing import Any, NamedTuple

from rich.console import Console
from rich.markup import escape

from openai_costs.reports.status import (
    DAYS,
    DISAGREEING,
    ORGANIZATIONS,
    in_utc,
    is_stale,
    soon_forgotten,
    spans,
    unmodelled,
    when_loaded,
)
from openai_costs.reports.summary import Query

SEVERITIES = ("info", "warning", "critical")
FORMATS = ("json", "markdown")

BUDGET_DAYS = 14
"""For so long after a month's end its budgets still matter: OpenAI's invoice comes within it."""
ANOMALY_DAYS = 14
"""Who was away for two weeks still hears of it."""
EXPLAINED = Decimal(2) / 3
"""A row is no event of its own where narrower ones account for so much of its excess."""
USUAL_DAYS = 28
"""Four weeks, so that each weekday counts alike."""
GREAT_SHARE = Decimal("0.5")
"""An excess above this share of the organization's usual day shows in the whole bill."""
CHECK_DAYS = 62
"""The open month and the one before it: what a finance team can still ask OpenAI about."""
OLD_HOURS = 7 * 24
"""A week without a load is no weekend any more."""
LAST_DAYS = 7
"""A week to load what OpenAI is about to forget."""
DELETED_KEY_DAYS = 3
"""Costs lag usage by hours, not by days: older spend is from before the deletion."""
CREDIT_DAYS, LAST_CREDIT_DAYS = 14, 3
"""Time to approve a top-up, and the weekend before which it must be done."""

# The bill is right, or a person's entry may be wrong; whatever else differs is money gone astray.
_MAY_WAIT = (
    "every day is in the ledger",
    "tokens billed equal tokens used",
    "month equals its invoice",
)
# From the narrowest on: the first one to say where an event comes from.
_SCOPES = {"api_key": "API key", "user": "user", "model": "model", "project": "project"}
_CAUSES = {
    "volume": "because of its volume",
    "price": "because of higher prices",
    "model mix": "because of a costlier mix of models",
}
_BUDGET_NAMES = {
    "spend_limit": "its spend limit at OpenAI",
    "spend_alert": "the amount at which OpenAI alerts by mail",
}
_COLORS = {"info": "blue", "warning": "yellow", "critical": "red"}

_BUDGETS = """
select
    budget_id, budget_source, organization_id, organization_name, scope, scope_name, month,
    currency, budget, unblended_cost, spent_share, expected_month_end, breached_on,
    expected_breach_on, status
from openai_marts.budget_status
where month >= %s and status in ('breached', 'at risk')
order by month, budget_id
"""
_LAST_DAYS = """
select organization_id, max(date), max(case when is_closed then date end)
from openai_raw.cost_days
group by organization_id
order by organization_id
"""
_ANOMALIES = """
select
    organization_id, organization_name, date, scope, scope_id, scope_name, currency, actual,
    expected, excess, explained_by
from openai_marts.cost_anomalies
where organization_id = %s and date > %s
order by date, currency, scope_id
"""
_CHARGES = """
select x_CredentialId, x_PrincipalId, x_ModelFamily, coalesce(SubAccountId, ''), sum(BilledCost)
from openai_marts.focus_costs
where BillingAccountId = %s and BillingCurrency = %s
    and ChargePeriodStart >= %s and ChargePeriodStart < %s
group by x_CredentialId, x_PrincipalId, x_ModelFamily, coalesce(SubAccountId, '')
"""
_DAILY = """
select sum(unblended_cost)
from openai_marts.daily_costs_by_project
where organization_id = %s and currency = %s and date >= %s and date < %s
group by date
"""
_DIFFERING = """
select
    organization_id, organization_name, check_name, period, period_start, currency, user_id,
    model_family, meter, difference, reason
from openai_marts.reconciliation
where status = 'differs'
order by organization_id, check_name, period_start, user_id, model_family, meter
"""
_DELETED_KEYS = """
select
    keys.organization_id, keys.organization_name, keys.api_key_id, keys.api_key_name,
    keys.project_name, costs.BillingCurrency, max(costs.ChargePeriodStart), sum(costs.BilledCost)
from openai_marts.api_keys as keys
inner join openai_marts.focus_costs as costs
    on keys.organization_id = costs.BillingAccountId
    and keys.api_key_id = costs.x_CredentialId
where keys.is_deleted and costs.BillingAccountId = %s
    and costs.ChargePeriodStart >= %s and costs.ChargePeriodStart < %s
group by
    keys.organization_id, keys.organization_name, keys.api_key_id, keys.api_key_name,
    keys.project_name, costs.BillingCurrency
having sum(costs.BilledCost) > 0
order by keys.api_key_id, costs.BillingCurrency
"""
_CREDITS = """
select organization_id, organization_name, currency, date, granted, balance, daily_cost, runs_out_on
from openai_marts.credit_balance
order by organization_id, currency, date
"""


@dataclass(frozen=True)
class Alert:
    """`key` says which trouble it is: found again tomorrow, it has the same one."""

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


def find_alerts(query: Query, now: datetime) -> list[Alert]:
    """What is wrong now, the most severe first, and of these the latest."""
    today = now.date()
    found = [
        *_budgets(query, today),
        *_anomalies(query),
        *_differing_checks(query, today),
        *_loads(query, now),
        *_deleted_keys(query),
        *_credits(query, today),
    ]
    found.sort(key=lambda each: each.key)
    found.sort(key=lambda each: (SEVERITIES.index(each.severity), each.day), reverse=True)
    return [_in_one_line(each) for each in found]


def _budgets(query: Query, today: date) -> Iterator[Alert]:
    """Budgets of this month, and of the last one while it is fresh, that are or may be passed."""
    since = (today - timedelta(days=BUDGET_DAYS)).replace(day=1)
    for row in query(_BUDGETS, since):
        budget_id, source, organization_id, organization_name, scope, name, month, *rest = row
        currency, budget, spent, share, expected_end, breached_on, expected_on, status = rest
        is_breached = status == "breached"
        if source == "spend_alert" and not is_breached:
            continue
        severity = "info" if source == "spend_alert" else "critical" if is_breached else "warning"
        passed_on = breached_on if is_breached else expected_on
        when = f" on {passed_on}" if passed_on else ""
        what = f"{_BUDGET_NAMES.get(source, 'its budget')} for {month:%B %Y}{when}"
        refuses = ", and OpenAI then refuses its calls" if source == "spend_limit" else ""
        spent_of = f"{_cents(spent)} of {_cents(budget)} {currency} ({share:.0%}) spent"
        if is_breached:
            text = f"passed {what}{refuses}: {spent_of}."
        else:
            text = (
                f"is expected to pass {what}{refuses}: {spent_of}, {_cents(expected_end)} "
                f"{currency} expected by the end of the month."
            )
        yield Alert(
            "budget",
            severity,
            organization_id,
            organization_name,
            name,
            passed_on or month,
            f"{scope[:1].upper()}{scope[1:]} {name} {text}",
            # A budget that was raised can be passed again.
            f"budget {organization_id} {budget_id} {month:%Y-%m} {_number(budget)}",
        )


class _Anomaly(NamedTuple):
    organization_id: str
    organization_name: str
    date: date
    scope: str
    scope_id: str
    scope_name: str
    currency: str
    actual: Decimal
    expected: Decimal
    excess: Decimal
    explained_by: str | None

    @property
    def what(self) -> str:
        return f"{_SCOPES[self.scope]} {self.scope_name}" if self.scope_id else self.scope_name


def _anomalies(query: Query) -> Iterator[Alert]:
    """One for each event of the last days before the last loaded one."""
    for organization_id, last, _ in query(_LAST_DAYS):
        since = last - timedelta(days=ANOMALY_DAYS)
        rows = [_Anomaly(*row) for row in query(_ANOMALIES, organization_id, since)]
        for (day, currency), of_day in groupby(rows, key=lambda row: (row.date, row.currency)):
            found = list(of_day)
            days = (day, day + timedelta(days=1))
            # What rings alone needs no look at the charges.
            charges = query(_CHARGES, organization_id, currency, *days) if len(found) > 1 else []
            four_weeks = (day - timedelta(days=USUAL_DAYS), day)
            usual = [cost for (cost,) in query(_DAILY, organization_id, currency, *four_weeks)]
            for event in _events(found, charges):
                great = median(usual) * GREAT_SHARE if usual else None
                is_great = great is not None and event[0].excess > great
                yield _anomaly(event, "critical" if is_great else "warning")


def _events(
    rows: Iterable[_Anomaly], charges: Sequence[Sequence[Any]]
) -> Iterator[Sequence[_Anomaly]]:
    """The rows of one day by event: the narrowest, then the wider ones in which it shows.

    A row belongs to the events before it that account for most of its excess: each for no more
    than its own, and than what both have in common of the day's charges.
    """
    costs = [(set(zip(_SCOPES, ids, strict=True)), cost) for *ids, cost in charges]

    def common(one: _Anomaly, other: _Anomaly) -> Decimal:
        both = {(one.scope, one.scope_id), (other.scope, other.scope_id)}
        if any(not any(place in told for told, _ in costs) for place in both):
            return other.excess  # Days whose charges do not name it: users told apart, for one.
        return sum((cost for told, cost in costs if both <= told), Decimal(0))

    scopes = list(_SCOPES)
    events: list[list[_Anomaly]] = []
    for row in sorted(rows, key=lambda row: (scopes.index(row.scope), -row.excess)):
        wide_in = [event for event in events if event[0].scope != row.scope]
        explained = [min(event[0].excess, common(event[0], row)) for event in wide_in]
        if sum(explained, Decimal(0)) < EXPLAINED * row.excess:
            events.append([row])
            continue
        for event, amount in zip(wide_in, explained, strict=True):
            if amount > 0:
                event.append(row)
    yield from events


def _anomaly(event: Sequence[_Anomaly], severity: str) -> Alert:
    row, *wider = event
    what = f"{row.what[:1].upper()}{row.what[1:]}"
    cost = f"cost {_cents(row.actual)} {row.currency} on {row.date}"
    cause = row.explained_by or ""
    if cause.startswith("new "):
        text = f"{what} is new and {cost}"
    else:
        times = [f"{row.actual / row.expected:.1f} times as much"] if row.expected > 0 else []
        causes = [_CAUSES[cause]] if cause in _CAUSES else []
        why = ", ".join(times + causes)
        text = f"{what} {cost}, where {_cents(row.expected)} is usual{': ' if why else ''}{why}"
    shows_in = f"; it shows in {', '.join(each.what for each in wider)} too" if wider else ""
    return Alert(
        "anomaly",
        severity,
        row.organization_id,
        row.organization_name,
        row.scope_name,
        row.date,
        f"{text}{shows_in}.",
        f"anomaly {row.organization_id} {row.date} {row.currency} {row.scope} {row.scope_id}",
    )


def _differing_checks(query: Query, today: date) -> Iterator[Alert]:
    """One for each check that differs somewhere, and one for all that it did long ago."""
    checks: dict[tuple[str, str, bool], list[Sequence[Any]]] = {}
    for row in query(_DIFFERING):
        organization_id, _, check_name, period, start = row[:5]
        is_month = period == "month"
        end = start + timedelta(days=31 if is_month else 1)
        end = end.replace(day=1) if is_month else end
        is_recent = end >= today - timedelta(days=CHECK_DAYS)
        checks.setdefault((organization_id, check_name, is_recent), []).append(row)
    for (organization_id, check_name, is_recent), rows in checks.items():
        largest = max(rows, key=lambda row: abs(row[9]))
        _, organization_name, _, period, start, currency, *detail, difference, reason = largest
        newest = max(row[4] for row in rows)
        severity = "warning" if check_name in _MAY_WAIT else "critical"
        where = [str(part) for part in detail if part is not None]
        where.append(f"in {start:%B %Y}" if period == "month" else f"on {start}")
        times = f"{len(rows)} times, the most" if len(rows) > 1 else "once,"
        yield Alert(
            "reconciliation",
            severity if is_recent else "info",
            organization_id,
            organization_name,
            check_name,
            newest,
            f'The check "{check_name}" fails {times} by {_difference(difference, currency)} '
            f"({', '.join(where)}): {reason}.",
            # What stays wrong is told anew in each month, not each day.
            f"reconciliation {organization_id} {check_name} {newest:%Y-%m}",
        )


def _loads(query: Query, now: datetime) -> Iterator[Alert]:
    """Organizations that nothing loads any more, and days that are lost unless they are loaded."""
    for organization_id, name, earliest, seen_on, loaded_at in query(ORGANIZATIONS):
        named = (organization_id, name or organization_id, name or organization_id)
        if incomplete := unmodelled(query, organization_id):
            yield Alert(
                "incomplete models",
                "critical",
                *named,
                now.date(),
                f"{incomplete}, and all figures may miss them: run python pipeline.py models.",
                f"incomplete models {organization_id} {in_utc(loaded_at):%Y-%m-%d}",
            )
        if is_stale(now, loaded_at):
            yield Alert(
                "stale data",
                "critical" if is_stale(now, loaded_at, OLD_HOURS) else "warning",
                *named,
                in_utc(loaded_at).date(),
                f"The last load was on {when_loaded(now, loaded_at)}.",
                f"stale data {organization_id} {in_utc(loaded_at):%Y-%m-%d}",
            )
        if disagreeing := [day for (day,) in query(DISAGREEING, *[organization_id] * 2)]:
            yield Alert(
                "incomplete days",
                "critical",
                *named,
                disagreeing[0],
                f"The rows of {spans(disagreeing)} are not those that the ledger counts: run "
                "python pipeline.py, which loads these days again or says why it cannot.",
                f"incomplete days {organization_id} {disagreeing[0]}",
            )
        if not earliest:
            continue
        loaded = [day for day, *_ in query(DAYS, organization_id)]
        leaving = soon_forgotten(earliest, seen_on, now.date())
        missing = [day for day in leaving if day not in set(loaded)]
        gap = [day for day in missing if day > loaded[0]]
        # Where the history begins, a start date or the months to keep may have been chosen.
        chosen = [day for day in missing if day < loaded[0]]
        for days in (each for each in (gap, chosen) if each):
            days_left = (days[0] - leaving[0]).days
            severity = "critical" if days_left < LAST_DAYS else "warning"
            told_until = now.date() + timedelta(days=days_left)
            # It stays the same while OpenAI forgets the first of the days before it.
            loaded_next = next((day for day in loaded if day > days[0]), loaded[-1])
            are_wanted = "" if days is gap else "if they are wanted, "
            yield Alert(
                "days expiring",
                severity if days is gap else "info",
                *named,
                days[0],
                f"Not loaded: {spans(days)}. OpenAI tells the first of them until {told_until}: "
                f"{are_wanted}run with --since {days[0]}.",
                f"days expiring {organization_id} {loaded_next}",
            )


def _deleted_keys(query: Query) -> Iterator[Alert]:
    """API keys that are gone, and cost something on the last days that are over."""
    for organization_id, _, last_closed in query(_LAST_DAYS):
        if not last_closed:
            continue
        until = last_closed + timedelta(days=1)
        since = until - timedelta(days=DELETED_KEY_DAYS)
        for row in query(_DELETED_KEYS, organization_id, since, until):
            _, organization_name, key_id, key_name, project, currency, last_cost, cost = row
            named = key_name if key_name == key_id else f"{key_name} ({key_id})"
            of_project = f" of project {project}" if project else ""
            yield Alert(
                "deleted key",
                "warning",
                organization_id,
                organization_name,
                key_name,
                date(last_cost.year, last_cost.month, last_cost.day),
                f"API key {named}{of_project} is listed no more, and cost {_cents(cost)} "
                f"{currency} from {since} to {last_closed}.",
                f"deleted key {organization_id} {key_id} {currency}",
            )


def _credits(query: Query, today: date) -> Iterator[Alert]:
    """Prepaid credits that run out soon, or have."""
    rows = query(_CREDITS)
    for (organization_id, currency), days in groupby(rows, key=lambda row: (row[0], row[2])):
        every_day = list(days)
        _, name, _, day, _, balance, daily_cost, runs_out_on = every_day[-1]
        granted_on = [row[3] for row in every_day if row[4] > 0]
        if balance <= 0:
            severity = "critical"
            text = (
                f"Prepaid credits were used up by the end of {day}: the balance was "
                f"{_cents(balance)} {currency}."
            )
        elif runs_out_on and runs_out_on <= today + timedelta(days=CREDIT_DAYS):
            days_left = (runs_out_on - today).days
            severity = "critical" if days_left <= LAST_CREDIT_DAYS else "warning"
            text = (
                f"{_cents(balance)} {currency} of prepaid credits were left at the end of {day}: "
                f"at {_cents(daily_cost)} {currency} a day they run out on {runs_out_on}."
            )
        else:
            continue
        yield Alert(
            "prepaid credits",
            severity,
            organization_id,
            name,
            name,
            day,
            text,
            # After the next grant they can run out again.
            f"prepaid credits {organization_id} {currency} {max(granted_on, default='')}",
        )


def print_alerts(console: Console, alerts: Sequence[Alert], form: str | None) -> None:
    """Print them for a person, or as JSON or Markdown for a program, and then nothing else."""
    if form == "json":
        _print([{**asdict(each), "day": str(each.day)} for each in alerts])
    elif form == "markdown":
        _print(_markdown(alerts))
    elif not alerts:
        console.print("[green]Nothing looks wrong.[/green]")
    else:
        for each in alerts:
            mark = f"[{_COLORS[each.severity]}]{each.severity:<9}[/]"
            said = f"{each.organization_name}: {each.text}"
            console.print(f"{mark} {escape(said)}", soft_wrap=True)


def counted(alerts: Sequence[Alert]) -> str:
    """2 critical, 1 warning."""
    counts = {name: sum(each.severity == name for each in alerts) for name in SEVERITIES}
    return ", ".join(f"{counts[name]} {name}" for name in reversed(SEVERITIES) if counts[name])


def _markdown(alerts: Sequence[Alert]) -> str:
    if not alerts:
        return "### OpenAI costs\n\nNothing looks wrong."
    lines = [
        f"### OpenAI costs: {counted(alerts)}",
        "",
        "| Severity | Organization | Day | What |",
        "|---|---|---|---|",
    ]
    for each in alerts:
        cells = [each.severity, _literal(each.organization_name), each.day, _literal(each.text)]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def _literal(text: str) -> str:
    """Text that Markdown shows as it is: people give names, and may put links or tables in them."""
    return re.sub(
        r"[\\`*_{}\[\]<>#!|~&@$]|:(?=\S)|(?<=www)\.", r"\\\g<0>", text, flags=re.IGNORECASE
    )


def _in_one_line(alert: Alert) -> Alert:
    """Without what moves a terminal's cursor or begins a new line: names may hold it."""

    def plain(text: str) -> str:
        return "".join(c if c.isprintable() else " " for c in text)

    return replace(
        alert,
        organization_name=plain(alert.organization_name),
        subject=plain(alert.subject),
        text=plain(alert.text),
    )


def _print(what: Any) -> None:
    text = what if isinstance(what, str) else json.dumps(what, indent=2)
    print(text)  # noqa: T201 (a terminal's width must not break lines)


def _cents(amount: Any) -> str:
    return f"{amount:,.2f}"


def _number(amount: Decimal) -> str:
    text = f"{amount:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _difference(amount: Decimal, currency: str | None) -> str:
    amount = abs(amount)
    if not currency:
        return _number(amount)
    is_less_than_a_cent = amount < Decimal("0.01")
    return f"{_number(amount) if is_less_than_a_cent else _cents(amount)} {currency}"
