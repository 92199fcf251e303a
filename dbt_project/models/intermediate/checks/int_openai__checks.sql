{% set approximate = {'tolerance': 'tolerance', 'not_comparable_because': 'not_comparable_because'} %}

select
    check_name,
    period,
    period_start,
    currency,
    item,
    model_family,
    meter,
    expected,
    actual,
    tolerance,
    not_comparable_because,
    organization_id
from {{ ref('int_openai__daily_checks') }}

union all

{{ union_of_checks({
    ref('int_openai__check_invoices'): dict(
        approximate, check_name="'month equals its invoice'", period="'month'", period_start='month',
        currency='currency'
    ),
    ref('int_openai__ledger_months'): {
        'check_name': "'every day is in the ledger'", 'period': "'month'", 'period_start': 'month',
        'expected': 'expected_days', 'actual': 'loaded_days',
    },
}) }}
