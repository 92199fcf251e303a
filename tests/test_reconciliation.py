"""The mart `reconciliation`, with costs, usage and invoices that agree or differ."""

import shutil
from datetime import timedelta
from decimal import Decimal

import duckdb
import pytest
import running
import yaml
from conftest import TODAY, RememberingApi, Warehouse, days_ago
from running import PROJECT, dbt_process, warnings_of
from test_source import charge

THIS_MONTH = TODAY.replace(day=1)
LAST_MONTH = (THIS_MONTH - timedelta(days=1)).replace(day=1)
DAY_LAST_MONTH = LAST_MONTH + timedelta(days=3)
ORGANIZATION = "org-demo-heliotrope"
TYPES = {"string": "varchar", "timestamp": "timestamptz"}
COMPARED = ("-s", "+openai__reconciliation", "+openai__daily_usage", "+openai__model_efficiency")
FOCUS_CHECK = "focus_costs equals raw by line item"
HEADER = "organization_id,month,amount_before_tax,credits,tax,currency"


def daily_charges():
    """The charges of a day: uncached, cached and cache write input tokens, output, and an image."""
    luna = "gpt-5.6-luna"
    return [
        charge("0.0006", f"{luna}, input", quantity=1000),
        charge("0.00024", f"{luna}, cached input", quantity=4000),
        charge("0.000375", f"{luna}, cache writes", quantity=500),
        charge("0.0036", f"{luna}, output", quantity=1000),
        charge("0.03", "gpt-image-2-2026-04-21 image, output", quantity=1000),
    ]


def create_usage(connection, *kinds):
    """Create the raw tables of these kinds of usage, with the declared columns and no rows."""
    declared = yaml.safe_load(
        (PROJECT / "dbt_project/models/staging/usage_sources.yml").read_text()
    )
    for table in declared["sources"][0]["tables"]:
        if table["name"].removeprefix("usage_") in (*kinds, "days"):
            columns = ", ".join(
                f"{column['name']} {TYPES.get(column['data_type'], column['data_type'])}"
                for column in table["columns"]
            )
            connection.execute(f"create table openai_raw.{table['name']} ({columns})")


def insert_usage(connection):
    """Insert usage that agrees with `daily_charges`, with models in the spelling of usage.

    One of the two requests to gpt-5.6-luna also searches the web.
    """
    create_usage(connection, "completions", "web_search_calls")
    connection.execute("""
        insert into openai_raw.usage_completions by name
        select organization_id, date, 'gpt-5.6-luna' as model, 'default' as service_tier,
            5500 as input_tokens, 4000 as input_cached_tokens, 500 as input_cache_write_tokens,
            1000 as output_tokens, 2 as num_model_requests
        from openai_raw.cost_days
        union all by name
        select organization_id, date, 'gpt-image-2' as model, 0 as input_tokens,
            1000 as output_tokens, 1 as num_model_requests
        from openai_raw.cost_days;
        insert into openai_raw.usage_web_search_calls by name
        select organization_id, date, 'gpt-5.6-luna' as model, 3 as num_requests,
            1 as num_model_requests
        from openai_raw.cost_days;
        insert into openai_raw.usage_days by name
        select organization_id, date, kind, is_closed,
            'project_id,user_id,api_key_id,model' as grouped_by
        from openai_raw.cost_days, (values ('completions'), ('web_search_calls')) as kinds (kind)
    """)


def set_invoices(warehouse, *rows):
    """Set the rows of the seed `invoices` for this warehouse."""
    warehouse.invoices = "\n".join([HEADER, *rows]) + "\n"


def filled_seeds(warehouse):
    """The environment variable for a folder of seeds with the warehouse's invoices."""
    folder = warehouse.folder / "seeds"
    shutil.copytree(PROJECT / "dbt_project" / "own_seeds", folder, dirs_exist_ok=True)
    if hasattr(warehouse, "invoices"):
        (folder / "invoices.csv").write_text(warehouse.invoices)
    return {"OPENAI_COSTS_SEEDS": str(folder)}


def dbt(*arguments, warehouse):
    return running.dbt(*arguments, warehouse=warehouse, **filled_seeds(warehouse))


def build(*arguments, warehouse):
    running.build_models(*arguments, warehouse=warehouse, **filled_seeds(warehouse))


def statuses(warehouse, check):
    return warehouse.rows(f"""
        select distinct status, reason from openai_marts.reconciliation
        where check_name = '{check.replace("'", "''")}'
        and period_start between '{LAST_MONTH}' and '{days_ago(1)}' order by all
    """)


@pytest.fixture(scope="module")
def without_usage(organization, tmp_path_factory):
    """Costs since the first day of last month, without usage and invoices; models are built."""
    warehouse = Warehouse(tmp_path_factory.mktemp("reconciled"))
    days = (TODAY - LAST_MONTH).days + 1
    bills = {LAST_MONTH + timedelta(days=n): daily_charges() for n in range(days)}
    with RememberingApi(organization, overrides=bills) as api:
        warehouse.load(api, resources=["costs"], since=LAST_MONTH)
    warehouse.build = dbt("build", *COMPARED, warehouse=warehouse)
    return warehouse


@pytest.fixture
def invoiced(without_usage, tmp_path):
    """The same costs without usage, and an invoice that agrees, which is not in the models yet."""
    shutil.copytree(without_usage.folder, tmp_path / "copy")
    warehouse = Warehouse(tmp_path / "copy")
    spent = warehouse.value(f"select sum(amount) from openai_raw.costs where date < '{THIS_MONTH}'")
    warehouse.correct_invoice = f"{ORGANIZATION},{LAST_MONTH:%Y-%m},{spent},0.50,0.20,usd"
    set_invoices(warehouse, warehouse.correct_invoice)
    return warehouse


@pytest.fixture
def agreeing(invoiced):
    """The same with usage that agrees; models are not built again yet."""
    with duckdb.connect(str(invoiced.path)) as connection:
        insert_usage(connection)
    return invoiced


def test_without_usage_all_models_are_built_and_tokens_are_not_comparable(without_usage):
    assert without_usage.build.returncode == 0, without_usage.build.stdout
    assert without_usage.value("select count(*) from openai_marts.daily_usage") == 0
    assert statuses(without_usage, "tokens billed equal tokens used") == [
        ("not comparable", "usage of completions was not loaded for the day")
    ]
    assert without_usage.rows("select distinct requests from openai_marts.model_efficiency") == [
        (None,)
    ]


def test_costs_usage_and_invoice_that_agree_are_equal(agreeing):
    built = dbt("build", *COMPARED, warehouse=agreeing)
    assert built.returncode == 0, built.stdout
    assert warnings_of(built.stdout) == []
    for check in (
        "rows equal the API's daily total",
        FOCUS_CHECK,
        "tokens billed equal tokens used",
        "every day is in the ledger",
    ):
        assert statuses(agreeing, check) == [("equal", None)], check
    last_month = agreeing.rows(f"""
        select status, difference from openai_marts.reconciliation
        where check_name = 'month equals its invoice' and period_start = '{LAST_MONTH}'
    """)
    assert last_month == [("equal", 0)]
    efficiency = agreeing.rows(f"""
        select cached_share, round(cost_per_request, 9), round(saved_by_caching, 9)
        from openai_marts.model_efficiency
        where model_family = 'gpt-5.6-luna' and month = '{LAST_MONTH}'
    """)
    days = (THIS_MONTH - LAST_MONTH).days
    # Uncached, these 4,500 tokens would have cost 0.0027 a day; they cost 0.000615.
    assert efficiency == [(4000 / 5500, 0.0024075, round(days * (0.0027 - 0.000615), 9))]
    # A request that searches the web counts once, in completions.
    used = agreeing.rows(f"""
        select kind, sum(requests), sum(searches) from openai_marts.daily_usage
        where model_family = 'gpt-5.6-luna' and date_trunc('month', date) = '{LAST_MONTH}'
        group by kind order by kind
    """)
    assert used == [("completions", 2 * days, None), ("web_search_calls", None, 3 * days)]
    assert agreeing.rows(f"""
        select requests from openai_marts.model_efficiency
        where model_family = 'gpt-5.6-luna' and month = '{LAST_MONTH}'
    """) == [(2 * days,)]


def test_tokens_that_were_billed_and_not_used_are_found_and_may_fail_the_build(agreeing):
    with duckdb.connect(str(agreeing.path)) as connection:
        connection.execute(f"""
            update openai_raw.usage_completions set output_tokens = output_tokens - 100
            where date = '{DAY_LAST_MONTH}' and model = 'gpt-image-2'
        """)
    used = (
        "stg_openai__usage",
        "stg_openai__usage_days",
        "int_openai__daily_usage",
        "int_openai__check_tokens",
        "int_openai__check_usage",
        "int_openai__check_ledger_months",
        "int_openai__daily_checks",
    )
    build("--full-refresh", "-s", *used, warehouse=agreeing)
    differing = agreeing.rows("""
        select period_start, model_family, meter, expected, actual, reason
        from openai_marts.reconciliation
        where check_name = 'tokens billed equal tokens used' and status = 'differs'
    """)
    assert differing == [(DAY_LAST_MONTH, "gpt-image-2", "output", 900, 1000, "more than expected")]
    tests = ("test", "-s", "reconciliation_agrees", "reconciliation_is_exact")
    warned = dbt(*tests, warehouse=agreeing)
    assert (warned.returncode, "WARN=1 ERROR=0" in warned.stdout) == (0, True), warned.stdout
    severe = ("--vars", "reconciliation_severity: error")
    failed = dbt_process(*tests, *severe, warehouse=agreeing, **filled_seeds(agreeing))
    assert (failed.returncode, "ERROR=1" in failed.stdout) == (1, True), failed.stdout
    tolerated = ("build", "-s", "int_openai__check_tokens+", "--vars", "tokens_tolerance: 0.2")
    assert "WARN=0 ERROR=0" in dbt(*tolerated, warehouse=agreeing).stdout


def test_invoice_that_is_more_than_the_month_is_found(invoiced):
    *before, amount, credits, tax, currency = invoiced.correct_invoice.split(",")
    set_invoices(invoiced, ",".join([*before, str(float(amount) + 1), credits, tax, currency]))
    assert "WARN=1" in dbt("build", "-s", "invoices+", warehouse=invoiced).stdout
    assert statuses(invoiced, "month equals its invoice") == [("differs", "less than expected")]
    prepaid = f"prepaid_organizations: [{ORGANIZATION}]"
    again = dbt("build", "-s", "int_openai__check_invoices+", "--vars", prepaid, warehouse=invoiced)
    assert "WARN=0 ERROR=0" in again.stdout, again.stdout
    assert statuses(invoiced, "month equals its invoice") == [
        ("not comparable", "the organization is prepaid: its invoices are top-ups")
    ]


def test_invoices_of_a_month_are_added_up_and_other_currencies_are_not_comparable(invoiced):
    *before, amount, credits, tax, currency = invoiced.correct_invoice.split(",")
    first, euros = Decimal("0.01"), ",".join([*before, "5", "", "", "EUR"])
    parts = [str(first), str(Decimal(amount) - first)]
    set_invoices(
        invoiced, *(",".join([*before, part, credits, tax, currency]) for part in parts), euros
    )
    # The models of invoices are views.
    built = dbt("build", "-s", "invoices", "invoices_are_valid", warehouse=invoiced)
    assert "WARN=0 ERROR=0" in built.stdout, built.stdout
    assert statuses(invoiced, "month equals its invoice") == [
        ("equal", None),
        ("not comparable", "the invoice and the costs of the month have different currencies"),
    ]


def test_invoice_that_cannot_be_read_is_named_and_the_models_are_built(invoiced):
    set_invoices(
        invoiced,
        invoiced.correct_invoice,
        f"{ORGANIZATION},2026-13,many,,,USD",
        "#org-x,2026-10,1,,,USD",
    )
    assert dbt("seed", warehouse=invoiced).returncode == 0
    build("-s", "invoices+", warehouse=invoiced)
    tested = dbt("test", "-s", "invoices_are_valid", "--store-failures", warehouse=invoiced)
    assert tested.returncode == 1
    named = invoiced.rows("select month, reason from dbt_test__audit.invoices_are_valid")
    assert named == [("2026-13", "month is not a month such as 2026-10: 2026-13")]
    assert statuses(invoiced, "month equals its invoice") == [("equal", None)]


def test_day_missing_from_the_ledger_and_wrong_cost_in_a_mart_fail_the_build(agreeing):
    with duckdb.connect(str(agreeing.path)) as connection:
        connection.execute(f"delete from openai_raw.cost_days where date = '{DAY_LAST_MONTH}'")
    assert statuses(agreeing, "every day is in the ledger")[0] == ("differs", "less than expected")
    with duckdb.connect(str(agreeing.path)) as connection:
        connection.execute("""
            update openai_intermediate.int_openai__focus_charges
            set unblended_cost = unblended_cost + 0.000000000000000001
            where meter = 'cache write' and unblended_cost > 0
        """)
    build("-s", "int_openai__daily_checks", "--full-refresh", warehouse=agreeing)
    assert statuses(agreeing, FOCUS_CHECK) == [
        ("differs", "more than expected"),
        ("equal", None),
    ]
    assert dbt("test", "-s", "reconciliation_is_exact", warehouse=agreeing).returncode == 1


def test_models_work_with_any_selection_of_usage_kinds(agreeing):
    with duckdb.connect(str(agreeing.path)) as connection:
        connection.execute("drop table openai_raw.usage_completions")
        connection.execute("drop table openai_raw.usage_web_search_calls")
        connection.execute("drop table openai_raw.usage_days")
        create_usage(connection, "audio_transcriptions", "vector_stores")
        connection.execute(f"""
            insert into openai_raw.usage_audio_transcriptions by name
            select '{ORGANIZATION}' as organization_id, date '{DAY_LAST_MONTH}' as date,
                'whisper-1' as model, 1.5 as seconds, 1 as num_model_requests;
            insert into openai_raw.usage_vector_stores by name
            select '{ORGANIZATION}' as organization_id, date '{DAY_LAST_MONTH}' as date,
                'proj_gone' as project_id, 2048 as usage_bytes;
        """)
    # No ledger lists these rows, so only a full build reads them.
    build("--full-refresh", "-s", "+openai__daily_usage", warehouse=agreeing)
    used = agreeing.rows("""
        select kind, project_name, model, requests, seconds, bytes, input_tokens
        from openai_marts.daily_usage order by kind
    """)
    assert used == [
        ("audio_transcriptions", None, "whisper-1", 1, 1.5, None, None),
        ("vector_stores", "proj_gone", None, None, None, 2048, None),
    ]
