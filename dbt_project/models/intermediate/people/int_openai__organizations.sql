with named as (
    select
        organization_id,
        organization_name,
        row_number() over (partition by organization_id order by date desc) as place
    from {{ ref('stg_openai__cost_days') }}
    where organization_name is not null
)

select
    organizations.organization_id,
    coalesce(named.organization_name, organizations.organization_id) as organization_name
from (
    select distinct organization_id from {{ ref('stg_openai__cost_days') }}
) as organizations
left join named
    on organizations.organization_id = named.organization_id
    and named.place = 1
