{{ config(
    materialized='incremental',
    incremental_strategy='merge' if target.type == 'bigquery' else 'append',
    partition_by=['fact'] if target.type == 'spark' else none,
) }}

-- This model has no rows: each fact writes its own rows when it is built.
select
    organization_id,
    date,
    kind,
    loaded_at,
    built_by as fingerprint,
    cast(null as {{ dbt.type_string() }}) as fact
from {{ ref('int_openai__loaded_days') }}
where 1 = 0
