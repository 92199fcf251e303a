-- A unit is capitalized; in a price, a whole number may stand before it.
with units as (
    select ConsumedUnit as unit from {{ ref('focus_costs') }}
    union
    select
        case
            when PricingUnit like '1%' then {{ dbt.split_part('PricingUnit', "' '", 2) }} else PricingUnit
        end as unit
    from {{ ref('focus_costs') }}
)

select unit
from units
where unit = '' or unit <> trim(unit) or substr(unit, 1, 1) = lower(substr(unit, 1, 1))
