with billed as (
    select distinct
        coalesce(line_item, '') as line_item,
        coalesce(quantity_unit, '') as quantity_unit
    from {{ ref('int_openai__daily_costs_by_line_item') }}
),

meters as (
    select
        meter,
        max(sku_meter) as sku_meter,
        max(token_direction) as token_direction,
        max(cache_action) as cache_action
    from {{ ref('openai_costs', 'token_meters') }}
    group by meter
)

select
    billed.line_item,
    billed.quantity_unit,
    coalesce(dimensions.is_parsed, false) as is_parsed,
    dimensions.service,
    dimensions.model,
    dimensions.model_family,
    dimensions.meter,
    dimensions.tier,
    dimensions.modality,
    dimensions.context,
    meters.sku_meter,
    meters.token_direction,
    meters.cache_action,
    -- A unit that the seed does not list is shown as `Units`.
    coalesce(units.consumed_unit, case when billed.quantity_unit <> '' then 'Units' end) as consumed_unit,
    {{ decimal("coalesce(units.consumed_in_one, case when billed.quantity_unit <> '' then 1 end)", 6, 0) }}
        as consumed_in_one,
    coalesce(units.pricing_unit, case when billed.quantity_unit <> '' then 'Units' end) as pricing_unit,
    {{ decimal("coalesce(units.priced_in_one, case when billed.quantity_unit <> '' then 1 end)", 7, 6) }}
        as priced_in_one,
    coalesce(
        meters.meter is not null
        and (units.consumed_unit = 'Tokens' or billed.quantity_unit = ''), false
    ) as is_of_tokens
from billed
left join {{ ref('int_openai__line_item_dimensions') }} as dimensions
    on billed.line_item = dimensions.line_item
left join meters on dimensions.meter = meters.meter
-- The API returns calls and sessions without a unit: the meter names what is counted.
left join {{ ref('openai_costs', 'quantity_units') }} as units
    on units.quantity_unit
    = case when billed.quantity_unit = '' then dimensions.meter else billed.quantity_unit end
