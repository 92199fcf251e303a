{{ config(severity='warn') }}

select distinct
    x_QuantityUnit,
    {{ dbt.concat([
        "'add a row for '", "x_QuantityUnit", "' to dbt_project/seeds/quantity_units.csv'"
    ]) }} as reason
from {{ ref('focus_costs') }}
where ConsumedUnit = 'Units'
