{{ config(enabled=var('plans_enabled')) }}

-- Days and expected costs are computed again for budgets of organizations and projects only: the raw rows of
-- users and teams are added up by month.
{% set columns = ['budget_source', 'organization_id', 'scope', 'scope_id', 'currency', 'month', 'budget'] %}

with budgets as (
    select {{ columns | join(', ') }} from {{ ref('int_openai__expected_budgets') }}
    union all
    select {{ columns | join(', ') }} from {{ ref('int_openai__expected_spend_limits') }}
),

daily as (
    {% for scope, id in [('organization', 'organization_id'), ('project', 'project_id')] %}
        select
            organization_id,
            '{{ scope }}' as scope,
            {{ id }} as scope_id,
            currency,
            cast({{ dbt.date_trunc('month', 'date') }} as date) as month,
            date,
            sum(amount) as amount
        from {{ ref('int_openai__expected_costs_by_day') }}
        group by organization_id, {{ id }}, currency, date
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

running as (
    select
        *,
        sum(amount) over (
            partition by organization_id, scope, scope_id, currency, month order by date
            rows between unbounded preceding and current row
        ) as spent
    from daily
),

breaches as (
    select
        budgets.{{ columns | join(', budgets.') }},
        min(running.date) as breached_on
    from budgets
    left join running
        on budgets.organization_id = running.organization_id
        and budgets.scope = running.scope
        and budgets.scope_id = running.scope_id
        and budgets.currency = running.currency
        and budgets.month = running.month
        and budgets.budget < running.spent
    group by budgets.{{ columns | join(', budgets.') }}
),

expected as (
    select
        breaches.*,
        months.is_known,
        months.is_closed,
        coalesce(costs.amount, 0) as spent,
        case
            when breaches.scope not in ('organization', 'project') or not months.is_known then null
            when months.is_latest
                then
                    cast(coalesce(ends.closed_cost, 0) as {{ double() }})
                    + coalesce(remaining.remaining_cost, 0)
            else cast(coalesce(costs.amount, 0) as {{ double() }})
        end as expected_month_end
    from breaches
    inner join {{ ref('int_openai__expected_months') }} as months
        on breaches.organization_id = months.organization_id
        and breaches.month = months.month
    left join {{ ref('int_openai__expected_costs_by_scope') }} as costs
        on breaches.organization_id = costs.organization_id
        and breaches.scope = costs.scope
        and breaches.scope_id = costs.scope_id
        and breaches.currency = costs.currency
        and breaches.month = costs.month
    {% for name, model in [('ends', 'month_costs'), ('remaining', 'remaining_costs')] %}
        left join {{ ref('int_openai__expected_' ~ model) }} as {{ name }}
            on breaches.organization_id = {{ name }}.organization_id
            and breaches.currency = {{ name }}.currency
            and {{ name }}.item = case
                when breaches.scope = 'organization' then 'organization'
                else {{ dbt.concat(["'project/'", 'breaches.scope_id']) }}
            end
    {% endfor %}
)

select
    {{ columns | join(', ') }},
    spent,
    {{ ratio('spent', 'budget') }} as spent_share,
    expected_month_end,
    breached_on,
    case
        when spent > budget then 'breached'
        when not is_known then 'unknown'
        when is_closed then 'kept'
        when expected_month_end > cast(budget as {{ double() }}) then 'at risk'
        when expected_month_end is not null then 'on track'
    end as status
from expected
