{{ config(materialized='table', tags=['whole_history']) }}
with marts as (
    select
        organization_id,
        date,
        scope,
        scope_id,
        currency,
        expected
    from {{ ref('openai__cost_anomalies') }}
    where scope in ('project', 'user')
),

costs as (
    select *
    from {{ ref('int_openai__expected_scoped_costs') }}
),

first_costs as (
    select
        organization_id,
        min(date) as date
    from costs
    where scope = 'project'
    group by organization_id
),

weeks as (
    {{ dbt.generate_series(8) }}
),

-- From the organization's first costs on, a day without costs counts as 0 if it is in the ledger.
loaded_days as (
    select
        ledger.organization_id,
        ledger.date
    from {{ source('openai_raw', 'cost_days') }} as ledger
    inner join first_costs
        on ledger.organization_id = first_costs.organization_id
        and ledger.date >= first_costs.date
),

earlier_weeks as (
    select
        marts.*,
        coalesce(costs.amount, 0) as amount,
        row_number() over (
            partition by marts.organization_id, marts.date, marts.scope, marts.scope_id, marts.currency
            order by coalesce(costs.amount, 0)
        ) as place,
        count(*) over (
            partition by marts.organization_id, marts.date, marts.scope, marts.scope_id, marts.currency
        ) as weeks
    from marts
    cross join weeks
    inner join loaded_days
        on marts.organization_id = loaded_days.organization_id
        and loaded_days.date = {{ days_after('marts.date', '-7 * weeks.generated_number') }}
    left join costs
        on marts.organization_id = costs.organization_id
        and marts.scope = costs.scope
        and marts.scope_id = costs.scope_id
        and marts.currency = costs.currency
        and loaded_days.date = costs.date
),

both_sides as (
    select
        'cost_anomalies has the usual costs of the weekday' as check_name,
        organization_id,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month,
        currency,
        {{ slash_separated(['scope_id', 'cast(date as ' ~ dbt.type_string() ~ ')']) }} as item,
        amount as expected,
        expected as actual
    from earlier_weeks
    where 2 * place in (weeks, weeks + 1)
)

{{ items_that_differ('both_sides', period='month') }}
