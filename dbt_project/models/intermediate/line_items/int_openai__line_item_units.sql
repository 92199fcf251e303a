with told as (
    select distinct
        coalesce(line_item, '') as line_item,
        coalesce(quantity_unit, '') as quantity_unit
    from {{ ref('int_openai__daily_costs_by_line_item') }}
)

select
    told.line_item,
    told.quantity_unit,
    coalesce(skus.is_parsed, false) as is_parsed,
    skus.service,
    skus.model,
    skus.model_family,
    skus.meter,
    skus.tier,
    skus.modality,
    skus.context,
    -- A unit that is not known counts something all the same.
    coalesce(units.consumed_unit, case when told.quantity_unit <> '' then 'Units' end) as consumed_unit,
    {{ decimal("coalesce(units.consumed_in_one, case when told.quantity_unit <> '' then 1 end)", 6, 0) }}
        as consumed_in_one,
    coalesce(units.pricing_unit, case when told.quantity_unit <> '' then 'Units' end) as pricing_unit,
    {{ decimal("coalesce(units.priced_in_one, case when told.quantity_unit <> '' then 1 end)", 7, 6) }}
        as priced_in_one,
    coalesce(
        skus.meter in {{ token_meters() }}
        and (units.consumed_unit = 'Tokens' or told.quantity_unit = ''), false
    ) as is_of_tokens
from told
left join {{ ref('int_openai__line_item_dimensions') }} as skus on told.line_item = skus.line_item
-- Calls and sessions are told without a unit: the meter says what is counted.
left join {{ ref('quantity_units') }} as units
    on units.quantity_unit = case when told.quantity_unit = '' then skus.meter else told.quantity_unit end
