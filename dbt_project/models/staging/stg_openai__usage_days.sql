{{ config(enabled=var('usage_enabled')) }}

select
    organization_id,
    kind,
    date,
    -- Not cast: facts compare it with the load that they were built from.
    loaded_at,
    is_closed,
    grouped_by
from {{ source_or_empty('usage_days') }} as usage_days
