{{ config(enabled=var('plans_enabled')) }}

with seed_budgets as (
    select
        {{ slash_separated(
            ["'budgets.csv'", 'budgets.scope', 'budgets.scope_id', 'budgets.currency', 'budgets.first_month']
        ) }} as budget_id,
        'budgets.csv' as budget_source,
        months.organization_id,
        budgets.scope,
        budgets.scope_id,
        months.month,
        budgets.currency,
        budgets.budget
    from {{ ref('stg_openai__budgets') }} as budgets
    inner join {{ ref('int_openai__ledger_months') }} as months
        on budgets.organization_id = months.organization_id
        and coalesce(budgets.starts_on, months.month) <= months.month
        and coalesce(budgets.ends_on, months.month) >= months.month
    where budgets.reason is null
),

-- OpenAI does not return the date from which a limit applies, so it counts for the current month only.
latest as (
    select
        organization_id,
        max(month) as month
    from {{ ref('int_openai__ledger_months') }}
    group by organization_id
),

set_at_openai as (
    select
        {{ slash_separated(['limits.kind', 'limits.id']) }} as budget_id,
        limits.kind as budget_source,
        limits.organization_id,
        case when limits.project_id is null then 'organization' else 'project' end as scope,
        coalesce(limits.project_id, limits.organization_id) as scope_id,
        latest.month,
        limits.currency,
        limits.threshold_amount as budget
    from {{ ref('int_openai__spend_limits') }} as limits
    inner join latest on limits.organization_id = latest.organization_id
    where limits.period = 'month'
)

select * from seed_budgets
union all
select * from set_at_openai
