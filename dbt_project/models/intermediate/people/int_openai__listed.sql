select
    listed.organization_id,
    listed.kind,
    listed.id,
    cast(listed.listed_at as date) as last_listed_on,
    listed.last_used_at,
    coalesce(listed.listed_at < listings.listed_at, false) as is_deleted
from {{ ref('stg_openai__listed') }} as listed
left join {{ ref('stg_openai__listings') }} as listings
    on listed.organization_id = listings.organization_id
    and listed.kind = listings.kind
    and listings.project_id
    = case when listed.kind in ('project', 'user') then '' else listed.project_id end
