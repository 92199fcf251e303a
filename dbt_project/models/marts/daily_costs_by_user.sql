with daily as (
    select
        date,
        organization_id,
        user_id,
        currency,
        attribution,
        sum(unblended_cost) as unblended_cost
    from {{ ref('int_user_charges') }}
    group by date, organization_id, user_id, currency, attribution
)

select
    daily.date,
    daily.organization_id,
    organizations.organization_name,
    daily.user_id,
    users.user_name,
    users.user_type,
    daily.currency,
    cast(daily.unblended_cost as {{ money() }}) as unblended_cost,
    daily.attribution
from daily
left join {{ ref('int_organizations') }} as organizations
    on daily.organization_id = organizations.organization_id
left join {{ ref('int_users') }} as users
    on daily.organization_id = users.organization_id
    and daily.user_id = users.user_id
