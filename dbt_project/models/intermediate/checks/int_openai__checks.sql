{% set approximate = {'tolerance': 'tolerance', 'not_comparable_because': 'not_comparable_because'} %}
{% set by_month = {'period': "'month'", 'period_start': 'month'} %}
{% set of_history = {'period': "'history'", 'period_start': 'first_day'} %}
{% set checks = {
    ref('int_openai__check_invoices'): dict(
        approximate, check_name="'month equals its invoice'", period="'month'", period_start='month',
        currency='currency'
    ),
    ref('int_openai__ledger_months'): {
        'check_name': "'every day is in the ledger'", 'period': "'month'", 'period_start': 'month',
        'expected': 'expected_days', 'actual': 'loaded_days', 'not_comparable_because': 'not_comparable_because',
    },
    ref('int_openai__check_months'): dict(by_month, currency='currency'),
    ref('int_openai__check_ledger_months'): of_history,
    ref('int_openai__check_listings'): dict(of_history, item='item'),
    ref('int_openai__check_totals'): dict(of_history, item='item', currency='currency'),
    ref('int_openai__check_price_changes'): dict(by_month, item='item', currency='currency'),
    ref('int_openai__check_anomalies'): dict(by_month, item='item', currency='currency'),
    ref('int_openai__check_usual_costs'): dict(by_month, item='item', currency='currency'),
    ref('int_openai__check_restatements'): {'item': 'item', 'currency': 'currency'},
} %}
{% if var('plans_enabled') %}
    {% do checks.update({
        ref('int_openai__check_budgets'): dict(by_month, item='item', currency='currency', tolerance='tolerance'),
        ref('int_openai__check_credits'): dict(by_month, item='item', currency='currency', tolerance='tolerance'),
        ref('int_openai__check_forecasts'): dict(by_month, item='item', currency='currency', tolerance='tolerance'),
    }) %}
{% endif %}
{% if var('usage_enabled') %}
    {% do checks.update({
        ref('int_openai__check_efficiency'): dict(by_month, item='item', currency='currency'),
        ref('int_openai__check_ratios'): dict(by_month, item='item', currency='currency', tolerance='tolerance'),
    }) %}
{% endif %}

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

{{ union_of_checks(checks) }}
