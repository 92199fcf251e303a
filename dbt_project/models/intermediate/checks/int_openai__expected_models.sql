-- Raw rows have no model: each line item has the meaning that focus_costs gives it.
{% set meaning = {
    'service': 'x_Service', 'model': 'x_Model', 'meter': 'x_Meter', 'tier': 'x_ServiceTier', 'modality': 'x_Modality',
    'context': 'x_ContextWindow',
} %}

with meanings as (
    select distinct
        BillingAccountId as organization_id,
        ChargePeriodStart as charge_period_start,
        {% for name, column in meaning.items() %}
            {{ column }} as {{ name }},
        {% endfor %}
        coalesce(x_LineItem, '') as line_item
    from {{ ref('openai__focus_costs') }}
)

select
    line_items.organization_id,
    cast(line_items.date as {{ timestamp_type() }}) as charge_period_start,
    line_items.currency,
    {% for name in meaning %}
        meanings.{{ name }},
    {% endfor %}
    line_items.quantity_unit,
    sum(line_items.cost) as cost,
    sum(line_items.quantity) as quantity,
    case when sum(line_items.quantity) <> 0 then sum(line_items.cost_of_quantity) end as cost_of_quantity,
    sum(line_items.cost_of_quantity) as cost_with_quantity,
    sum(line_items.priced_cost) as priced_cost,
    sum(line_items.priced_quantity) as priced_quantity,
    sum(line_items.free_quantity) as free_quantity,
    min(line_items.lowest_price) as lowest_price,
    max(line_items.highest_price) as highest_price
from {{ ref('int_openai__expected_line_items') }} as line_items
left join meanings
    on line_items.organization_id = meanings.organization_id
    and cast(line_items.date as {{ timestamp_type() }}) = meanings.charge_period_start
    and coalesce(line_items.line_item, '') = meanings.line_item
group by
    line_items.organization_id, line_items.date, line_items.currency, line_items.quantity_unit,
    meanings.{{ meaning | join(', meanings.') }}
