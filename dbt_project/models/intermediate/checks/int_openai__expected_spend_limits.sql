{{ config(enabled=var('plans_enabled')) }}

-- A limit counts for the latest month only, as OpenAI does not return the date from which it applies.
with ledger as (
    select
        organization_id,
        max(date) as last_day
    from {{ source('openai_raw', 'cost_days') }}
    group by organization_id
)

select
    limits.kind as budget_source,
    limits.organization_id,
    case when limits.project_id is null then 'organization' else 'project' end as scope,
    coalesce(limits.project_id, limits.organization_id) as scope_id,
    limits.currency,
    cast({{ dbt.date_trunc('month', 'ledger.last_day') }} as date) as month,
    limits.threshold_amount as budget
from {{ source_or_empty('spend_limits') }} as limits
inner join ledger on limits.organization_id = ledger.organization_id
inner join {{ source_or_empty('listed') }} as listed
    on limits.organization_id = listed.organization_id
    and limits.kind = listed.kind
    and limits.id = listed.id
left join {{ source_or_empty('listings') }} as listings
    on listed.organization_id = listings.organization_id
    and listed.kind = listings.kind
    and listed.project_id = listings.project_id
where
    limits.valid_to is null
    and limits.period = 'month'
    -- A limit that the latest listing does not include is deleted.
    and (listings.listed_at is null or listings.listed_at <= listed.listed_at)
