{{ config(enabled=var('plans_enabled')) }}

with backtests as (
    select
        organization_id,
        scope,
        scope_id,
        currency,
        count(*) as months,
        avg(abs({{ ratio('expected_month_end - unblended_cost', 'unblended_cost') }})) as mean_error,
        avg({{ ratio('expected_month_end - unblended_cost', 'unblended_cost') }}) as bias
    from {{ ref('int_openai__forecasts') }}
    where not is_current and unblended_cost > 0
    group by organization_id, scope, scope_id, currency
),

month_before as (
    select
        costs.organization_id,
        months.month,
        costs.scope,
        costs.scope_id,
        costs.currency,
        sum(costs.unblended_cost) as unblended_cost
    from {{ ref('int_openai__ledger_months') }} as months
    inner join {{ ref('int_openai__scoped_costs') }} as costs
        on months.organization_id = costs.organization_id
        and months.month = cast({{ dbt.date_trunc('month', 'costs.date') }} as date)
    where months.closed_days = months.days
    group by costs.organization_id, months.month, costs.scope, costs.scope_id, costs.currency
)

select
    forecasts.month,
    forecasts.organization_id,
    organizations.organization_name,
    forecasts.scope,
    case when forecasts.scope = 'project' then nullif(forecasts.scope_id, '') end as project_id,
    projects.project_name,
    forecasts.currency,
    forecasts.as_of,
    forecasts.unblended_cost,
    case when months.unknown_because is null then forecasts.expected_month_end end as expected_month_end,
    months.unknown_because,
    cast(month_before.unblended_cost as {{ money() }}) as previous_month_cost,
    cast(coalesce(backtests.months, 0) as {{ dbt.type_int() }}) as backtested_months,
    backtests.mean_error as backtest_error,
    backtests.bias as backtest_bias
from {{ ref('int_openai__forecasts') }} as forecasts
inner join {{ ref('int_openai__ledger_months') }} as months
    on forecasts.organization_id = months.organization_id
    and forecasts.month = months.month
left join backtests
    on forecasts.organization_id = backtests.organization_id
    and forecasts.scope = backtests.scope
    and forecasts.scope_id = backtests.scope_id
    and forecasts.currency = backtests.currency
left join month_before
    on forecasts.organization_id = month_before.organization_id
    and forecasts.scope = month_before.scope
    and forecasts.scope_id = month_before.scope_id
    and forecasts.currency = month_before.currency
    and cast({{ add_to_date('month', -1, 'forecasts.month') }} as date) = month_before.month
left join {{ ref('int_openai__organizations') }} as organizations
    on forecasts.organization_id = organizations.organization_id
left join {{ ref('int_openai__projects') }} as projects
    on forecasts.organization_id = projects.organization_id
    and forecasts.scope = 'project'
    and forecasts.scope_id = projects.project_id
where
    forecasts.is_current
    -- A project without recent costs has no forecast.
    and (forecasts.expected_month_end <> 0 or forecasts.unblended_cost <> 0)
