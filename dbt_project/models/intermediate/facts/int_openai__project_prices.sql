-- Charges at the same price are added up first: most of a day's charges have the same price, so few rows are
-- sorted.
with charges as (
    select
        *,
        case when not is_free then {{ ratio('unblended_cost', 'priced_quantity') }} end as price
    from {{ ref('int_openai__priced_charges') }}
    where {{ is_to_build('organization_id', 'date') }}
),

prices as (
    select
        {{ price_dimensions() }},
        project_id,
        date,
        is_free,
        price,
        sum(quantity) as quantity,
        sum(priced_quantity) as priced_quantity,
        sum(unblended_cost) as unblended_cost
    from charges
    group by {{ price_dimensions() }}, project_id, date, is_free, price
),

in_order as (
    select
        *,
        {{ is_weighted_median(
            'priced_quantity', price_dimensions() ~ ', project_id, date, is_free', 'price'
        ) }} as is_usual
    from prices
)

select
    {{ price_dimensions() }},
    project_id,
    date,
    cast(sum(unblended_cost) as {{ money() }}) as unblended_cost,
    cast(sum(case when not is_free then quantity end) as {{ quantity() }}) as quantity,
    cast(sum(case when is_free then quantity end) as {{ quantity() }}) as free_quantity,
    coalesce(sum(case when not is_free then priced_quantity end), 0) as priced_quantity,
    max(case when is_usual then price end) as usual_price
from in_order
group by {{ price_dimensions() }}, project_id, date
