select
    costs.organization_id,
    costs.date,
    costs.line_item,
    dimensions.model,
    dimensions.model_family,
    dimensions.meter,
    dimensions.tier,
    dimensions.modality,
    dimensions.context,
    costs.currency,
    costs.quantity_unit,
    costs.unblended_cost,
    costs.gross_amount,
    costs.quantity,
    costs.cost_of_quantity,
    costs.charges_without_quantity,
    coalesce(dimensions.service, 'Other') as service,
    {{ tokens('costs.quantity', 'costs.quantity_unit') }} as tokens
from {{ ref('int_openai__daily_costs_by_line_item') }} as costs
left join {{ ref('int_openai__line_item_dimensions') }} as dimensions
    on costs.line_item = dimensions.line_item
