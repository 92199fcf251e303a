with ledger as (
    select
        organization_id,
        min(date) as first_day,
        cast({{ dbt.date_trunc('month', 'min(date)') }} as date) as first_month,
        max(date) as last_day,
        count(*) as days
    from {{ source('openai_raw', 'cost_days') }}
    group by organization_id
),

{% set ledgers_of_usage = [
    ('raw_usage', source_or_empty('usage_days')), ('modelled_usage', ref('stg_openai__usage_days')),
] if var('usage_enabled') else [] %}
{% for name, relation in ledgers_of_usage %}
    {{ name }} as (
        select
            days_of_usage.organization_id,
            count(*) as days
        from {{ relation }} as days_of_usage
        group by days_of_usage.organization_id
    ),

{% endfor %}
months as (
    select
        organization_id,
        sum(expected_days) as expected_days,
        sum(loaded_days) as loaded_days
    from {{ ref('int_openai__ledger_months') }}
    group by organization_id
)

select
    'months have all days until the last' as check_name,
    ledger.organization_id,
    ledger.first_day,
    {{ dbt.datediff('ledger.first_month', 'ledger.last_day', 'day') }} + 1 as expected,  -- noqa: LT05
    coalesce(months.expected_days, 0) as actual
from ledger
left join months on ledger.organization_id = months.organization_id

union all

select
    'months have the days in the ledger' as check_name,
    ledger.organization_id,
    ledger.first_day,
    ledger.days as expected,
    coalesce(months.loaded_days, 0) as actual
from ledger
left join months on ledger.organization_id = months.organization_id

{% if var('usage_enabled') %}
    union all

    select
        'models have the days in the ledger of usage' as check_name,
        ledger.organization_id,
        ledger.first_day,
        coalesce(raw.days, 0) as expected,
        coalesce(models.days, 0) as actual
    from ledger
    left join raw_usage as raw on ledger.organization_id = raw.organization_id
    left join modelled_usage as models on ledger.organization_id = models.organization_id
{% endif %}
