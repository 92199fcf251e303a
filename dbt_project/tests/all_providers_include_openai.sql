-- Days and currencies for which OpenAI's costs in the table of all providers differ from focus_costs.
with both_sides as (
    select
        cast(ChargePeriodStart as date) as date,
        BillingCurrency,
        BilledCost as expected,
        cast(0 as {{ money() }}) as actual
    from {{ ref('openai__focus_costs') }}

    union all

    select
        ChargePeriodStart as date,
        BillingCurrency,
        cast(0 as {{ money() }}) as expected,
        BilledCost as actual
    from {{ ref('openai__unblended_costs_all_providers') }}
    where x_FocusTable = 'openai_marts.focus_costs'
)

select
    date,
    BillingCurrency,
    sum(expected) as expected,
    sum(actual) as actual
from both_sides
group by date, BillingCurrency
having sum(expected) <> sum(actual)
