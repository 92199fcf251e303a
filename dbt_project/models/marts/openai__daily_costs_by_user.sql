with by_reason as (
    select
        date,
        organization_id,
        user_id,
        currency,
        attribution,
        unattributed_because,
        max(owner_assumed_because) as owner_assumed_because,
        sum(unblended_cost) as unblended_cost
    from {{ ref('int_openai__user_charges') }}
    group by date, organization_id, user_id, currency, attribution, unattributed_because
),

ranked as (
    select
        *,
        row_number() over (
            partition by date, organization_id, user_id, currency, attribution
            order by abs(unblended_cost) desc, unattributed_because
        ) as reason_rank
    from by_reason
),

daily as (
    select
        date,
        organization_id,
        user_id,
        currency,
        attribution,
        max(case when reason_rank = 1 then unattributed_because end) as unattributed_because,
        max(owner_assumed_because) as owner_assumed_because,
        sum(unblended_cost) as unblended_cost
    from ranked
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
    daily.attribution,
    daily.unattributed_because,
    daily.owner_assumed_because
from daily
left join {{ ref('int_openai__organizations') }} as organizations
    on daily.organization_id = organizations.organization_id
left join {{ ref('int_openai__users') }} as users
    on daily.organization_id = users.organization_id
    and daily.user_id = users.user_id
