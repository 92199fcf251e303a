-- By project, because the data residency of a project sets its prices: a region without usage at weekends
-- does not change the price of another. Days with only free usage have no price and are a separate sequence,
-- so that they do not separate two prices.
{% set sequence = price_dimensions() ~ ', project_id, is_priced' %}
{# A smaller difference is the rounding of a division. #}
{% set differs = 'abs({0} / {1} - 1) > 0.000001' %}

with prices as (
    select
        *,
        usual_price is not null as is_priced
    from {{ ref('int_openai__project_prices') }}
),

with_neighbors as (
    select
        *,
        {{ previous_value('usual_price', 'partition by ' ~ sequence ~ ' order by date') }} as price_before,
        {{ next_value('usual_price', 'partition by ' ~ sequence ~ ' order by date') }} as price_after
    from prices
),

-- The API adds up a day: on the day on which a price changes, the average lies between the two prices.
with_mixed_days as (
    select
        *,
        case
            when
                {{ differs.format('usual_price', 'price_before') }}
                and {{ differs.format('price_after', 'usual_price') }}
                and (usual_price - price_before) * (price_after - usual_price) > 0
                then 1
            else 0
        end as mixed
    from with_neighbors
),

-- The price that follows a mixed day is part of the change on that day.
with_changes as (
    select
        *,
        case
            when {{ previous_value('mixed', 'partition by ' ~ sequence ~ ' order by date') }} = 1 then 0
            when {{ differs.format('usual_price', 'price_before') }} then 1
            else 0
        end as is_change
    from with_mixed_days
),

with_change_counts as (
    select
        *,
        sum(is_change) over (
            partition by {{ sequence }} order by date rows between unbounded preceding and current row
        ) as changes
    from with_changes
)

select
    {{ price_dimensions() }},
    project_id,
    date,
    unblended_cost,
    quantity,
    free_quantity,
    priced_quantity,
    usual_price,
    mixed = 1 as is_mixed,
    max(case when is_change = 1 then price_before end) over (partition by {{ sequence }}, changes)
        as previous_price,
    max(case when is_change = 1 then date end) over (partition by {{ sequence }}, changes) as changed_on
from with_change_counts
