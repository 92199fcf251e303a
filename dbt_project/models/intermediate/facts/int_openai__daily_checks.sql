{% set approximate = {'tolerance': 'tolerance', 'not_comparable_because': 'not_comparable_because'} %}
{% set by_item = {'currency': 'currency', 'item': 'item'} %}

with checks as (
    {{ union_of_checks({
        ref('int_openai__check_api_totals'): dict(approximate, currency='currency'),
        ref('int_openai__check_charges'): by_item,
        ref('int_openai__check_identities'): by_item,
        ref('int_openai__check_teams'): by_item,
        ref('int_openai__check_models'): dict(by_item, tolerance='tolerance'),
        ref('int_openai__check_tokens'): dict(
            approximate, check_name="'tokens billed equal tokens used'", model_family='model_family', meter='meter'
        ),
    }, where=is_not_before_days_to_build('date') if is_incremental() else none) }}
)

select
    *,
    period_start as date
from checks
where {{ is_to_build('organization_id', 'period_start') }}
