{{ config(enabled=var('plans_enabled')) }}

select
    limits.organization_id,
    limits.kind,
    limits.id,
    limits.project_id,
    limits.threshold_amount,
    limits.currency,
    limits.period,
    limits.enforcement_status,
    limits.valid_from,
    listed.last_listed_on as last_seen_on
from {{ ref('stg_openai__spend_limits') }} as limits
inner join {{ ref('int_openai__listed') }} as listed
    on limits.organization_id = listed.organization_id
    and limits.kind = listed.kind
    and limits.id = listed.id
where limits.is_latest and not listed.is_deleted
