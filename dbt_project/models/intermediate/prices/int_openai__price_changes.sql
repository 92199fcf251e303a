-- By project, since its data's residency sets its prices: where one of two regions rests at weekends,
-- no price changes. Days on which all was free have no price: they are a sequence of their own, and
-- so stand between no two prices.
{% set sequence = price_dimensions() ~ ', project_id, is_priced' %}

with prices as (
    select
        *,
        usual_price is not null as is_priced
    from {{ ref('int_openai__project_prices') }}
),

with_the_day_before as (
    select
        *,
        {{ previous_value('usual_price', 'partition by ' ~ sequence ~ ' order by date') }} as price_before
    from prices
),

with_changes as (
    select
        *,
        -- Less is the noise of a division.
        case when abs(usual_price / price_before - 1) > 0.000001 then 1 else 0 end as is_change
    from with_the_day_before
),

between_changes as (
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
from between_changes
