"""`python pipeline.py report`: the page in Chromium, compared with the marts."""

import re
import shutil
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import duckdb
import pytest
from conftest import TODAY, complete_models, days_ago
from playwright.sync_api import sync_playwright
from running import run_pipeline

from openai_costs.reports.html.report import FILE, write_report

ORG = "org-demo-heliotrope"
NOW = datetime.now(UTC)
MONTH = TODAY.replace(day=1)
MONTH_BEFORE = (MONTH - timedelta(days=1)).replace(day=1)
HOSTILE = "</script><img src=x onerror=\"document.title='run'\"><!--<script>alert(1)//{{ data }}"
MARTS = (
    "openai_raw.cost_days",
    "openai_raw.costs",
    "openai_raw.organizations",
    "openai_marts.api_keys",
    "openai_marts.budget_status",
    "openai_marts.cost_anomalies",
    "openai_marts.cost_forecast",
    "openai_marts.credit_balance",
    "openai_marts.daily_costs_by_project",
    "openai_marts.daily_costs_by_user",
    "openai_marts.focus_costs",
    "openai_marts.reconciliation",
    "openai_marts.restatements",
    "openai_marts.unit_prices",
    "openai_marts.users",
)
COSTS = {
    "openai_marts.daily_costs_by_project": "date",
    "openai_marts.daily_costs_by_user": "date",
    "openai_marts.focus_costs": "cast(ChargePeriodStart as date)",
}
DIMENSIONS = ("project", "user", "model", "meter")


class Marts:
    """The demo's marts as tables that a test may change, and their report."""

    def __init__(self, folder):
        self.folder = folder
        self.connection = duckdb.connect(str(folder / "marts.duckdb"), config={"threads": 1})
        self.connection.execute("set TimeZone = 'UTC'")

    def query(self, sql, *values):
        return self.connection.execute(sql.replace("%s", "?"), values).fetchall()

    def change(self, *statements):
        for statement in statements:
            self.connection.execute(statement)

    def value(self, sql, *values):
        return self.query(sql, *values)[0][0]

    def cost(self, condition="true"):
        sql = "select sum(unblended_cost) from openai_marts.daily_costs_by_project where "
        return self.value(sql + condition) or Decimal(0)

    def report(self):
        file = self.folder / "report.html"
        write_report(self.query, file, NOW)
        return file


@pytest.fixture(scope="module")
def tables(demo, tmp_path_factory):
    """A DuckDB file in which the demo's marts are tables."""
    path = tmp_path_factory.mktemp("tables") / "marts.duckdb"
    with duckdb.connect(str(path), config={"threads": 1}) as connection:
        connection.execute(
            f"set TimeZone = 'UTC'; attach '{demo[0] / 'demo.duckdb'}' as demo (read_only)"
        )
        connection.execute("create schema openai_raw; create schema openai_marts")
        for table in MARTS:
            connection.execute(f"create table {table} as from demo.{table}")
        complete_models(connection)
    return path


@pytest.fixture
def marts(tables, tmp_path):
    shutil.copy(tables, tmp_path)
    return Marts(tmp_path)


@pytest.fixture(scope="module")
def report(tables, tmp_path_factory):
    """The report of the unchanged demo, and its marts."""
    folder = tmp_path_factory.mktemp("report")
    shutil.copy(tables, folder)
    marts = Marts(folder)
    return marts.report(), marts


@pytest.fixture(scope="module")
def browser():
    """A window of Chromium without a network."""
    program = shutil.which("chromium")
    if not program:
        pytest.skip("Chromium is not installed.")
    with sync_playwright() as playwright:
        # Root, the user in many containers, can start Chromium only without its sandbox.
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = chromium.new_context()
        context.set_offline(True)
        yield context


class OpenPage:
    """Opens a file; the page must not request anything else or log anything."""

    def __init__(self, browser):
        self.page = browser.new_page()
        self.file, self.complaints = None, []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._note)

    def _note(self, request):
        if request.url != self.file.as_uri():
            self.complaints.append(request.url)

    def __call__(self, file, width=1280, color_scheme="light"):
        self.file = file
        self.page.emulate_media(color_scheme=color_scheme)
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.goto(file.as_uri())
        self.page.wait_for_selector(".chart svg")
        return self.page


@pytest.fixture
def open_page(browser):
    open_page = OpenPage(browser)
    yield open_page
    open_page.page.close()
    assert open_page.complaints == []


@pytest.fixture(scope="module")
def open_report(browser, report):
    open_page = OpenPage(browser)
    open_page(report[0])
    yield open_page
    open_page.page.close()


@pytest.fixture
def page(open_report):
    """The report of the unchanged demo, opened once and reset to the initial selection."""
    page = open_report.page
    page.select_option("#project", index=0)
    page.select_option("#month", index=0)
    yield page
    assert open_report.complaints == []


def choose(page, project="All projects", month=None):
    page.select_option("#project", label=project)
    page.select_option("#month", label=f"{month:%B %Y}" if month else "All months")


def exactly(page, selector):
    return Decimal(page.get_attribute(f"{selector} [data-exact]", "data-exact"))


def rows(page, dimension):
    """Return name and exact cost of each line of a table, after a click on "Show all"."""
    return {name: Decimal(cost) for name, cost in page.evaluate(ROWS, dimension)}


ROWS = """
dimension => {
  const card = document.querySelector(`.card:has(#by-${dimension})`);
  for (const button of card.querySelectorAll(".more button")) button.click();
  return [...document.querySelectorAll(`#by-${dimension} tbody tr`)].map(line => [
    line.querySelector("td:first-child").firstChild.textContent,
    line.querySelector("[data-exact]").dataset.exact,
  ]);
}
"""


def test_sections_answer_in_order(page):
    assert page.locator("h2").all_inner_texts() == [
        "How much?",
        "Where does it go?",
        "What changed?",
        "What looks wrong?",
        "Can I trust it?",
    ]
    assert all(page.locator(".answer").all_inner_texts())


def test_file_is_small(report):
    assert report[0].stat().st_size < 2_000_000


def test_file_references_no_other_file(report):
    text = report[0].read_text(encoding="utf-8")
    page = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"\bsrc=|<link|@import|url\(", page)


@pytest.mark.parametrize("project", ["All projects", "Support desk", "Search and ranking"])
@pytest.mark.parametrize("month", [None, MONTH, MONTH_BEFORE], ids=["all", "this", "before"])
def test_totals_equal_the_marts_exactly(report, page, project, month):
    _, marts = report
    choose(page, project, month)
    conditions = ["true"]
    if project != "All projects":
        conditions.append(f"project_name = '{project}'")
    if month:
        conditions.append(f"date_trunc('month', date) = date '{month}'")
    expected = marts.cost(" and ".join(conditions))
    assert expected > 0
    assert exactly(page, "#figure-total") == expected
    for dimension in DIMENSIONS:
        assert exactly(page, f"#by-{dimension} tfoot") == expected
        assert sum(rows(page, dimension).values()) == expected


def test_each_line_equals_the_marts(report, page):
    _, marts = report
    choose(page, "Support desk", MONTH_BEFORE)
    for dimension, column in (("user", "x_PrincipalName"), ("model", "x_Model")):
        expected = marts.query(
            f"select {column}, sum(BilledCost) from openai_marts.focus_costs "
            f"where SubAccountName = 'Support desk' and {column} is not null "
            "and BillingPeriodStart = ? group by all having sum(BilledCost) <> 0",
            MONTH_BEFORE,
        )
        shown = rows(page, dimension)
        assert expected
        assert {name: shown[name] for name, _ in expected} == dict(expected)


def test_change_is_against_the_same_weekdays_four_weeks_earlier(report, page):
    _, marts = report
    closed = marts.query(
        "select date from openai_raw.cost_days where is_closed and date >= ?", MONTH
    )
    if not closed:
        assert "is over yet" in page.inner_text("#changes .answer")
        return
    last = max(day for (day,) in closed)
    if (last + timedelta(days=1)).day == 1:  # A whole month is compared with the month before.
        first, until = MONTH_BEFORE, MONTH - timedelta(days=1)
    else:
        weeks = timedelta(weeks=4 if last.day <= 28 else 5)
        first, until = MONTH - weeks, last - weeks
        assert "the same weekdays" in page.inner_text("#changes .answer")
    now = marts.cost(f"date between '{MONTH}' and '{last}'")
    then = marts.cost(f"date between '{first}' and '{until}'")
    assert exactly(page, "#changes .answer") == abs(now - then)


def test_exact_total_is_of_all_days(report, page):
    _, marts = report
    assert exactly(page, "#trust .facts") == marts.cost()


def test_planted_anomaly_and_budget_are_shown(report, page):
    _, marts = report
    wrong = page.inner_text("#wrong")
    assert "search-reranker" in wrong
    assert str(days_ago(9)) in wrong
    name, month = marts.query(
        "select scope_name, month from openai_marts.budget_status "
        "where status = 'breached' and budget_source = 'budgets.csv' order by month desc"
    )[0]
    choose(page, month=month)
    budgets = page.locator("#budgets li").all_inner_texts()
    assert any(name in text and "breached" in text for text in budgets)
    assert "breached" in page.inner_text("#how-much")
    choose(page, month=days_ago(9))
    assert "Unusually high" in page.inner_text("#how-much")


def test_price_change_is_shown_in_its_month(report, page):
    _, marts = report
    day, model, before = marts.query(
        "select changed_on, model, previous_price from openai_marts.unit_prices "
        "where changed_on is not null"
    )[0]
    choose(page, month=day)
    assert model in page.inner_text("#prices")
    assert f"{before:g}" in page.inner_text("#prices")


def test_mismatch_of_usage_is_shown(marts, open_page):
    marts.change(
        "update openai_marts.reconciliation "
        "set status = 'differs', reason = 'less than expected', difference = -1000 "
        f"where check_name = 'tokens billed equal tokens used' and period_start = '{days_ago(10)}' "
        "and model_family = 'gpt-5.6-sol' and meter = 'input'"
    )
    page = open_page(marts.report())
    assert "tokens billed equal tokens used" in page.inner_text("#wrong")
    assert "checks differ" in page.inner_text("#trust .answer")


def test_report_without_alerts_says_so(marts, open_page):
    marts.change(
        *(f"delete from openai_marts.{mart}" for mart in ("budget_status", "cost_anomalies")),
        "delete from openai_marts.reconciliation where status = 'differs'",
        "update openai_marts.api_keys set is_deleted = false",
    )
    marts.change("delete from openai_marts.cost_forecast")
    page = open_page(marts.report())
    assert page.inner_text("#wrong .answer") == "Nothing looks wrong."
    assert "None is set" in page.inner_text("#figure-budget")
    assert "No budget is set" in page.inner_text("#how-much")
    assert exactly(page, "#figure-total") == marts.cost(f"date >= '{MONTH}'")


def test_unknown_forecast_and_budget_are_shown_with_the_reason(marts, open_page):
    reason = "5 of 27 days are not loaded"
    marts.change(
        "update openai_marts.cost_forecast set expected_month_end = null, "
        f"unknown_because = '{reason}'",
        "update openai_marts.budget_status set status = 'unknown', expected_month_end = null, "
        f"unknown_because = '{reason}', breached_on = null, expected_breach_on = null",
    )
    page = open_page(marts.report())
    choose(page, month=MONTH)
    text = page.inner_text("#how-much")
    assert f"may be exceeded: {reason}." in text
    assert "within its budget" not in text
    assert page.inner_text("#figure-expected .large") == "–"
    assert page.inner_text("#figure-expected .note") == f"Unknown: {reason}"
    assert reason in page.inner_text("#figure-budget .note")
    assert all("unknown" in line for line in page.locator("#budgets li").all_inner_texts())
    assert f"unnoticed: {reason}." in page.inner_text("#wrong")


def test_month_that_was_never_loaded_has_no_amounts(marts, open_page):
    month = f"date_trunc('month', {{day}}) = date '{MONTH_BEFORE}'"
    tables = {"openai_raw.cost_days": "date", **COSTS}
    marts.change(
        *(f"delete from {table} where {month.format(day=day)}" for table, day in tables.items()),
        "update openai_marts.budget_status set unblended_cost = null, spent_share = null, "
        "status = 'unknown', expected_month_end = null, "
        f"unknown_because = '31 of 31 days are not loaded' where month = date '{MONTH_BEFORE}'",
    )
    page = open_page(marts.report())
    assert page.inner_text("#figure-before .large") == "–"
    choose(page, month=MONTH_BEFORE)
    name = f"{MONTH_BEFORE:%B %Y}"
    assert page.inner_text("#how-much .answer").startswith(f"No day of {name} is loaded.")
    assert page.inner_text("#figure-total .large") == "–"
    assert page.inner_text("#where .answer") == f"No day of {name} is loaded."
    assert not re.search(r"\b0\.00", page.inner_text("#how-much"))


def test_hostile_names_are_text(marts, open_page):
    quoted = HOSTILE.replace("'", "''")
    marts.change(
        f"update openai_marts.daily_costs_by_project set project_name = '{quoted}' "
        "where project_name = 'Support desk'",
        f"update openai_marts.daily_costs_by_project set organization_name = '{quoted}'",
        f"update openai_marts.daily_costs_by_user set user_name = '{quoted}' "
        "where user_name = 'helpdesk-bot'",
        f"update openai_marts.focus_costs set x_Model = '{quoted}' where x_Model = 'gpt-5.6-sol'",
        f"update openai_marts.budget_status set scope_name = '{quoted}'",
        f"update openai_marts.cost_anomalies set scope_name = '{quoted}'",
    )
    page = open_page(marts.report())
    assert page.inner_text("h1") == HOSTILE
    assert page.locator("img").count() == 0
    assert "run" not in page.title().split()
    for dimension in ("project", "user", "model"):
        assert HOSTILE in rows(page, dimension)
    choose(page, HOSTILE, MONTH)
    assert HOSTILE in page.inner_text("#standing")


def test_organizations_and_currencies_are_never_summed(marts, open_page):
    for table in (*COSTS, "openai_marts.budget_status"):
        names = ("BillingAccountId", "BillingAccountName")
        names = names if table.endswith("focus_costs") else ("organization_id", "organization_name")
        marts.change(
            f"insert into {table} select * replace "
            f"('org-2' as {names[0]}, 'Second' as {names[1]}) from {table}"
        )
    marts.change(
        "insert into openai_raw.cost_days select * replace ('org-2' as organization_id) "
        "from openai_raw.cost_days",
        "update openai_marts.daily_costs_by_project set currency = 'EUR' "
        "where organization_id = 'org-2' and project_id = 'proj_europe'",
        "update openai_marts.focus_costs set BillingCurrency = 'EUR' "
        "where BillingAccountId = 'org-2' and SubAccountId = 'proj_europe'",
    )
    page = open_page(marts.report())
    bills = page.locator("#bill option").all_inner_texts()
    assert bills == ["Second · EUR", "Second · USD", "Heliotrope Labs · USD"]
    for bill, condition in zip(
        bills,
        (
            "organization_id = 'org-2' and currency = 'EUR'",
            "organization_id = 'org-2' and currency = 'USD'",
            f"organization_id = '{ORG}'",
        ),
        strict=True,
    ):
        page.select_option("#bill", label=bill)
        choose(page)
        assert exactly(page, "#figure-total") == marts.cost(condition)
        assert exactly(page, "#by-model tfoot") == marts.cost(condition)


def test_one_loaded_day_is_enough(marts, open_page):
    marts.change(*(f"delete from {table} where {day} <> '{TODAY}'" for table, day in COSTS.items()))
    marts.change(f"delete from openai_raw.cost_days where date <> '{TODAY}'")
    for mart in ("budget_status", "cost_anomalies", "cost_forecast", "reconciliation"):
        marts.change(f"delete from openai_marts.{mart}")
    page = open_page(marts.report())
    assert exactly(page, "#figure-total") == marts.cost()
    assert "is over yet" in page.inner_text("#changes .answer")
    assert page.inner_text("#figure-expected .large") == "–"


def test_month_without_costs_is_shown(marts, open_page):
    month = f"date_trunc('month', {{day}}) = date '{MONTH_BEFORE}'"
    marts.change(
        *(f"delete from {table} where {month.format(day=day)}" for table, day in COSTS.items())
    )
    page = open_page(marts.report())
    choose(page, month=MONTH_BEFORE)
    assert exactly(page, "#figure-total") == 0
    assert "Nothing was billed" in page.inner_text("#where .answer")


def test_report_without_any_cost_says_so(marts, open_page):
    marts.change(*(f"delete from {table}" for table in COSTS))
    page = open_page(marts.report())
    assert exactly(page, "#figure-total") == 0
    assert exactly(page, "#trust .facts") == 0
    assert "Nothing was billed" in page.inner_text("#where .answer")


def test_days_without_users_in_projects_are_explained(marts, open_page):
    marts.change(
        "update openai_marts.focus_costs set x_PrincipalId = null, x_PrincipalName = null, "
        "x_Attribution = 'unattributed', x_UnattributedBecause = 'the API returned no user'"
    )
    page = open_page(marts.report())
    assert "helpdesk-bot" in rows(page, "user")
    choose(page, "Support desk", MONTH)
    assert list(rows(page, "user")) == ["Unattributed"]
    assert "reports users separately from projects" in page.inner_text("#where")


def test_missing_days_and_stale_data_are_shown(marts, open_page):
    missing = days_ago(40)
    marts.change(
        f"delete from openai_raw.cost_days where date = '{missing}'",
        "update openai_raw.cost_days set loaded_at = loaded_at - interval 5 days",
    )
    page = open_page(marts.report())
    assert "1 day between the first and the last is missing" in page.inner_text("#trust .answer")
    assert page.locator(".calendar .missing").get_attribute("title") == f"{missing}: missing"
    assert "stale" in page.inner_text("#trust .facts")
    assert "The last load was" in page.inner_text("#wrong")


def luminance(page, selector, of):
    color = page.eval_on_selector(selector, f"node => getComputedStyle(node).{of}")
    return sum(map(int, re.findall(r"\d+", color)[:3]))


def test_page_follows_the_color_scheme_of_the_browser(report, open_page):
    for scheme, dark in (("light", False), ("dark", True)):
        page = open_page(report[0], color_scheme=scheme)
        darker_background = luminance(page, "body", "backgroundColor") < luminance(
            page, "body", "color"
        )
        assert darker_background == dark
        label = luminance(page, ".chart svg .role-axis-label text", "fill")
        card = luminance(page, ".card", "backgroundColor")
        assert (card < label) == dark


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_cut_at_any_width(report, open_page, width):
    page = open_page(report[0], width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == []


# The elements that are cut off at the edge of their card.
CUT = """
[...document.querySelectorAll('.card')].flatMap(card => {
  const edge = card.getBoundingClientRect();
  return [...card.querySelectorAll('svg, td, th, p, span, dd')]
    .filter(node => node.getBoundingClientRect().right > edge.right + 1)
    .map(node => node.textContent.slice(0, 80));
})
"""


def test_print_is_a_few_light_pages_without_controls(report, open_page):
    page = open_page(report[0], width=690, color_scheme="dark")
    pages = len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True)))
    assert 2 <= pages <= 6
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.is_visible("#selectors")
    assert luminance(page, "body", "color") < 200
    assert page.evaluate(CUT) == []


def test_command_replaces_the_file_in_one_step(tables, tmp_path):
    shutil.copy(tables, tmp_path / "demo.duckdb")
    folder = tmp_path / "reports"
    folder.mkdir()
    file = folder / "costs.html"
    file.write_text("the previous report")
    before = file.stat().st_ino
    done = run_pipeline("report", "--demo", "--to", file, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Heliotrope Labs" in done.stdout
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert file.stat().st_ino != before
    assert [path.name for path in folder.iterdir()] == ["costs.html"]


def test_command_fails_with_one_sentence(demo, tmp_path):
    folder, _ = demo
    nowhere = run_pipeline("report", "--demo", "--to", tmp_path / "no" / "x.html", cwd=folder)
    assert (nowhere.returncode, nowhere.stderr.count("\n")) == (2, 1)
    assert "does not exist" in nowhere.stderr
    is_folder = run_pipeline("report", "--demo", "--to", tmp_path, cwd=folder)
    assert (is_folder.returncode, is_folder.stderr.count("\n")) == (2, 1)
    empty = run_pipeline("report", cwd=tmp_path)
    assert (empty.returncode, empty.stderr.count("\n")) == (1, 1)
    assert not list(tmp_path.iterdir())


def test_warehouse_without_models_names_the_command_to_run(tmp_path):
    with duckdb.connect(str(tmp_path / "openai_costs.duckdb")) as connection:
        connection.execute("create schema openai_raw")
        connection.execute(
            "create table openai_raw.cost_days (organization_id varchar, organization_name varchar,"
            " date date, is_closed boolean, loaded_at timestamptz)"
        )
    done = run_pipeline("report", cwd=tmp_path)
    assert done.returncode == 1
    assert "run python pipeline.py models" in done.stderr
    assert not (tmp_path / FILE).exists()


def test_missing_chart_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    done = run_pipeline("report", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "The report needs one more package: pip install '.[report]'\n"
