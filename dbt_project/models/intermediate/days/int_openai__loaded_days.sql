{{ config(materialized='table') }}

with ledgers as (
    select
        organization_id,
        date,
        'costs' as kind,
        loaded_at
    from {{ ref('stg_openai__cost_days') }}

    {% if var('usage_enabled') %}
        union all

        select
            organization_id,
            date,
            kind,
            loaded_at
        from {{ ref('stg_openai__usage_days') }}
    {% endif %}
)

select
    organization_id,
    date,
    kind,
    loaded_at,
    '{{ built_by() }}' as built_by,
    '{{ checked_by() }}' as checked_by
from ledgers
