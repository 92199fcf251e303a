"""What BI tools read: the costs of all providers, and the DuckDB file."""

import json
import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from conftest import Warehouse
from running import dbt

ALL = "openai_marts.unblended_costs_all_providers"
OURS = "openai_marts.focus_costs"
# FOCUS 1.0, hourly and in doubles, as AWS exports it.
AWS = """
    create schema aws_focus;
    create table aws_focus.cost_and_usage as
    select
        'usw2-az1' as AvailabilityZone, 0.1::double as BilledCost,
        '111122223333' as BillingAccountId, 'Example' as BillingAccountName,
        'USD' as BillingCurrency, timestamp '2026-11-01' as BillingPeriodEnd,
        timestamp '2026-10-01' as BillingPeriodStart,
        'Usage' as ChargeCategory, null::varchar as ChargeClass, 'InvokeModel' as ChargeDescription,
        'Usage-Based' as ChargeFrequency, hour + interval 1 hour as ChargePeriodEnd,
        hour as ChargePeriodStart, null::varchar as CommitmentDiscountId,
        7.0::double as ConsumedQuantity, 'Units' as ConsumedUnit, 0.1::double as ContractedCost,
        0.05::double as EffectiveCost,
        'AWS' as InvoiceIssuerName, 0.1::double as ListCost, 'Standard' as PricingCategory,
        'AWS' as ProviderName, 'AWS' as PublisherName, 'us-west-2' as RegionId,
        'AI and Machine Learning' as ServiceCategory, 'Amazon Bedrock' as ServiceName,
        '444455556666' as SubAccountId, 'research' as SubAccountName,
        map {'team': 'search'} as Tags
    from range(timestamp '2026-10-01', timestamp '2026-10-03', interval 1 hour) as hours (hour);
    insert into aws_focus.cost_and_usage by name
    select
        12345.678::double as BilledCost, '111122223333' as BillingAccountId,
        'USD' as BillingCurrency,
        timestamp '2026-10-01' as BillingPeriodStart, 'Tax' as ChargeCategory,
        timestamp '2026-10-01' as ChargePeriodStart, 12345.678::double as EffectiveCost,
        'AWS' as ProviderName, 'Tax' as ServiceName;
"""
# FOCUS 1.2, exact, in lower case and with time zones, as PostgreSQL would store it.
ANTHROPIC = """
    create schema anthropic_focus;
    create table anthropic_focus.costs as
    select
        amount::decimal(38, 18) as billedcost, 'org-anthropic' as billingaccountid,
        'Example' as billingaccountname, 'Organization' as billingaccounttype,
        'USD' as billingcurrency, timestamptz '2026-10-01 00:00:00+00' as billingperiodstart,
        'Usage' as chargecategory, chargeperiodstart::timestamptz as chargeperiodstart,
        'INV-1' as invoiceid, 'Anthropic' as invoiceissuername, 'USD' as pricingcurrency,
        'Anthropic' as providername, 'Anthropic' as publishername,
        'AI and Machine Learning' as servicecategory, 'Generative AI' as servicesubcategory,
        'Claude API' as servicename, 'Input Tokens' as skumeter, null::json as skupricedetails
    from (values
        ('1.000000000000000001', '2026-10-01 23:30:00+00'),
        ('2.000000000000000002', '2026-10-02 00:30:00+00'),
        ('-0.000000000000000003', '2026-10-02 00:30:00+00')
    ) as charges (amount, chargeperiodstart);
"""
# FOCUS 1.3, which has both ServiceProviderName and ProviderName; all text, as in a CSV file.
TEXTS = """
    create schema other_focus;
    create table other_focus.costs (
        BilledCost varchar, BillingCurrency varchar, ChargePeriodStart varchar,
        ProviderName varchar, ServiceProviderName varchar, ServiceName varchar
    );
    insert into other_focus.costs values
        ('0.07', 'EUR', '2026-10-01T23:30:00Z', 'Reseller', 'Mistral', 'API'),
        ('0.01', 'EUR', '2026-10-02T00:00:00Z', 'Mistral', null, 'API');
"""
NAMES = ["aws_focus.cost_and_usage", "demo.anthropic_focus.costs", "other_focus.costs"]


def build(warehouse, *tables):
    """Build the mart with these tables in the variable `other_focus_tables`."""
    named = json.dumps({"other_focus_tables": tables})
    mart = ("-s", "openai__unblended_costs_all_providers", "--indirect-selection", "cautious")
    return dbt("build", *mart, "--vars", named, warehouse=warehouse)


def copy_of(demo, folder):
    """Copy the demo's warehouse, under the same file name, which its views contain."""
    warehouse = Warehouse(folder)
    warehouse.path = Path(shutil.copy(demo[0] / "demo.duckdb", folder))
    return warehouse


@pytest.fixture(scope="module")
def all_providers(demo, tmp_path_factory):
    """The demo's warehouse, with the tables of three other providers."""
    warehouse = copy_of(demo, tmp_path_factory.mktemp("all_providers"))
    with duckdb.connect(str(warehouse.path)) as connection:
        for table in (AWS, ANTHROPIC, TEXTS):
            connection.execute(table)
    built = build(warehouse, *NAMES)
    assert built.returncode == 0, built.stdout
    return warehouse


def test_without_other_tables_the_only_provider_is_openai(demo, tmp_path):
    warehouse = copy_of(demo, tmp_path)
    cost = "sum(BilledCost), sum(EffectiveCost), min(ChargePeriodStart), max(ChargePeriodStart)"
    assert warehouse.rows(f"select {cost} from {ALL}") == warehouse.rows(
        f"select {cost.replace('ChargePeriodStart', 'ChargePeriodStart::date')} from {OURS}"
    )
    assert warehouse.rows(f"select distinct ServiceProviderName, x_FocusTable from {ALL}") == [
        ("OpenAI", OURS)
    ]


def test_total_of_each_provider_equals_its_table_exactly(all_providers):
    totals = all_providers.rows(f"""
        select
            x_FocusTable, ServiceProviderName, BillingCurrency, sum(BilledCost), sum(EffectiveCost)
        from {ALL} group by all
    """)
    ours = all_providers.value(f"select sum(BilledCost) from {OURS}")
    anthropic = all_providers.value("select sum(billedcost) from anthropic_focus.costs")
    doubles = all_providers.rows("select BilledCost, EffectiveCost from aws_focus.cost_and_usage")
    aws = [sum(Decimal(repr(cost)) for cost in costs) for costs in zip(*doubles, strict=True)]
    assert aws[0] == Decimal("12350.478")
    assert set(totals) == {
        (OURS, "OpenAI", "USD", ours, ours),
        (NAMES[0], "AWS", "USD", *aws),
        (NAMES[1], "Anthropic", "USD", anthropic, None),
        (NAMES[2], "Mistral", "EUR", Decimal("0.08"), None),
    }


def test_charge_has_its_utc_day_in_any_session_time_zone(all_providers):
    days = f"""
        select ServiceProviderName, ChargePeriodStart::varchar, sum(BilledCost)
        from {ALL} where ServiceProviderName <> 'OpenAI' and ChargeCategory is distinct from 'Tax'
        group by all order by all
    """
    expected = [
        ("AWS", "2026-10-01", Decimal("2.4")),
        ("AWS", "2026-10-02", Decimal("2.4")),
        ("Anthropic", "2026-10-01", Decimal("1.000000000000000001")),
        ("Anthropic", "2026-10-02", Decimal("1.999999999999999999")),
        ("Mistral", "2026-10-01", Decimal("0.07")),
        ("Mistral", "2026-10-02", Decimal("0.01")),
    ]
    with duckdb.connect(str(all_providers.path), read_only=True) as connection:
        for zone in ("UTC", "Asia/Tokyo", "America/Los_Angeles"):
            connection.execute(f"set TimeZone = '{zone}'")
            assert connection.execute(days).fetchall() == expected, zone


def test_columns_that_are_missing_in_a_table_are_null(all_providers):
    rows = all_providers.rows(f"""
        select distinct SubAccountId, SubAccountName, BillingPeriodStart, BillingAccountId
        from {ALL} where ServiceProviderName in ('Mistral', 'Anthropic') order by all
    """)
    assert [row[:2] for row in rows] == [(None, None)] * 2
    assert (None, None) in [row[2:] for row in rows]


def test_later_rows_are_visible_without_a_build(all_providers):
    later = "insert into other_focus.costs values ('5', 'EUR', '2026-10-03', null, 'Later', null)"
    with duckdb.connect(str(all_providers.path)) as connection:
        connection.execute(later)
        query = f"select BilledCost from {ALL} where ServiceProviderName = 'Later'"
        assert connection.execute(query).fetchall() == [(Decimal(5),)]
        connection.execute("delete from other_focus.costs where ServiceProviderName = 'Later'")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("aws_focus.nothing", "which is not in the warehouse"),
        ("openai_marts.users", "which has no column BilledCost: it is not a FOCUS table"),
    ],
)
def test_name_that_is_not_a_focus_table_is_an_error(demo, tmp_path, name, reason):
    built = build(copy_of(demo, tmp_path), name)
    assert built.returncode != 0
    assert f"The variable other_focus_tables names {name}, {reason}" in built.stdout


def test_every_duckdb_1_version_can_open_the_warehouse(demo):
    """Storage version 64 in the header is that of DuckDB 1.0."""
    with (demo[0] / "demo.duckdb").open("rb") as file:
        header = file.read(20)
    assert header[8:12] == b"DUCK"
    assert int.from_bytes(header[12:20], "little") == 64
