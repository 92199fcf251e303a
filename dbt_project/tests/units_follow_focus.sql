-- Units that are not capitalized. A whole number may precede a unit.
with units as (
    select consumed_unit as unit from {{ ref('int_openai__focus_skus') }}
    union all
    select pricing_unit as unit from {{ ref('int_openai__focus_skus') }}
),

named as (
    select
        unit,
        case
            when substr(unit, 1, 1) between '0' and '9' then {{ dbt.split_part('unit', "' '", 2) }} else unit
        end as name
    from units
)

select distinct unit
from named
where name = '' or name <> trim(name) or substr(name, 1, 1) = lower(substr(name, 1, 1))
