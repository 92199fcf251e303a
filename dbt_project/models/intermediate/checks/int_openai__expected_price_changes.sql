-- By project. Where each day has one price, no median is needed.
{% set sequence = 'organization_id, currency, price_id, project_id' %}
{% set by_day = 'partition by ' ~ sequence ~ ' order by date' %}
{% set by_price = 'partition by ' ~ sequence ~ ', is_mixed order by date' %}
{% set differs = 'abs({0} / {1} - 1) > 0.000001' %}

with neighbors as (
    select
        *,
        {{ previous_value('price', by_day) }} as price_before,
        {{ next_value('price', by_day) }} as price_after,
        {{ next_value('date', by_day) }} as next_date,
        max(case when {{ differs.format('price', 'lowest_price') }} then 1 else 0 end)
            over (partition by {{ sequence }}) as has_several
    from {{ ref('int_openai__expected_prices') }}
),

mixed as (
    select
        *,
        case
            when not {{ differs.format('price', 'price_before') }} then 0
            when not {{ differs.format('price', 'price_after') }} then 0
            when price_before < price and price < price_after then 1
            when price_before > price and price > price_after then 1
            else 0
        end as is_mixed
    from neighbors
),

-- A change begins on the day after the last one at the price before it.
changes as (
    select
        *,
        case
            when
                is_mixed = 0
                and {{ differs.format('price', previous_value('price', by_price)) }}
                then {{ previous_value('next_date', by_price) }}
        end as change_began_on
    from mixed
),

changed as (
    select
        *,
        max(change_began_on) over ({{ by_day }} rows between unbounded preceding and current row)
            as changed_on
    from changes
)

select
    changed.organization_id,
    changed.currency,
    changed.price_id,
    changed.project_id,
    changed.date,
    changed.price,
    changed.has_several,
    changed.is_mixed,
    changed.changed_on,
    former.price as previous_price
from changed
left join changed as former
    on changed.organization_id = former.organization_id
    and changed.currency = former.currency
    and changed.price_id = former.price_id
    and changed.project_id = former.project_id
    and changed.changed_on = former.next_date
