{% set approximate = {'tolerance': 'tolerance', 'not_comparable_because': 'not_comparable_because'} %}
{% set by_item = {'currency': 'currency', 'item': 'item'} %}
-- DuckDB pushes no condition on a cast to a date down to the stored days.
{% set of_charges = {
    'period_start': 'charge_period_start',
    'where': is_not_before_days_to_build('charge_period_start', timestamp_type()) if is_incremental() else none,
} %}
{% set checks = {
    ref('int_openai__check_api_totals'): dict(approximate, currency='currency'),
    ref('int_openai__check_charges'): dict(by_item, **of_charges),
    ref('int_openai__check_identities'): by_item,
    ref('int_openai__check_teams'): by_item,
    ref('int_openai__check_models'): dict(by_item, tolerance='tolerance', **of_charges),
    ref('int_openai__check_line_items'): dict(by_item, **of_charges),
    ref('int_openai__check_list_prices'): dict(by_item, tolerance='tolerance', **of_charges),
    ref('int_openai__check_meanings'): dict(of_charges, item='item'),
    ref('int_openai__check_names'): dict(of_charges, item='item'),
} %}
{% if var('usage_enabled') %}
    {% do checks.update({
        ref('int_openai__check_usage'): {
            'check_name': "'daily_usage equals raw by project, user, API key and model'", 'item': 'item',
        },
        ref('int_openai__check_tokens'): dict(
            approximate, check_name="'tokens billed equal tokens used'", model_family='model_family', meter='meter'
        ),
    }) %}
{% endif %}

with checks as (
    {{ union_of_checks(checks, where=is_not_before_days_to_build('date') if is_incremental() else none) }}
)

select
    *,
    period_start as date
from checks
where {{ is_to_build('organization_id', 'period_start') }}
