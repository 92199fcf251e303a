{{ config(enabled=var('plans_enabled')) }}

with reached as (
    select
        organization_id,
        budget_id,
        month,
        sum(unblended_cost) as unblended_cost,
        -- Sums of doubles may be lower by their last digit.
        greatest(
            cast(sum(known_cost) as {{ double() }}) + sum(expected_cost),
            cast(sum(unblended_cost) as {{ double() }})
        ) as expected_month_end,
        min(case when spent > budget then date end) as breached_on,
        min(case when is_open and expected_spent > cast(budget as {{ double() }}) then date end)
            as expected_breach_on
    from {{ ref('int_openai__budget_days') }}
    group by organization_id, budget_id, month
),

spent as (
    select
        budgets.*,
        months.closed_days = months.days as is_closed,
        case
            when months.loaded_days > 0 then cast(coalesce(reached.unblended_cost, 0) as {{ money() }})
        end as unblended_cost,
        coalesce(reached.expected_month_end, 0) as expected_month_end,
        reached.breached_on,
        reached.expected_breach_on,
        coalesce(unknown_scopes.unknown_because, months.unknown_because) as unknown_because
    from {{ ref('int_openai__budgets') }} as budgets
    inner join {{ ref('int_openai__ledger_months') }} as months
        on budgets.organization_id = months.organization_id
        and budgets.month = months.month
    left join reached
        on budgets.organization_id = reached.organization_id
        and budgets.budget_id = reached.budget_id
        and budgets.month = reached.month
    left join {{ ref('int_openai__unknown_scopes') }} as unknown_scopes
        on budgets.organization_id = unknown_scopes.organization_id
        and budgets.scope = unknown_scopes.scope
        and budgets.scope_id = unknown_scopes.scope_id
        and budgets.currency = unknown_scopes.currency
),

with_status as (
    select
        *,
        case
            when unblended_cost > budget then 'breached'
            when unknown_because is not null then 'unknown'
            when is_closed then 'kept'
            when expected_month_end > cast(budget as {{ double() }}) then 'at risk'
            else 'on track'
        end as status
    from spent
)

select
    spent.budget_id,
    spent.budget_source,
    spent.organization_id,
    organizations.organization_name,
    spent.scope,
    spent.scope_id,
    coalesce(
        case when spent.scope = 'organization' then organizations.organization_name end,
        projects.project_name, users.user_name, spent.scope_id
    ) as scope_name,
    spent.month,
    spent.currency,
    cast(spent.budget as {{ money() }}) as budget,
    spent.unblended_cost,
    {{ ratio('spent.unblended_cost', 'spent.budget') }} as spent_share,
    case when spent.unknown_because is null then spent.expected_month_end end as expected_month_end,
    spent.breached_on,
    case when spent.status = 'at risk' then spent.expected_breach_on end as expected_breach_on,
    spent.status,
    spent.unknown_because
from with_status as spent
left join {{ ref('int_openai__organizations') }} as organizations
    on spent.organization_id = organizations.organization_id
left join {{ ref('int_openai__projects') }} as projects
    on spent.organization_id = projects.organization_id
    and spent.scope = 'project'
    and spent.scope_id = projects.project_id
left join {{ ref('int_openai__users') }} as users
    on spent.organization_id = users.organization_id
    and spent.scope = 'user'
    and spent.scope_id = users.user_id
