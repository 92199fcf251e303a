select
    sales.organization_id,
    sales.date,
    sales.line_item,
    skus.model,
    skus.model_family,
    skus.meter,
    skus.tier,
    skus.modality,
    skus.context,
    sales.currency,
    sales.quantity_unit,
    sales.unblended_cost,
    sales.turnover,
    sales.quantity,
    sales.cost_of_quantity,
    sales.charges_without_quantity,
    coalesce(skus.service, 'Other') as service,
    {{ tokens('sales.quantity', 'sales.quantity_unit') }} as tokens
from {{ ref('int_openai__daily_costs_by_line_item') }} as sales
left join {{ ref('int_openai__line_item_dimensions') }} as skus on sales.line_item = skus.line_item
