"""`python pipeline.py alerts`: its alerts, output formats, Slack messages and exit codes."""

import http.server
import json
import shutil
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import duckdb
import pytest
from conftest import FEW, TODAY, Warehouse, complete_models, days_ago
from markdown_it import MarkdownIt
from running import PROJECT, dbt, run_pipeline

from openai_costs.reports.alerts import SEVERITIES, find_alerts
from openai_costs.reports.alerts.slack import checked_webhook
from openai_costs_source.simulator.api import SimulatedApi
from openai_costs_source.simulator.charges import RUNAWAY_AGE, RUNAWAY_KEY
from openai_costs_source.simulator.organization import Organization
from openai_costs_source.simulator.seeds import write_seeds

ORG = "org-demo-heliotrope"
NAMED = {"organization_id": ORG, "organization_name": "Heliotrope Labs"}
NOW = datetime.now(UTC)
READ = {
    "openai_raw.cost_days": "",
    "openai_raw.costs": "",
    "openai_raw.organizations": "",
    "openai_marts.daily_costs_by_project": "",
    "openai_marts.focus_costs": f"where ChargePeriodStart >= '{days_ago(20)}'",
    **dict.fromkeys(
        (
            *("openai_marts.budget_status", "openai_marts.cost_anomalies"),
            *("openai_marts.reconciliation", "openai_marts.credit_balance"),
            *("openai_marts.api_keys", "openai_raw.runs"),
        ),
        "limit 0",
    ),
}
"""The tables that alerts and these tests read, and a SQL clause that selects the rows they need."""
SECRET = "T0SECRET/B0SECRET/s3cr3t"
HOSTILE = (
    "a|b\n<img src=x> **x** `y` [l](http://evil.example) www.evil.example a@b.example \x1b[31m"
)


class AlertMarts:
    """A copy of the warehouse without alerts; a test adds rows that raise alerts."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "demo.duckdb"

    def change(self, sql, *values):
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(sql, values)

    def put(self, mart, **row):
        columns = ", ".join(row)
        places = ", ".join("?" for _ in row)
        sql = f"insert into openai_marts.{mart} ({columns}) values ({places})"
        self.change(sql, *row.values())

    def budget(self, **changed):
        row = {
            **NAMED,
            "budget_id": "b-1",
            "budget_source": "budgets.csv",
            "scope": "project",
            "scope_id": "proj_europe",
            "scope_name": "Europe",
            "month": TODAY.replace(day=1),
            "currency": "USD",
            "budget": Decimal(1000),
            "unblended_cost": Decimal("1234.567"),
            "spent_share": 1.234567,
            "expected_month_end": 2000.0,
            "breached_on": TODAY,
            "expected_breach_on": None,
            "status": "breached",
        }
        self.put("budget_status", **{**row, **changed})

    def at_risk(self, **changed):
        status = {"status": "at risk", "breached_on": None, "expected_breach_on": TODAY}
        self.budget(**status, unblended_cost=Decimal(900), spent_share=0.9, **changed)

    def anomaly(self, scope, scope_id, excess, day=9, expected=100, **changed):
        row = {
            **NAMED,
            "date": days_ago(day),
            "scope": scope,
            "scope_id": scope_id,
            "scope_name": scope_id,
            "currency": "USD",
            "actual": Decimal(expected + excess),
            "expected": Decimal(expected),
            "excess": Decimal(excess),
            "score": 9.0,
            "explained_by": "volume",
        }
        self.put("cost_anomalies", **{**row, **changed})

    def difference(self, check_name, difference, **changed):
        row = {
            **NAMED,
            "period": "day",
            "period_start": days_ago(3),
            "check_name": check_name,
            "difference": Decimal(difference),
            "status": "differs",
            "reason": "more than expected" if Decimal(difference) > 0 else "less than expected",
        }
        self.put("reconciliation", **{**row, **changed})

    def credit(self, days_from_now, balance, day=1, granted=0):
        self.put(
            "credit_balance",
            **NAMED,
            date=days_ago(day),
            currency="USD",
            granted=Decimal(granted),
            balance=None if balance is None else Decimal(balance),
            daily_cost=12.5,
            runs_out_on=None if balance is None else TODAY + timedelta(days=days_from_now),
        )

    def alerts(self, now=NOW):
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("set TimeZone = 'UTC'")

            def query(sql, *values):
                return connection.execute(sql.replace("%s", "?"), values).fetchall()

            return find_alerts(query, now)

    def only_alert(self, now=NOW):
        (alert,) = self.alerts(now)
        return alert

    def run(self, *arguments, **environment):
        settings = {"DESTINATION__DUCKDB__CREDENTIALS": "demo.duckdb", **environment}
        return run_pipeline("alerts", *arguments, cwd=self.folder, **settings)


@pytest.fixture(scope="module")
def quiet(demo, tmp_path_factory):
    """The tables of the demo's warehouse that alerts read, without rows that raise alerts."""
    path = tmp_path_factory.mktemp("quiet") / "quiet.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"set TimeZone = 'UTC'; attach '{demo[0] / 'demo.duckdb'}' as demo (read_only)"
        )
        connection.execute("create schema openai_raw; create schema openai_intermediate")
        connection.execute("create schema openai_marts")
        for table, rows in READ.items():
            connection.execute(f"create table {table} as from demo.{table} {rows}")
        complete_models(connection)
    return path


@pytest.fixture
def marts(quiet, tmp_path):
    shutil.copy(quiet, tmp_path / "demo.duckdb")
    return AlertMarts(tmp_path)


class Slack(http.server.ThreadingHTTPServer):
    """A webhook that keeps the posted messages, and responds with the next of its `answers`."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                slack = self.server
                body = self.rfile.read(int(self.headers["Content-Length"]))
                slack.requests.append((self.path, dict(self.headers)))
                slack.requested.set()
                slack.may_answer.wait(60)
                status, text = slack.answers.pop(0) if slack.answers else (200, "ok")
                if status == 200:
                    slack.messages.append(json.loads(body))
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.requests, self.messages, self.answers = [], [], []
        self.requested, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()
        self.url = f"http://127.0.0.1:{self.server_port}/services/{SECRET}"

    @property
    def texts(self):
        return [block["text"]["text"] for message in self.messages for block in message["blocks"]]


@pytest.fixture
def slack():
    with Slack() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def post(marts, url, *arguments, **environment):
    result = marts.run("--slack-webhook", *arguments, ALERTS__SLACK_WEBHOOK=url, **environment)
    for part in SECRET.split("/"):
        assert part not in result.stdout + result.stderr
    return result


def test_warehouse_without_problems_raises_no_alert(marts):
    assert marts.alerts() == []
    result = marts.run()
    assert (result.returncode, result.stdout, result.stderr) == (0, "Nothing looks wrong.\n", "")
    assert json.loads(marts.run("--format", "json").stdout) == []
    assert "Nothing looks wrong." in marts.run("--format", "markdown").stdout


@pytest.mark.parametrize(
    ("source", "breached", "at_risk"),
    [
        ("budgets.csv", "critical", "warning"),
        ("spend_limit", "critical", "warning"),
        ("spend_alert", "info", None),
    ],
)
def test_severity_of_a_budget_depends_on_its_source(marts, source, breached, at_risk):
    marts.budget(budget_source=source)
    alert = marts.only_alert()
    assert (alert.kind, alert.severity, alert.subject) == ("budget", breached, "Europe")
    assert f"on {TODAY}" in alert.text
    assert "1,234.57 of 1,000.00 USD (123%)" in alert.text
    assert ("refuses its calls" in alert.text) == (source == "spend_limit")
    marts.change("delete from openai_marts.budget_status")
    marts.at_risk(budget_source=source)
    assert [alert.severity for alert in marts.alerts()] == ([at_risk] if at_risk else [])
    for alert in marts.alerts():
        assert f"on {TODAY}" in alert.text
        assert "2,000.00 USD expected by the end of the month" in alert.text


def test_unknown_budget_is_a_warning_with_the_reason(marts):
    reason = "no project has the id proj_serach"
    unknown = {"status": "unknown", "unknown_because": reason, "expected_month_end": None}
    marts.budget(**unknown, unblended_cost=None, spent_share=None, breached_on=None)
    alert = marts.only_alert()
    assert (alert.kind, alert.severity) == ("budget", "warning")
    assert alert.text.endswith(f"of 1,000.00 USD unnoticed: {reason}.")
    marts.change("update openai_marts.budget_status set budget_source = 'spend_limit'")
    assert marts.alerts() == []


@pytest.mark.parametrize("status", ["on track", "kept"])
def test_kept_budget_raises_no_alert(marts, status):
    marts.budget(status=status)
    assert marts.alerts() == []


def test_budget_of_the_last_month_raises_alerts_for_two_weeks(marts):
    marts.budget()
    next_month = (TODAY.replace(day=1) + timedelta(days=31)).replace(day=1)
    for days, expected in ((13, True), (14, False)):
        now = datetime.combine(next_month + timedelta(days=days), NOW.time(), UTC)
        assert ("budget" in [alert.kind for alert in marts.alerts(now)]) == expected


def test_budget_that_was_raised_and_passed_again_is_another_alert(marts):
    marts.budget()
    before = marts.only_alert().key
    marts.change("update openai_marts.budget_status set unblended_cost = 1500")
    assert marts.only_alert().key == before
    marts.change("update openai_marts.budget_status set budget = 1200")
    assert marts.only_alert().key != before


def test_event_that_is_flagged_in_all_scopes_is_one_alert_with_the_key(marts):
    marts.anomaly("project", "proj_search", 640)
    marts.anomaly("model", "gpt-5.6-luna", 560)
    marts.anomaly("model", "gpt-5-mini", 60)
    marts.anomaly("user", "svc_acct_search-indexer", 630)
    marts.anomaly("api_key", "key_search-reranker", 620, scope_name="search-reranker")
    alert = marts.only_alert()
    assert (alert.kind, alert.severity, alert.day) == ("anomaly", "warning", days_ago(9))
    assert alert.subject == "search-reranker"
    assert alert.text.startswith(
        f"API key search-reranker cost 720.00 USD on {days_ago(9)}, where 100.00 is usual: "
        "7.2 times as much, because of its volume"
    )
    for wider in ("svc_acct_search-indexer", "gpt-5.6-luna", "gpt-5-mini", "project proj_search"):
        assert wider in alert.text


def test_events_of_one_day_without_shared_charges_are_separate(marts):
    marts.anomaly("api_key", "key_search-reranker", 300)
    marts.anomaly("project", "proj_search", 310)
    marts.anomaly("project", "proj_studio", 300)
    texts = {alert.subject: alert.text for alert in marts.alerts()}
    assert list(texts) == ["key_search-reranker", "proj_studio"]
    assert "also shows in project proj_search" in texts["key_search-reranker"]
    assert "also" not in texts["proj_studio"]


def test_project_of_two_runaway_keys_adds_no_third_event(marts):
    marts.anomaly("api_key", "key_search-reranker", 300)
    marts.anomaly("api_key", "key_search-codex-ci", 30)
    marts.anomaly("project", "proj_search", 330)
    assert {alert.subject for alert in marts.alerts()} == {
        "key_search-reranker",
        "key_search-codex-ci",
    }


def test_project_that_exceeds_its_key_is_a_separate_event(marts):
    marts.anomaly("api_key", "key_search-codex-ci", 30)
    marts.anomaly("project", "proj_search", 300)
    assert {alert.subject for alert in marts.alerts()} == {"key_search-codex-ci", "proj_search"}


def test_same_event_on_another_day_is_another_alert(marts):
    marts.anomaly("api_key", "key_search-reranker", 300, day=9)
    marts.anomaly("project", "proj_search", 300, day=8)
    assert [alert.day for alert in marts.alerts()] == [days_ago(8), days_ago(9)]


def test_anomaly_above_half_of_the_usual_day_is_critical(marts):
    with duckdb.connect(str(marts.path), read_only=True) as connection:
        usual = connection.execute(
            "select median(cost) from (select sum(amount) as cost from openai_raw.costs "
            "where date >= ? and date < ? group by date)",
            [days_ago(37), days_ago(9)],
        ).fetchone()[0]
    for share, severity in ((0.49, "warning"), (0.51, "critical")):
        marts.change("delete from openai_marts.cost_anomalies")
        marts.anomaly("model", "gpt-5.6-luna", round(float(usual) * share))
        assert marts.only_alert().severity == severity


def test_anomalies_of_the_last_two_weeks_raise_alerts(marts):
    marts.anomaly("api_key", "key_search-reranker", 300, day=14)
    assert marts.alerts() == []
    marts.anomaly("api_key", "key_search-reranker", 300, day=13)
    much_later = NOW + timedelta(days=30)
    later = [alert.day for alert in marts.alerts(much_later) if alert.kind == "anomaly"]
    assert later == [days_ago(13)]


@pytest.mark.parametrize(
    ("expected", "explained_by", "words"),
    [
        (0, "new api_key", "API key k is new and cost 50.00 USD"),
        (10, "price", "where 10.00 is usual: 6.0 times as much, because of higher prices."),
        (10, "model mix", "6.0 times as much, because of a costlier mix of models."),
        (10, None, "where 10.00 is usual: 6.0 times as much."),
        (0, None, "where 0.00 is usual."),
    ],
)
def test_anomaly_names_its_cause(marts, expected, explained_by, words):
    marts.anomaly("api_key", "k", 50, expected=expected, explained_by=explained_by)
    assert words in marts.only_alert().text


def test_costs_without_a_project_are_named_no_project(marts):
    marts.anomaly("project", "", 50, scope_name="no project")
    assert marts.only_alert().text.startswith("No project cost 150.00 USD")


@pytest.mark.parametrize(
    ("check_name", "severity"),
    [
        ("daily_costs_by_project equals raw by project", "critical"),
        ("rows equal the API's daily total", "critical"),
        ("tokens billed equal tokens used", "warning"),
        ("every day is in the ledger", "warning"),
        ("month equals its invoice", "warning"),
    ],
)
def test_money_check_that_differs_is_critical(marts, check_name, severity):
    marts.difference(check_name, "-2")
    alert = marts.only_alert()
    assert (alert.kind, alert.severity, alert.subject) == ("reconciliation", severity, check_name)
    assert f'"{check_name}" fails once, by 2 (on {days_ago(3)}): less than expected.' in alert.text


def test_check_that_differs_often_is_one_alert_with_count_and_largest_difference(marts):
    tokens = {"model_family": "gpt-5.6-sol", "meter": "output"}
    marts.difference("tokens billed equal tokens used", 5)
    marts.difference(
        "tokens billed equal tokens used", -1234567, **tokens, period_start=days_ago(5)
    )
    marts.difference("tokens billed equal tokens used", 7, status="equal")
    (alert,) = marts.alerts()
    largest = f"1,234,567 (gpt-5.6-sol, output, on {days_ago(5)}): less than expected"
    assert f"fails 2 times, by at most {largest}" in alert.text


def test_difference_below_a_cent_is_shown_exactly(marts):
    marts.difference(
        "daily_costs_by_project equals raw by project", "0.000000000000000012", currency="USD"
    )
    assert "by 0.000000000000000012 USD" in marts.only_alert().text
    marts.change("update openai_marts.reconciliation set difference = 1234.5678")
    assert "by 1,234.57 USD" in marts.only_alert().text


def test_old_difference_is_a_separate_info(marts):
    marts.difference("daily_costs_by_project equals raw by project", 1, period_start=days_ago(63))
    assert marts.alerts()[0].severity == "critical"
    marts.difference("daily_costs_by_project equals raw by project", 2, period_start=days_ago(64))
    assert [alert.severity for alert in marts.alerts()] == ["critical", "info"]


def test_data_without_a_recent_load_is_stale(marts):
    def stale(**later):
        alerts = marts.alerts(NOW + timedelta(**later))
        return [alert for alert in alerts if alert.kind == "stale data"]

    assert stale(hours=35) == []
    (warning,), (critical,) = stale(hours=38), stale(days=8.5)
    assert (warning.severity, critical.severity) == ("warning", "critical")
    assert "8 days ago" in critical.text
    assert warning.key == critical.key


@pytest.mark.parametrize(("days", "severity"), [(3, "critical"), (10, "warning")])
def test_expiring_days_that_are_not_loaded_raise_an_alert(marts, days, severity):
    earliest = Organization(TODAY).earliest
    first, last = (earliest + timedelta(days=ahead) for ahead in (days, days + 2))
    marts.change(f"delete from openai_raw.cost_days where date between '{first}' and '{last}'")
    alert = marts.only_alert()
    assert (alert.kind, alert.severity) == ("days expiring", severity)
    assert f"{first} to {last}" in alert.text
    assert f"until {TODAY + timedelta(days=days)}: run with --since {first}" in alert.text
    tomorrow = NOW + timedelta(days=days + 1)
    later = [other for other in marts.alerts(tomorrow) if other.kind == "days expiring"]
    assert [other.key for other in later] == [alert.key]
    assert f"{first + timedelta(days=1)} to {last}" in later[0].text


def test_days_with_rows_that_do_not_match_the_ledger_are_critical(marts):
    day = days_ago(70)
    marts.change(f"update openai_raw.cost_days set row_count = row_count - 1 where date = '{day}'")
    alert = marts.only_alert()
    assert (alert.kind, alert.severity, alert.day) == ("incomplete days", "critical", day)
    assert f"The rows of {day} do not match the ledger" in alert.text


def test_expiring_days_before_the_start_date_are_info(marts):
    marts.change(f"delete from openai_raw.cost_days where date < '{days_ago(100)}'")
    kinds = [(alert.kind, alert.severity) for alert in marts.alerts()]
    assert kinds == [("days expiring", "info")]


def test_short_history_reports_no_day_that_is_not_over_as_not_loaded(marts):
    marts.change(f"delete from openai_raw.cost_days where date < '{days_ago(20)}'")
    marts.change(f"update openai_raw.organizations set earliest_day = '{days_ago(20)}'")
    assert marts.alerts() == []
    marts.change(f"delete from openai_raw.cost_days where date = '{TODAY}'")
    assert [alert for alert in marts.alerts() if alert.kind == "days expiring"] == []
    gap = f"date between '{days_ago(3)}' and '{days_ago(2)}'"
    marts.change(f"delete from openai_raw.cost_days where {gap}")
    (alert,) = (alert for alert in marts.alerts() if alert.kind == "days expiring")
    assert alert.text.startswith(f"Not loaded: {days_ago(3)} to {days_ago(2)}. ")


def test_deleted_key_with_recent_costs_raises_an_alert(marts):
    key = {
        **NAMED,
        "api_key_id": "key_storefront-chat",
        "api_key_name": "storefront-chat",
        "project_name": "Storefront assistant",
    }
    marts.put("api_keys", **key, is_deleted=False)
    assert marts.alerts() == []
    marts.change("update openai_marts.api_keys set is_deleted = true")
    alert = marts.only_alert()
    assert (alert.kind, alert.severity, alert.day) == ("deleted key", "warning", days_ago(1))
    with duckdb.connect(str(marts.path), read_only=True) as connection:
        cost = connection.execute(
            "select sum(amount) from openai_raw.costs where date between ? and ? "
            "and api_key_id = 'key_storefront-chat'",
            [days_ago(3), days_ago(1)],
        ).fetchone()[0]
    assert "storefront-chat (key_storefront-chat) of project Storefront assistant" in alert.text
    assert f"cost {cost:,.2f} USD from {days_ago(3)} to {days_ago(1)}" in alert.text


def test_deleted_key_without_recent_costs_raises_no_alert(marts):
    marts.put("api_keys", **NAMED, api_key_id="key_storefront-canary", is_deleted=True)
    assert marts.alerts() == []


@pytest.mark.parametrize(
    ("days", "balance", "severity"),
    [(15, 200, None), (14, 180, "warning"), (4, 50, "warning"), (3, 40, "critical")],
)
def test_credits_that_run_out_soon_raise_an_alert(marts, days, balance, severity):
    marts.credit(1, 10, day=2)  # An earlier day does not count.
    marts.credit(days, balance)
    assert [alert.severity for alert in marts.alerts()] == ([severity] if severity else [])
    for alert in marts.alerts():
        assert f"{balance}.00 USD" in alert.text
        assert "12.50 USD a day" in alert.text


def test_used_up_credits_are_one_critical_alert_per_grant(marts):
    marts.credit(-9, "-3.456", day=2)
    first = marts.only_alert()
    assert first.severity == "critical"
    assert f"used up on {days_ago(9)}" in first.text
    assert f"-3.46 USD at the end of {days_ago(2)}" in first.text
    marts.credit(-1, "-9", day=1, granted=-50)  # A negative amount expired, and is no grant.
    assert marts.only_alert().key == first.key
    marts.credit(2, 10, day=0, granted=50)
    assert marts.only_alert().key != first.key


def test_balance_of_zero_is_not_used_up_but_runs_out_the_next_day(marts):
    marts.credit(0, 0, day=1)
    assert f"0.00 USD of prepaid credits were left at the end of {days_ago(1)}" in (
        marts.only_alert().text
    )


def test_unknown_balance_raises_no_alert(marts):
    marts.credit(None, None)
    assert marts.alerts() == []


def test_most_severe_alerts_come_first(marts):
    marts.difference("tokens billed equal tokens used", 5)
    marts.difference("tokens billed equal tokens used", 5, period_start=days_ago(100))
    marts.budget()
    severities = [SEVERITIES.index(alert.severity) for alert in marts.alerts()]
    assert severities == [2, 1, 0]
    printed = marts.run().stdout.splitlines()
    assert [line.split()[0] for line in printed] == ["critical", "warning", "info"]


@pytest.mark.parametrize(
    ("severity", "code"), [(None, 3), ("info", 3), ("warning", 3), ("critical", 0)]
)
def test_exit_code_is_3_from_the_chosen_severity_on(marts, severity, code):
    marts.at_risk()
    result = marts.run(*(["--severity", severity] if severity else []))
    assert result.returncode == code
    assert "Project Europe is expected to pass its budget" in result.stdout


def test_json_has_the_fields_of_an_alert_and_nothing_else(marts):
    marts.budget()
    result = marts.run("--format", "json")
    (alert,) = json.loads(result.stdout)
    assert list(alert) == [
        *("kind", "severity", "organization_id", "organization_name"),
        *("subject", "day", "text", "key"),
    ]
    assert alert["day"] == str(TODAY)
    assert result.returncode == 3


def test_hostile_names_are_text_in_all_formats(marts, slack):
    marts.budget(scope_name=HOSTILE, organization_name="[red]R&D</table> @here <!channel>")
    (as_json,) = json.loads(marts.run("--format", "json").stdout)
    shown = marts.run()
    assert len(shown.stdout.splitlines()) == 1
    assert "[red]R&D</table>" in shown.stdout
    assert "\x1b" not in shown.stdout
    rendered = (
        MarkdownIt("commonmark").enable("table").parse(marts.run("--format", "markdown").stdout)
    )
    cells = [token for token in rendered if token.type == "inline"][1:]
    assert len(cells) == 8  # The header and one row.
    for cell in cells:
        assert {child.type for child in cell.children} <= {"text", "text_special"}
    assert "".join(child.content for child in cells[-1].children) == as_json["text"]
    post(marts, slack.url)
    (text,) = slack.texts
    assert "R&amp;D&lt;/table&gt; @here &lt;!channel&gt;" in text
    assert "<" not in text


def test_names_do_not_become_links_in_markdown(marts):
    marts.budget(scope_name=HOSTILE)
    table = marts.run("--format", "markdown").stdout
    for address in ("http://evil", "www.evil", "a@b"):
        assert address not in table


def test_alert_is_posted_once(marts, slack):
    marts.budget()
    assert post(marts, slack.url).returncode == 3
    (message,) = slack.messages
    assert "1 critical" in message["text"]
    assert message["blocks"][0]["text"]["verbatim"] is True
    assert "*critical* Heliotrope Labs: Project Europe passed its budget" in slack.texts[0]
    again = post(marts, slack.url)
    assert again.returncode == 3
    assert "Project Europe" in again.stdout
    assert len(slack.messages) == 1


def test_alert_is_posted_again_only_if_its_severity_rises(marts, slack):
    marts.at_risk()
    post(marts, slack.url)
    marts.change("update openai_marts.budget_status set status = 'breached'")
    post(marts, slack.url)
    marts.change("update openai_marts.budget_status set status = 'at risk'")
    post(marts, slack.url)
    assert ["*warning*" in text for text in slack.texts] == [True, False]


def test_alerts_below_the_severity_are_not_posted(marts, slack):
    marts.at_risk()
    assert post(marts, slack.url, "--severity", "critical").returncode == 0
    assert slack.requests == []
    assert post(marts, slack.url).returncode == 3
    assert len(slack.texts) == 1


def test_without_alerts_nothing_is_posted(marts, slack):
    assert post(marts, slack.url).returncode == 0
    assert slack.requests == []


def test_webhook_address_is_neither_printed_nor_stored(marts, slack):
    marts.budget()
    result = post(marts, slack.url, "--format", "json", RUNTIME__LOG_LEVEL="DEBUG")
    assert len(json.loads(result.stdout)) == 1
    with duckdb.connect(str(marts.path), read_only=True) as connection:
        ((key, severity, at),) = connection.execute(
            "from openai_intermediate.posted_alerts"
        ).fetchall()
    assert (key.split()[0], severity) == ("budget", "critical")
    assert abs(datetime.now(UTC).replace(tzinfo=None) - at) < timedelta(minutes=5)
    assert SECRET.encode() not in marts.path.read_bytes()


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ((403, "invalid_token"), "the webhook refused with 403, invalid_token."),
        ((404, f"no such path /services/{SECRET}"), "the webhook refused with 404."),
        ((302, ""), "the webhook refused with 302."),
        ((500, "<html>"), "the webhook refused with 500."),
    ],
)
def test_webhook_that_refuses_is_one_sentence_and_the_next_run_posts(marts, slack, answer, text):
    marts.budget()
    slack.answers = [answer]
    refused = post(marts, slack.url)
    assert refused.returncode == 1
    assert text in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert "Project Europe" in refused.stdout
    assert [path for path, _ in slack.requests] == [f"/services/{SECRET}"]
    assert post(marts, slack.url).returncode == 3
    assert len(slack.messages) == 1


def test_unreachable_webhook_is_one_sentence(marts):
    marts.budget()
    result = post(marts, f"https://127.0.0.1:9/services/{SECRET}")
    assert result.returncode == 1
    assert "the webhook cannot be reached" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "address",
    [
        *(None, " ", f"http://hooks.slack.com/services/{SECRET}", f"ftp://127.0.0.1/{SECRET}"),
        *(f"hooks.slack.com/{SECRET}", f"https://[{SECRET}", f"https:///{SECRET}", 5),
    ],
)
def test_webhook_without_https_is_refused(address):
    assert checked_webhook(address) == ""


def test_missing_or_unsafe_webhook_is_a_usage_error(marts):
    marts.budget()
    for address in ("", f"http://hooks.slack.com/services/{SECRET}"):
        result = post(marts, address)
        assert result.returncode == 2
        assert "alerts.slack_webhook" in result.stderr
        assert (result.stdout, len(result.stderr.splitlines())) == ("", 1)


def test_webhook_from_a_settings_file_is_used(marts, slack):
    marts.budget()
    (marts.folder / ".dlt").mkdir()
    (marts.folder / ".dlt" / "secrets.toml").write_text(
        f'[alerts]\nslack_webhook = "{slack.url}"\n'
    )
    assert marts.run("--slack-webhook").returncode == 3
    assert len(slack.texts) == 1


def test_misspelt_setting_of_alerts_is_refused(marts):
    result = marts.run(ALERTS__SLACK_WEBHOK="https://hooks.slack.com/services/x")
    assert result.returncode == 2
    assert "no setting alerts.slack_webhok" in result.stderr


def test_many_alerts_are_split_into_messages_without_loss(marts, slack):
    marts.budget(scope_name="project 00")
    marts.change(
        "insert into openai_marts.budget_status "
        "select row.* replace ('b-' || n as budget_id, printf('project %02d', n) as scope_name) "
        "from openai_marts.budget_status as row cross join range(1, 60) as numbers (n)"
    )
    slack.answers = [(200, "ok"), (429, "rate_limited")]
    assert post(marts, slack.url).returncode == 1
    assert post(marts, slack.url).returncode == 3
    assert len(slack.messages) == 2
    assert all(len(message["blocks"]) <= 50 for message in slack.messages)
    projects = {text.split(" passed ")[0][-2:] for text in slack.texts}
    assert len(slack.texts) == len(projects) == 60


def test_long_name_is_cut_to_slacks_limit(marts, slack):
    marts.budget(scope_name="&" * 5000)
    assert post(marts, slack.url).returncode == 3
    (text,) = slack.texts
    assert len(text) <= 3000
    assert text.endswith("&amp;…")


def test_second_run_posts_nothing_while_the_first_one_posts(marts, slack):
    marts.budget()
    slack.may_answer.clear()
    first = subprocess.Popen(
        [sys.executable, PROJECT / "pipeline.py", "alerts", "--demo", "--slack-webhook"],
        cwd=marts.folder,
        env={"ALERTS__SLACK_WEBHOOK": slack.url, "HOME": str(marts.folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert slack.requested.wait(60)
    second = post(marts, slack.url)
    slack.may_answer.set()
    assert (first.wait(60), second.returncode) == (3, 1)
    assert "open in another program" in second.stderr
    assert len(slack.requests) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["alerts", "--format", "csv"],
            "Argument --format: 'csv' is not one of json, markdown.",
        ),
        (["alerts", "--severity", "fatal"], "--severity"),
        (["status", "--severity", "info"], "--severity goes with alerts, not with status."),
        (["--slack-webhook"], "--slack-webhook goes with alerts."),
        (["alerts", "--since", "2026-01-01"], "goes with load or no command, not with alerts."),
    ],
)
def test_wrong_use_is_one_sentence(tmp_path, arguments, sentence):
    result = run_pipeline(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_warehouse_without_costs_or_models_is_one_sentence(api, tmp_path, marts):
    empty = tmp_path / "empty"
    empty.mkdir()
    result = run_pipeline("alerts", cwd=empty)
    assert result.returncode == 1
    assert "load costs first" in result.stderr
    marts.change("drop table openai_marts.cost_anomalies")
    result = marts.run()
    assert result.returncode == 1
    assert "has no models, or outdated ones: run python pipeline.py models." in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_demo_has_a_runaway_key_and_a_breached_budget(demo):
    folder, _ = demo
    result = run_pipeline("alerts", "--demo", "--format", "json", cwd=folder)
    assert result.returncode == 3, result.stderr
    alerts = json.loads(result.stdout)
    # Early in a month, only the budget of the month before is breached.
    budgets = [row for row in alerts if row["kind"] == "budget" and row["subject"] == "Europe"]
    assert "critical" in [row["severity"] for row in budgets]
    anomalies = [(row["day"], row["subject"]) for row in alerts if row["kind"] == "anomaly"]
    assert (str(days_ago(9)), "search-reranker") in anomalies
    assert {row["kind"] for row in alerts} == {"budget", "anomaly"}


def test_billed_tokens_without_usage_are_a_warning(demo, tmp_path):
    shutil.copy(demo[0] / "demo.duckdb", tmp_path)
    marts = AlertMarts(tmp_path)
    marts.change(f"""
        update openai_intermediate.int_openai__daily_checks set expected = expected * 0.9
        where check_name = 'tokens billed equal tokens used' and date = '{days_ago(10)}'
            and model_family = 'gpt-5.6-sol' and meter = 'input'
    """)
    (alert,) = (alert for alert in marts.alerts() if alert.kind == "reconciliation")
    assert alert.subject == "tokens billed equal tokens used"
    assert alert.severity == "warning"


HISTORY = 77
"""Eight weeks that set the usual cost of each weekday, and three weeks of checked days."""


class Untroubled(Organization):
    """The charges of fixed weeks, whenever the tests run, and without the runaway key."""

    def __init__(self):
        super().__init__(TODAY)
        base_day = date(2026, 11, 23) + timedelta(days=TODAY.weekday())
        self.then, self.ago = Organization(base_day), TODAY - base_day
        self.spend_alerts = {}
        self.earliest = days_ago(HISTORY)

    def _charges_on(self, day):
        for charge in self.then.charges(day - self.ago):
            ran_away = day == days_ago(RUNAWAY_AGE) and charge.api_key_id == RUNAWAY_KEY
            part = Decimal("0.125") if ran_away else Decimal(1)
            quantity = charge.quantity and charge.quantity * part
            yield charge._replace(amount=charge.amount * part, quantity=quantity)

    def charges(self, day):
        if day not in self._charges_by_day:
            self._charges_by_day[day] = list(self._charges_on(day))
        return self._charges_by_day[day]


def test_month_without_problems_raises_no_alert(tmp_path):
    organization, warehouse = Untroubled(), Warehouse(tmp_path)
    with SimulatedApi(organization) as api:
        warehouse.load(api, (*FEW, "spend_limits"))
    write_seeds(organization, tmp_path / "seeds")
    budgets = tmp_path / "seeds" / "budgets.csv"
    enough = [row for row in budgets.read_text().splitlines() if "proj_europe" not in row]
    budgets.write_text("\n".join(enough) + "\n")
    models = [
        f"+openai__{table.partition('.')[2]}" for table in READ if table.startswith("openai_marts")
    ]
    built = dbt(
        *("build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"),
        *("--select", *models, "+int_openai__project_prices"),
        warehouse=warehouse,
        OPENAI_COSTS_SEEDS=str(tmp_path / "seeds"),
    )
    assert built.returncode == 0, built.stdout
    sources = warehouse.rows("select distinct budget_source from openai_marts.budget_status")
    assert sorted(sources) == [("budgets.csv",), ("spend_limit",)]
    with duckdb.connect(str(warehouse.path)) as connection:
        # As if the tests had run and passed.
        connection.execute("""
            insert into openai_intermediate.int_openai__built_days by name
            select * exclude (built_by, checked_by), checked_by as fingerprint, 'tests' as fact
            from openai_intermediate.int_openai__loaded_days
        """)
    result = run_pipeline("alerts", "--severity", "info", cwd=tmp_path)
    assert result.stdout == "Nothing looks wrong.\n"
    assert result.returncode == 0
