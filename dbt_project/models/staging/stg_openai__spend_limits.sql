{{ config(enabled=var('plans_enabled')) }}

select
    organization_id,
    kind,
    id,
    project_id,
    threshold_amount,
    currency,
    period,
    enforcement_status,
    {{ utc('valid_from') }} as valid_from,
    valid_to is null as is_latest
from {{ source_or_empty('spend_limits') }} as spend_limits
