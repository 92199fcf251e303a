-- Quantities of a quadrillion or more. They are null in all models, as the decimals of the models cannot
-- store them. Their rows keep their amounts.
{{ config(severity='warn', tags=['daily']) }}

-- depends_on: {{ ref('int_openai__days_to_build') }}
select
    organization_id,
    date,
    line_item,
    quantity,
    {{ dbt.concat([
        "'the quantity '", "cast(quantity as " ~ dbt.type_string() ~ ")", "' of '", "coalesce(line_item, 'a row')",
        "' of '", "organization_id", "' on '", "cast(date as " ~ dbt.type_string() ~ ")",
        "' is too large to be counted'"
    ]) }} as reason
from {{ source('openai_raw', 'costs') }}
where
    abs(quantity) >= 1000000000000000
    and {{ is_not_before_days_to_build('date') }}
