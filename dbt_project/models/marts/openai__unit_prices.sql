-- Prices that differ by the rounding of a division are equal: engines round differently, and the history is
-- that of the first project with the price.
{% set order = 'round(1000000000 * ln(usual_price)), project_id' %}

with in_order as (
    select
        *,
        {{ is_weighted_median('priced_quantity', price_dimensions() ~ ', date', order) }} as is_usual
    from {{ ref('int_openai__price_changes') }}
),

daily as (
    select
        {{ price_dimensions() }},
        date,
        sum(unblended_cost) as unblended_cost,
        sum(quantity) as quantity,
        sum(free_quantity) as free_quantity,
        {{ ratio('sum(unblended_cost)', 'sum(priced_quantity)') }} as average_price,
        max(case when is_usual then usual_price end) as usual_price,
        max(case when is_usual and is_mixed then 1 else 0 end) as mixed,
        max(case when is_usual then previous_price end) as previous_price,
        max(case when is_usual then changed_on end) as changed_on
    from in_order
    group by {{ price_dimensions() }}, date
)

select
    daily.date,
    daily.organization_id,
    organizations.organization_name,
    daily.service,
    daily.model,
    daily.meter,
    daily.tier,
    daily.modality,
    daily.context,
    daily.currency,
    daily.quantity_unit,
    cast(daily.quantity as {{ quantity() }}) as quantity,
    cast(daily.free_quantity as {{ quantity() }}) as free_quantity,
    cast(daily.unblended_cost as {{ money() }}) as unblended_cost,
    daily.priced_per,
    daily.average_price,
    daily.usual_price,
    daily.previous_price,
    daily.changed_on,
    daily.model_family,
    daily.mixed = 1 as is_mixed
from daily
left join {{ ref('int_openai__organizations') }} as organizations
    on daily.organization_id = organizations.organization_id
