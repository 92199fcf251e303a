"""Forecasts, budgets, anomalies and prepaid credits of organizations with known bills."""

import os
import re
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import TODAY, SimulatedApi, Warehouse, days_ago
from running import PROJECT, dbt
from test_source import charge

from openai_costs_source.simulator.organization import Organization

MARTS = ("cost_forecast", "budget_status", "cost_anomalies", "credit_balance")
THIS_MONTH = TODAY.replace(day=1)
LAST_MONTH = (THIS_MONTH - timedelta(days=1)).replace(day=1)
SPIKE = days_ago(10)
USUAL = {"project_id": "proj_a", "user_id": "user_a", "api_key_id": "key_a"}


def days(first, until):
    return [first + timedelta(days=n) for n in range((until - first).days)]


def days_of_month(month):
    return days(month, (month + timedelta(days=31)).replace(day=1))


def usual(day):
    """Return the cost of an ordinary day: less on weekends, and nothing yet today."""
    return Decimal(0 if day == TODAY else 40 if day.weekday() > 4 else 100)


def steady(day):
    return [charge(usual(day), quantity=usual(day) * 1000, **USUAL)] if usual(day) else []


def trimmed(day):
    """The days before the last month are removed."""
    return steady(day)


def growing(day):
    """Costs grow by 5 % a week."""
    weeks = (day - days_ago(180)).days / 7
    amount = Decimal(0) if day == TODAY else round(usual(day) * Decimal(1.05**weeks), 6)
    return [charge(amount, **USUAL)] if amount else []


def two_projects(day):
    """One project is steady; the other began 40 days ago, grows, and today is expensive."""
    age = (TODAY - day).days
    if age > 40:
        return steady(day)
    amount = round(Decimal(30) * Decimal("1.02") ** (40 - age), 6) * (20 if day == TODAY else 1)
    return [*steady(day), charge(amount, **{**USUAL, "project_id": "proj_b"})]


def begun_five_days_ago(day):
    return steady(day) if day >= days_ago(5) else []


def runaway(day):
    """On one day, one of two keys has eight times its volume, at the same price."""
    by_key = Decimal(8 if day == SPIKE else 1) * usual(day) / 2
    other = {**USUAL, "user_id": "user_b", "api_key_id": "key_b"}
    return [
        charge(by_key, quantity=by_key * 1000, **USUAL),
        charge(usual(day) / 2, quantity=usual(day) * 500, **other),
    ]


def higher_price(day):
    """On one day, the usual volume costs three times the price."""
    return [charge(usual(day) * (3 if day == SPIKE else 1), quantity=usual(day) * 1000, **USUAL)]


def another_model(day):
    more = [charge(300, "gpt-6-astra, input", quantity=1000, **USUAL)] if day == SPIKE else []
    return steady(day) + more


def new_key(day):
    more = {**USUAL, "api_key_id": "key_new"}
    return steady(day) + ([charge(90, **more)] if day == SPIKE else [])


def rotated_key(day):
    name = "key_later" if day >= SPIKE else "key_former"
    return [charge(usual(day), **{**USUAL, "api_key_id": name})] if usual(day) else []


def cents(day):
    return [charge(usual(day) / (20 if day == SPIKE else 1000), **USUAL)]


def spike_after_three_weeks(day):
    return runaway(day) if day >= SPIKE - timedelta(days=20) else []


def zero_day(day):
    return [] if day == SPIKE else steady(day)


def monthly(day):
    """One day every four weeks costs eight times as much."""
    weeks = (day - SPIKE).days / 7
    return [charge(usual(day) * (8 if weeks % 4 == 0 else 1), **USUAL)] if usual(day) else []


def credited(day):
    """On each of the last four closed days, a credit that has no project."""
    credit = charge("-5", line_item="credit", project_id=None, quantity=None)
    return [*steady(day), credit] if 1 <= (TODAY - day).days <= 4 else steady(day)


BILLS = (
    *(steady, growing, begun_five_days_ago, runaway, higher_price, another_model, new_key),
    *(rotated_key, cents, spike_after_three_weeks, zero_day, monthly, two_projects),
)


def of_month(month, bill=usual):
    return sum((bill(day) for day in days_of_month(month)), Decimal(0))


def spent_until(day):
    """Return the cost of the current month until the end of this day."""
    return sum((usual(past) for past in days(THIS_MONTH, day + timedelta(days=1))), Decimal(0))


def pattern(day):
    """Return the expected cost of a day."""
    return Decimal(40 if day.weekday() > 4 else 100)


EXPECTED = of_month(THIS_MONTH, pattern)
MIDDLE = (spent_until(TODAY) + EXPECTED) / 2
BUDGETS = f"""
organization_id,scope,id,month,from_month,to_month,amount,currency
steady,organization,,{LAST_MONTH:%Y-%m},,,{of_month(LAST_MONTH)},USD
steady,project,proj_a,{LAST_MONTH:%Y-%m},,,{of_month(LAST_MONTH) - 1},USD
steady,user,user_a,{THIS_MONTH:%Y-%m},,,{MIDDLE},USD
steady,model,gpt-5.6-sol-2026-01-31,,{THIS_MONTH:%Y-%m},,{EXPECTED + 1},USD
steady,team,Unassigned,,{LAST_MONTH:%Y-%m},,1000000,usd
steady,project,proj_never,,,,5,USD
steady,organization,,{THIS_MONTH:%Y-%m},,,5,EUR
stedy,organization,,,,,5,USD
# steady,project,proj_b,,,,5,USD
steady,project,,,,,5,USD
steady,galaxy,proj_c,,,,5,USD
steady,project,proj_c,2026-13,,,5,USD
steady,project,proj_c,2026-10,2026-10,,5,USD
steady,project,proj_c,,2026-10,2026-09,5,USD
steady,project,proj_c,,,2026-09,5,USD
steady,project,proj_b,,,,"1,000",USD
steady,project,proj_b,,,,-5,EUR
steady,project,proj_b,,,,5,
steady,organization,growing,,,,5,USD
,project,proj_a,,,,5,USD
steady,project,proj_twice,2026-10,,,5,USD
steady,project,proj_twice,,2026-10,,6,USD
"""
GRANTS = [
    (days_ago(60), Decimal("1500.50")),
    (days_ago(60), Decimal(800)),
    (days_ago(45), Decimal(-100)),
    (days_ago(20), Decimal(9000)),
]
CREDITS = "organization_id,granted_on,amount,currency\n" + "".join(
    f"{organization},{granted_on},{amount},USD\n"
    for organization in ("steady", "trimmed")
    for granted_on, amount in GRANTS
)
BAD_CREDITS = """#steady,2026-01-01,1,USD
steady,2026-02-30,1,USD
steady,2027-02-29,1,USD
steady,2026-04-31,1,USD
steady,2026-02-28,one,USD
steady,2028-02-29,1,dollars
,2026-02-28,1,USD
"""


class BilledOrganization(Organization):
    """Half a year of days with the charges of `bill`."""

    slug = None

    def __init__(self, bill):
        super().__init__(TODAY)
        self.id, self.name, self.bill = bill.__name__, bill.__name__, bill

    def charges(self, day):
        return self.bill(day)


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    """A warehouse with an organization for each of `BILLS`, and the marts in `MARTS`."""
    with pytest.MonkeyPatch.context() as world:
        world.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        folder = tmp_path_factory.mktemp("plans")
        world.setenv("DLT_DATA_DIR", str(folder / "dlt"))
        warehouse = Warehouse(folder)
        for bill in (trimmed, credited, *BILLS):
            with SimulatedApi(BilledOrganization(bill)) as api:
                warehouse.load(api, resources=["costs"], loaded=set())
                if bill is trimmed:  # As the first one: days of all organizations are removed.
                    warehouse.load(api, resources=["costs"], loaded=set(), keep_months=1)
        seeds = folder / "seeds"
        seeds.mkdir()
        (seeds / "teams.csv").write_text("organization_id,kind,id,team,cost_center\n")
        header = "organization_id,month,amount_before_tax,credits,tax,currency\n"
        (seeds / "invoices.csv").write_text(header)
        (seeds / "budgets.csv").write_text(BUDGETS.lstrip())
        (seeds / "credit_grants.csv").write_text(CREDITS + BAD_CREDITS)
        selected = [f"+openai__{mart}" for mart in MARTS] + [
            "+int_openai__check_credits",
            "+int_openai__check_forecasts",
            "budgets_are_valid",
            "budgets_refer_to_known_ids",
            "credit_grants_are_valid",
        ]
        built = dbt("build", "-s", *selected, warehouse=warehouse, OPENAI_COSTS_SEEDS=str(seeds))
        assert built.returncode == 0, built.stdout
        warehouse.printed = built.stdout
        yield warehouse


# Forecasts


def forecast(plans, organization):
    return plans.rows(f"""
        select scope, project_id, as_of, unblended_cost, expected_month_end, previous_month_cost,
            backtested_months, backtest_error
        from openai_marts.cost_forecast where organization_id = '{organization}' order by scope
    """)


def test_steady_bill_is_forecast_exactly(plans):
    organization, project = forecast(plans, "steady")
    assert organization[:2] == ("organization", None)
    assert project[:2] == ("project", "proj_a")
    assert organization[2:] == project[2:]
    as_of, spent, expected, previous, months, error = organization[2:]
    assert as_of == days_ago(1)
    assert spent == spent_until(TODAY)
    assert expected == pytest.approx(float(EXPECTED), rel=1e-9)
    assert previous == of_month(LAST_MONTH)
    assert months >= 4
    assert error == pytest.approx(0, abs=1e-9)


def test_growth_continues_through_the_month(plans):
    (_, _, _, spent, expected, *_), _ = forecast(plans, "growing")
    remaining = [day for day in days_of_month(THIS_MONTH) if day >= TODAY]
    weeks = {day: (day - days_ago(180)).days / 7 for day in remaining}
    continued = sum(float(pattern(day)) * 1.05**week for day, week in weeks.items())
    assert expected - float(spent) == pytest.approx(continued, rel=0.03)


def test_single_runaway_day_does_not_change_the_forecast(plans):
    (_, _, _, spent, expected, *_), _ = forecast(plans, "runaway")
    assert expected - float(spent) == pytest.approx(float(EXPECTED - spent_until(TODAY)))


def test_few_days_are_enough_for_a_forecast_without_a_backtest(plans):
    (_, _, _, spent, expected, previous, months, error), _ = forecast(plans, "begun_five_days_ago")
    assert expected > float(spent)
    assert (months, error) == (0, None)
    cost_before = sum(
        (usual(day) for day in days_of_month(LAST_MONTH) if day >= days_ago(5)), Decimal(0)
    )
    assert previous == (cost_before or None)


def projects(plans):
    """Return the daily costs of each project from the raw rows, by organization and project."""
    costs = defaultdict(dict)
    for organization, project, day, amount in plans.rows("""
        select organization_id, project_id, date, sum(amount) from openai_raw.costs group by all
    """):
        costs[organization, project][day] = float(amount)
    return costs


def level(costs, ages):
    """Return the usual cost of a weekday, with the number of its days; ages count from as_of."""
    known = [day for day in (days_ago(1 + age) for age in ages) if day >= min(costs)]
    amounts = sorted(costs.get(day, 0) for day in known)
    usual_amounts = amounts[1:-1] if len(amounts) >= 3 else amounts
    mean = sum(usual_amounts) / len(usual_amounts) if amounts else None
    return mean, len(amounts)


def expected_by_the_docs(costs):
    """Return the month's expected cost by the formula in docs/tables.md."""
    text = (PROJECT / "docs" / "tables.md").read_text()
    (formula,) = re.findall(r"```text\n( *growth = .*?)```", text, re.DOTALL)
    growth_formula, expected_formula = formula.split("\n")[:2]
    recent = [level(costs, range(age, 28, 7)) for age in range(7)]
    earlier = [level(costs, range(28 + age, 56, 7)) for age in range(7)]
    known = [mean for mean, _ in recent if mean is not None]
    growth = 1
    if all(number >= 3 for _, number in earlier) and sum(mean for mean, _ in earlier) > 0:
        sums = {"recent": sum(known), "earlier": sum(mean for mean, _ in earlier)}
        growth = eval(growth_formula.split(" = ")[1], sums)
    total = 0
    for day in days_of_month(THIS_MONTH):
        ahead = (day - days_ago(1)).days
        if ahead <= 0:
            total += costs.get(day, 0)
            continue
        usual_cost = recent[-ahead % 7][0]
        values = {
            "level": sum(known) / len(known) if usual_cost is None else usual_cost,
            "growth": growth,
            "days_ahead": ahead,
        }
        total += max(eval(expected_formula.split(" = ")[1], values), costs.get(day, 0))
    return total


def test_forecasts_follow_the_formula_in_the_docs(plans):
    shown = plans.rows("""
        select organization_id, project_id, expected_month_end from openai_marts.cost_forecast
        where scope = 'project'
    """)
    costs = projects(plans)
    # Two bills have two projects, and one organization has the days of a bill that were kept.
    assert len(shown) == len(BILLS) + 4
    for organization, project, expected in shown:
        assert expected == pytest.approx(expected_by_the_docs(costs[organization, project]))


def test_forecasts_of_projects_add_up_to_the_organization(plans):
    totals = plans.rows("""
        select
            sum(case when scope = 'organization' then expected_month_end end),
            sum(case when scope = 'project' then expected_month_end end),
            min(expected_month_end - cast(unblended_cost as double)) >= 0
        from openai_marts.cost_forecast group by organization_id
    """)
    assert len(totals) == len(BILLS) + 2
    for of_organization, of_projects, is_above_billed in totals:
        assert of_organization == pytest.approx(of_projects)
        assert is_above_billed


def test_credits_of_the_last_days_are_not_continued(plans):
    expected = {row[:2]: row[4] for row in forecast(plans, "credited")}
    this_month = [day for day in days(days_ago(4), TODAY) if day >= THIS_MONTH]
    assert expected["project", "proj_a"] == pytest.approx(float(EXPECTED), rel=1e-9)
    credits = -5 * len(this_month)
    assert expected["project", None] == pytest.approx(credits, abs=1e-9)
    assert expected["organization", None] == pytest.approx(float(EXPECTED) + credits, rel=1e-9)


def test_forecasts_equal_those_that_are_computed_from_raw_rows(plans):
    checks = "select distinct item from openai_intermediate.int_openai__check_forecasts"
    assert plans.rows(checks) == [(None,)]


# Budgets


def budgets(plans):
    rows = plans.rows("""
        select scope, scope_id, month, budget, unblended_cost, expected_month_end, breached_on,
            expected_breach_on, status
        from openai_marts.budget_status where organization_id = 'steady'
    """)
    return {(scope, id, month): rest for scope, id, month, *rest in rows}


def first_day_above(budget, month, bill):
    total = Decimal(0)
    for day in days_of_month(month):
        total += bill(day)
        if total > budget:
            return day
    return None


def test_budget_that_is_spent_to_the_last_cent_is_kept(plans):
    budget, spent, expected, *days, status = budgets(plans)["organization", "steady", LAST_MONTH]
    assert budget == spent == of_month(LAST_MONTH)
    assert expected == pytest.approx(float(spent))
    assert (*days, status) == (None, None, "kept")


def test_budget_is_breached_on_the_day_that_passes_it(plans):
    budget, *_, breached_on, expected_on, status = budgets(plans)["project", "proj_a", LAST_MONTH]
    assert status == "breached"
    assert breached_on == first_day_above(budget, LAST_MONTH, usual)
    assert expected_on is None


def test_budget_below_the_expected_month_end_is_at_risk_with_a_day(plans):
    budget, spent, expected, *days, status = budgets(plans)["user", "user_a", THIS_MONTH]
    assert status == "at risk"
    assert spent == spent_until(TODAY) < budget
    assert expected == pytest.approx(float(EXPECTED))
    assert days == [None, first_day_above(budget, THIS_MONTH, pattern)]


def test_model_with_a_date_has_the_budget_of_the_model(plans):
    assert budgets(plans)["model", "gpt-5.6-sol", THIS_MONTH][-1] == "on track"


def test_budget_with_a_first_month_applies_to_each_later_month(plans):
    months = [month for scope, _, month in budgets(plans) if scope == "team"]
    assert sorted(months) == [LAST_MONTH, THIS_MONTH]


def test_budget_on_nothing_is_unknown_and_named(plans):
    unknown = plans.rows("""
        select scope_id, month, status, expected_month_end, unknown_because
        from openai_marts.budget_status
        where organization_id = 'steady' and unknown_because is not null
        order by all
    """)
    unknown = [row for row in unknown if row[1] >= LAST_MONTH]
    reason = "no project has the id proj_never"
    assert unknown == [
        ("proj_never", LAST_MONTH, "unknown", None, reason),
        ("proj_never", THIS_MONTH, "unknown", None, reason),
        ("steady", THIS_MONTH, "unknown", None, "the organization is not billed in EUR"),
    ]
    assert "WARN 3 budgets_refer_to_known_ids" in plans.printed
    target = Path(os.environ["DBT_TARGET_PATH"])
    sql = (target / "compiled/openai_costs/tests/budgets_refer_to_known_ids.sql").read_text()
    assert [row for (row,) in plans.rows(f"select reason from ({sql})")] == [
        "budgets.csv, row of proj_never: no project has the id proj_never",
        "budgets.csv, row of steady: the organization is not billed in EUR",
        "budgets.csv, row of stedy: no organization has the id stedy",
    ]


def test_invalid_budgets_are_reported_and_ignored(plans):
    reasons = plans.rows("""
        select reason from openai_staging.stg_openai__budgets where reason is not null order by all
    """)
    assert [reason for (reason,) in reasons] == [
        "organization_id is missing",
        "proj_b: amount is not a number such as 5000.00: 1,000",
        "proj_b: amount is not above 0: -5",
        "proj_b: currency is not a code such as USD: ",
        "proj_c ends before it starts: 2026-09",
        "proj_c has a last month and no first one",
        "proj_c has a month, and a first or last month: one or the other",
        "proj_c: 2026-13 is not a month such as 2026-10",
        "proj_twice occurs more than once, from the same month on",
        "proj_twice occurs more than once, from the same month on",
        'scope "galaxy" is not one of organization, project, user, team, model',
        "the budget of an organization needs no id, and names another one: growing",
        "the project has no id",
    ]
    assert not {"proj_b", "proj_twice"} & {id for _, id, _ in budgets(plans)}
    assert "WARN 13 budgets_are_valid" in plans.printed


# Anomalies


def anomalies(plans, organization):
    rows = plans.rows(f"""
        select date, scope, scope_id, explained_by from openai_marts.cost_anomalies
        where organization_id = '{organization}'
    """)
    return {(scope, id): reason for day, scope, id, reason in rows if day == SPIKE} | {
        (day, scope, id): reason for day, scope, id, reason in rows if day != SPIKE
    }


def test_runaway_key_is_flagged_with_its_project_user_and_model(plans):
    assert anomalies(plans, "runaway") == {
        ("api_key", "key_a"): "volume",
        ("project", "proj_a"): "volume",
        ("user", "user_a"): "volume",
        ("model", "gpt-5.6-sol"): "volume",
    }
    actual, expected, excess, volume, price, mix = plans.rows("""
        select actual, expected, excess, volume_effect, price_effect, mix_effect
        from openai_marts.cost_anomalies where organization_id = 'runaway' and scope = 'api_key'
    """)[0]
    assert (actual, expected, excess) == tuple(usual(SPIKE) * n / 2 for n in (8, 1, 7))
    assert volume == pytest.approx(float(excess))
    assert (price, mix) == (pytest.approx(0, abs=1e-6), 0)


def lower_median(values):
    return sorted(values)[(len(values) - 1) // 2]


def documented_scores(bill, first_day):
    """Return the score of each anomaly of a bill with one project, as docs/tables.md defines it."""
    costs = {}
    for day in days(first_day, TODAY + timedelta(days=1)):
        if charges := bill(day):
            costs[day] = float(sum(charge.amount for charge in charges))
    scores = {}
    for day, cost in costs.items():
        weekdays = [day - timedelta(weeks=n) for n in range(1, 9)]
        earlier = [costs.get(each, 0) for each in weekdays if each >= min(costs)]
        if len(earlier) < 4:
            continue
        month = [costs[each] for each in days(day - timedelta(days=28), day) if each in costs]
        usual_cost = lower_median(earlier)
        spread = 1.4826 * lower_median([abs(each - usual_cost) for each in earlier])
        spread = max(spread, 0.15 * usual_cost)
        minimum = max(25, 0.03 * sum(month) / len(month)) if month else 25
        excess = cost - usual_cost
        if excess >= max(minimum, 4 * spread) and cost >= 1.25 * sorted(earlier)[-2]:
            scores[day] = excess / max(spread, minimum / 4)
    return scores


@pytest.mark.parametrize(
    "bill", [bill for bill in BILLS if bill is not two_projects], ids=lambda bill: bill.__name__
)
def test_projects_are_flagged_with_the_score_of_the_documented_formula(plans, bill):
    scores = dict(
        plans.rows(f"""
            select date, score from openai_marts.cost_anomalies
            where organization_id = '{bill.__name__}' and scope = 'project'
        """)
    )
    first_day = plans.value(f"""
        select min(date) from openai_raw.cost_days where organization_id = '{bill.__name__}'
    """)
    assert scores == pytest.approx(documented_scores(bill, first_day), rel=1e-9)


@pytest.mark.parametrize(
    ("organization", "scope", "reason"),
    [
        ("higher_price", ("api_key", "key_a"), "price"),
        ("another_model", ("api_key", "key_a"), "model mix"),
        ("another_model", ("model", "gpt-6-astra"), "new model"),
        ("new_key", ("api_key", "key_new"), "new api_key"),
    ],
)
def test_anomaly_is_explained(plans, organization, scope, reason):
    assert anomalies(plans, organization)[scope] == reason


@pytest.mark.parametrize(
    "organization",
    [
        *("steady", "growing", "begun_five_days_ago", "rotated_key", "cents"),
        *("spike_after_three_weeks", "zero_day", "monthly"),
    ],
)
def test_nothing_is_flagged_without_a_problem(plans, organization):
    assert plans.value(f"""
        select count(*) from openai_marts.cost_forecast where organization_id = '{organization}'
    """)
    flagged = anomalies(plans, organization)
    # The first peaks of `monthly` are flagged: nothing shows yet that they recur.
    assert not [key for key in flagged if len(key) == 2 or key[0] >= days_ago(90)]


# Prepaid credits


def test_balance_is_grants_minus_costs_since_the_first_grant(plans):
    rows = plans.rows("""
        select date, granted, unblended_cost, balance from openai_marts.credit_balance
        where organization_id = 'steady' order by date
    """)
    expected, balance = [], Decimal(0)
    for day in days(days_ago(60), TODAY + timedelta(days=1)):
        granted = sum((amount for granted_on, amount in GRANTS if granted_on == day), Decimal(0))
        balance += granted - usual(day)
        expected.append((day, granted, usual(day), balance))
    assert rows == expected
    assert min(row[-1] for row in rows) < 0


def test_credits_run_out_at_the_mean_cost_of_the_closed_days_of_four_weeks(plans):
    balance, daily_cost, runs_out_on = plans.rows("""
        select balance, daily_cost, runs_out_on from openai_marts.credit_balance
        where organization_id = 'steady' order by date desc
    """)[0]
    closed = days(days_ago(27), TODAY)
    cost = sum(map(usual, closed))
    assert daily_cost == pytest.approx(float(cost) / 27)
    # Today has no costs yet, and is expected to cost as much as the closed days.
    days_left = (balance * 27 - cost) // cost
    assert runs_out_on == TODAY + timedelta(days=int(days_left) + 1)


def test_credits_ran_out_on_the_first_day_below_zero(plans):
    rows = plans.rows("""
        select date, runs_out_on from openai_marts.credit_balance
        where organization_id = 'steady' and balance < 0
    """)
    first_day = min(day for day, _ in rows)
    assert days_ago(60) < first_day < days_ago(21)
    assert {runs_out_on for _, runs_out_on in rows} == {first_day}


def test_credits_do_not_change_when_months_are_trimmed(plans):
    figures, of_trimmed = (
        plans.rows(f"""
            select date, granted, unblended_cost, balance, daily_cost, runs_out_on, unknown_because
            from openai_marts.credit_balance
            where organization_id = '{organization}' and date >= '{LAST_MONTH}' order by date
        """)
        for organization in ("steady", "trimmed")
    )
    assert of_trimmed == figures
    first_day = "select min(date) from openai_raw.cost_days where organization_id = 'trimmed'"
    assert plans.value(first_day) == LAST_MONTH


def test_credits_equal_those_that_are_computed_from_raw_rows(plans):
    checks = "select check_name, item from openai_intermediate.int_openai__check_credits"
    assert {name for name, _ in plans.rows(checks)} == {
        "credit_balance equals the grants less raw",
        "credit_balance is known where raw days are complete",
        "credit_balance has the daily cost of raw",
        "credit_balance runs out on the first day below 0",
    }
    assert {item for _, item in plans.rows(checks)} == {None}


def test_invalid_grants_are_reported_and_ignored(plans):
    reasons = plans.rows("""
        select reason from openai_staging.stg_openai__credit_grants
        where reason is not null order by all
    """)
    assert [reason for (reason,) in reasons] == [
        "amount is not a number such as 10000.00: one",
        "currency is not a code such as USD: DOLLARS",
        "granted_on is not a day such as 2026-10-01: 2026-02-30",
        "granted_on is not a day such as 2026-10-01: 2026-04-31",
        "granted_on is not a day such as 2026-10-01: 2027-02-29",
        "organization_id is missing",
    ]
