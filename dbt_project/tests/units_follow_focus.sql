-- Units that are not capitalized, and units that are not those of the seed. A whole number may precede a
-- unit.
with units as (
    select consumed_unit as unit from {{ ref('int_openai__focus_skus') }}
    union all
    select pricing_unit as unit from {{ ref('int_openai__focus_skus') }}
),

named as (
    select
        unit,
        case
            when substr(unit, 1, 1) between '0' and '9' then {{ nth_part('unit', "' '", 2) }} else unit
        end as name
    from units
)

select distinct unit
from named
where name = '' or name <> trim(name) or substr(name, 1, 1) = lower(substr(name, 1, 1))

union all

select skus.pricing_unit as unit
from {{ ref('int_openai__focus_skus') }} as skus
inner join {{ ref('openai_costs', 'quantity_units') }} as units on skus.quantity_unit = units.quantity_unit
where skus.pricing_unit <> units.pricing_unit or skus.consumed_unit <> units.consumed_unit
