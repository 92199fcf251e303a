-- Where OpenAI cannot combine users with projects, it returns users in a separate response with the same
-- costs. On those days, that response determines the user, and the owners of API keys are not used.
with days_by_user as (
    select distinct
        organization_id,
        date
    from {{ ref('stg_openai__costs_by_user') }}
)

select
    charges.organization_id,
    charges.date,
    charges.user_id,
    charges.attribution,
    charges.unattributed_because,
    charges.owner_assumed_because,
    charges.currency,
    charges.unblended_cost
from {{ ref('int_openai__attributed_daily_costs') }} as charges
left join days_by_user
    on charges.organization_id = days_by_user.organization_id
    and charges.date = days_by_user.date
where days_by_user.date is null

union all

select
    organization_id,
    date,
    user_id,
    case when user_id is not null then 'reported' else 'unattributed' end as attribution,
    case when user_id is null then 'the API returned no user' end as unattributed_because,
    cast(null as {{ dbt.type_string() }}) as owner_assumed_because,
    currency,
    coalesce(amount, 0) as unblended_cost
from {{ ref('stg_openai__costs_by_user') }}
