{{ config(materialized='table', tags=['whole_history']) }}
-- An anomaly of any day must show the raw costs; only recent days must have all anomalies.
{% set first_day = first_recent_day() %}

with marts as (
    select
        organization_id,
        date,
        scope,
        scope_id,
        currency,
        actual
    from {{ ref('openai__cost_anomalies') }}
    where scope in ('project', 'user')
),

costs as (
    select *
    from {{ ref('int_openai__expected_scoped_costs') }}
),

both_sides as (
    select
        'cost_anomalies equals raw by project and user' as check_name,
        marts.organization_id,
        cast({{ dbt.date_trunc('month', 'marts.date') }} as date) as month,
        marts.currency,
        {{ slash_separated(['marts.scope_id', 'cast(marts.date as ' ~ dbt.type_string() ~ ')']) }} as item,
        cast(coalesce(costs.amount, 0) as {{ money() }}) as expected,
        marts.actual
    from marts
    left join costs
        on marts.organization_id = costs.organization_id
        and marts.date = costs.date
        and marts.scope = costs.scope
        and marts.scope_id = costs.scope_id
        and marts.currency = costs.currency

    union all

    select
        'cost_anomalies has the projects that cost much more than before' as check_name,
        costs.organization_id,
        cast({{ dbt.date_trunc('month', 'costs.date') }} as date) as month,
        cast(null as {{ dbt.type_string() }}) as currency,
        {{ slash_separated(['costs.scope_id', 'cast(costs.date as ' ~ dbt.type_string() ~ ')']) }} as item,
        cast(case when spikes.date is not null then 1 else 0 end as {{ money() }}) as expected,
        cast(
            case when spikes.date is not null and marts.date is not null then 1 else 0 end as {{ money() }}
        ) as actual
    from costs
    left join {{ ref('int_openai__expected_spikes') }} as spikes
        on costs.organization_id = spikes.organization_id
        and costs.date = spikes.date
        and costs.scope_id = spikes.project_id
        and costs.currency = spikes.currency
    left join marts
        on costs.organization_id = marts.organization_id
        and costs.date = marts.date
        and costs.scope = marts.scope
        and costs.scope_id = marts.scope_id
        and costs.currency = marts.currency
    where costs.scope = 'project' and costs.date >= {{ first_day }}
)

{{ items_that_differ('both_sides', period='month') }}
