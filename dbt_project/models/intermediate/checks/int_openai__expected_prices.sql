-- Raw rows have no model: each line item has the meaning that focus_costs gives it.
{% set meaning = ['x_Service', 'x_Model', 'x_Meter', 'x_ServiceTier', 'x_Modality', 'x_ContextWindow'] %}
{% set price_id = slash_separated(meaning + ['costs.quantity_unit']) %}
{% set price = ratio('amount', 'quantity') %}

with meanings as (
    select distinct
        BillingAccountId as organization_id,
        ChargePeriodStart as charge_period_start,
        {{ meaning | join(', ') }},
        coalesce(x_LineItem, '') as line_item
    from {{ ref('openai__focus_costs') }}
),

costs as (
    select
        organization_id,
        date,
        coalesce(project_id, '') as project_id,
        coalesce(line_item, '') as line_item,
        quantity_unit,
        {{ currency_code() }} as currency,
        min({{ price }}) as lowest_price,
        max({{ price }}) as highest_price
    from {{ source('openai_raw', 'costs') }}
    where amount > 0 and quantity > 0 and quantity < 1000000000000000
    group by
        organization_id, date, coalesce(project_id, ''), coalesce(line_item, ''), quantity_unit,
        {{ currency_code() }}
)

select
    costs.organization_id,
    costs.currency,
    costs.project_id,
    costs.date,
    {{ price_id }} as price_id,
    min(costs.lowest_price) as lowest_price,
    max(costs.highest_price) as price
from costs
inner join meanings
    on costs.organization_id = meanings.organization_id
    and cast(costs.date as {{ timestamp_type() }}) = meanings.charge_period_start
    and costs.line_item = meanings.line_item
group by
    costs.organization_id, costs.currency, costs.project_id, costs.date,
    {{ price_id }}
