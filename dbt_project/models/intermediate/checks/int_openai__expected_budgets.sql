{{ config(enabled=var('plans_enabled')) }}

-- The budgets of models are missing: only the parser knows which line items belong to a model.
with trimmed as (
    select
        trim(organization_id) as organization_id,
        lower(trim(scope)) as scope,
        case when lower(trim(scope)) = 'organization' then trim(organization_id) else nullif(trim(id), '') end
            as scope_id,
        upper(trim(currency)) as currency,
        nullif(trim(id), '') as id,
        nullif(trim(month), '') as month,
        nullif(trim(from_month), '') as from_month,
        nullif(trim(to_month), '') as to_month,
        coalesce(trim(amount), '') as amount
    from {{ ref('openai_costs', 'budgets') }}
),

parsed as (
    select
        organization_id,
        scope,
        scope_id,
        currency,
        coalesce(month, from_month) as first_month,
        {{ parse_month('coalesce(month, from_month)') }} as starts_on,
        coalesce(month, to_month) as last_month,
        {{ parse_month('coalesce(month, to_month)') }} as ends_on,
        -- Null in a row that people have to correct.
        case
            when month is not null and coalesce(from_month, to_month) is not null then null
            when month is null and from_month is null and to_month is not null then null
            when scope = 'organization' and id <> organization_id then null
            when length(currency) = 3 then {{ parse_amount('amount') }}
        end as budget
    from trimmed
),

entered as (
    select
        organization_id,
        scope,
        scope_id,
        currency,
        min(starts_on) as starts_on,
        min(ends_on) as ends_on,
        min(budget) as budget
    from parsed
    where scope in ('organization', 'project', 'user', 'team') and scope_id is not null
    group by organization_id, scope, scope_id, currency, first_month
    having
        count(*) = 1 and min(budget) > 0
        and count(first_month) = count(starts_on) and count(last_month) = count(ends_on)
),

months as (
    select distinct
        organization_id,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month
    from {{ source('openai_raw', 'cost_days') }}
)

select
    'budgets.csv' as budget_source,
    entered.organization_id,
    entered.scope,
    entered.scope_id,
    entered.currency,
    months.month,
    entered.budget
from entered
inner join months
    on entered.organization_id = months.organization_id
    and coalesce(entered.starts_on, months.month) <= months.month
    and coalesce(entered.ends_on, months.month) >= months.month
