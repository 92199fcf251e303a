{{ config(enabled=var('plans_enabled')) }}

with trimmed as (
    select
        nullif(trim(organization_id), '') as organization_id,
        lower(nullif(trim(scope), '')) as scope,
        nullif(trim(id), '') as id,
        nullif(trim(month), '') as month,
        nullif(trim(from_month), '') as from_month,
        nullif(trim(to_month), '') as to_month,
        coalesce(trim(amount), '') as amount,
        upper(coalesce(trim(currency), '')) as currency
    from {{ ref('openai_costs', 'budgets') }}
),

filled as (
    select
        *,
        case
            when scope = 'organization' then organization_id
            when scope = 'model' then {{ model_family('id') }}
            else id
        end as scope_id,
        coalesce(month, from_month) as first_month,
        coalesce(month, to_month) as last_month
    from trimmed
    where
        coalesce(organization_id, scope, id, month, from_month, to_month, nullif(amount, '')) is not null
        and coalesce(organization_id, '') not like '#%'
),

counted as (
    select
        *,
        {{ parse_amount('amount') }} as budget,
        {{ parse_month('first_month') }} as starts_on,
        {{ parse_month('last_month') }} as ends_on,
        count(*) over (partition by organization_id, scope, scope_id, currency, first_month) as times
    from filled
)

select
    organization_id,
    scope,
    scope_id,
    first_month,
    starts_on,
    ends_on,
    budget,
    currency,
    case
        when organization_id is null then 'organization_id is missing'
        when scope is null then 'scope is missing'
        when scope not in ('organization', 'project', 'user', 'team', 'model')
            then 'scope "' || scope || '" is not one of organization, project, user, team, model'
        when scope_id is null then 'the ' || scope || ' has no id'
        when scope = 'organization' and id <> organization_id
            then 'the budget of an organization needs no id, and names another one: ' || id
        when month is not null and coalesce(from_month, to_month) is not null
            then scope_id || ' has a month, and a first or last month: one or the other'
        when to_month is not null and from_month is null then scope_id || ' has a last month and no first one'
        when first_month is not null and starts_on is null
            then scope_id || ': ' || first_month || ' is not a month such as 2026-10'
        when last_month is not null and ends_on is null
            then scope_id || ': ' || last_month || ' is not a month such as 2026-10'
        when ends_on < starts_on then scope_id || ' ends before it starts: ' || last_month
        when budget is null then scope_id || ': amount is not a number such as 5000.00: ' || amount
        when budget <= 0 then scope_id || ': amount is not above 0: ' || amount
        when length(currency) <> 3 then scope_id || ': currency is not a code such as USD: ' || currency
        when times > 1 then scope_id || ' occurs more than once, from the same month on'
    end as reason
from counted
