{{ config(materialized='table') }}

select
    organization_id,
    date,
    kind,
    loaded_at,
    '{{ models_fingerprint() }}' as built_by
from (
    {{ loaded_days() }}
) as days
