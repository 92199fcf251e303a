{{ config(enabled=var('usage_enabled')) }}

-- Only days in both ledgers count, so that a cost per request uses costs and requests of the same days.
select
    used.organization_id,
    cast({{ dbt.date_trunc('month', 'used.date') }} as date) as month,
    used.model_family,
    sum(used.requests) as requests
from {{ ref('int_openai__daily_usage') }} as used
inner join {{ ref('stg_openai__cost_days') }} as cost_days
    on used.organization_id = cost_days.organization_id
    and used.date = cost_days.date
inner join {{ ref('stg_openai__usage_days') }} as usage_days
    on used.organization_id = usage_days.organization_id
    and used.date = usage_days.date
    and used.kind = usage_days.kind
where used.model_family is not null
group by used.organization_id, cast({{ dbt.date_trunc('month', 'used.date') }} as date), used.model_family
