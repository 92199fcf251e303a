{{ config(materialized='table') }}

with ledgers as (
    select
        organization_id,
        date,
        'costs' as kind,
        loaded_at
    from {{ ref('stg_openai__cost_days') }}

    union all

    select
        organization_id,
        date,
        kind,
        loaded_at
    from {{ ref('stg_openai__usage_days') }}
)

select
    organization_id,
    date,
    kind,
    loaded_at,
    '{{ models_fingerprint() }}' as built_by
from ledgers
