-- What a check says nothing about: it is exact, by day, and comparable.
{% set text = dbt.type_string() %}
{% set unless_said = {
    'check_name': 'check_name', 'period': "'day'", 'period_start': 'date', 'currency': 'null', 'user_id': 'null',
    'model_family': 'null', 'meter': 'null', 'expected': 'expected', 'actual': 'actual',
    'tolerance': '0', 'not_comparable_because': 'null',
} %}
{% set types = {'period_start': 'date', 'expected': money(), 'actual': money(), 'tolerance': money()} %}
{% set of_money = {'currency': 'currency'} %}
{% set approximate = {'tolerance': 'tolerance', 'not_comparable_because': 'not_comparable_because'} %}
{% set checks = {
    'int_check_api_totals': dict(of_money, **approximate),
    'int_check_marts': dict(of_money),
    'int_check_users': dict(
        of_money, check_name=sentence("users equal the API's own per-user answer"), user_id='user_id'
    ),
    'int_check_tokens': dict(
        approximate, check_name="'tokens billed equal tokens used'", model_family='model_family', meter='meter'
    ),
    'int_check_invoices': dict(
        of_money, check_name="'month equals its invoice'", period="'month'", period_start='month', **approximate
    ),
    'int_ledger_months': {
        'check_name': "'every day is in the ledger'", 'period': "'month'", 'period_start': 'month',
        'expected': 'expected_days', 'actual': 'loaded_days',
    },
} %}

{% for check, said in checks.items() %}
    select
        {% for column, otherwise in unless_said.items() %}
            cast({{ said.get(column, otherwise) }} as {{ types.get(column, text) }}) as {{ column }},
        {% endfor %}
        organization_id
    from {{ ref(check) }}
    {{ 'union all' if not loop.last }}
{% endfor %}
