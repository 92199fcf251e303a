-- By project, because the data residency of a project sets its prices: a region without usage at weekends
-- does not change the price of another. Days with only free usage have no price and are a separate sequence,
-- so that they do not separate two prices.
{% set sequence = price_dimensions() ~ ', project_id, is_priced' %}

with prices as (
    select
        *,
        usual_price is not null as is_priced
    from {{ ref('int_openai__project_prices') }}
),

with_price_before as (
    select
        *,
        {{ previous_value('usual_price', 'partition by ' ~ sequence ~ ' order by date') }} as price_before
    from prices
),

with_changes as (
    select
        *,
        -- A smaller difference is the rounding of a division.
        case when abs(usual_price / price_before - 1) > 0.000001 then 1 else 0 end as is_change
    from with_price_before
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
    max(case when is_change = 1 then price_before end) over (partition by {{ sequence }}, changes)
        as previous_price,
    max(case when is_change = 1 then date end) over (partition by {{ sequence }}, changes) as changed_on
from with_change_counts
