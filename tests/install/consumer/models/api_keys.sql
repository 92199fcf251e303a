{{ config(materialized='incremental') }}

select 1 as api_key_id
{% if is_incremental() %}
    , 'new' as column_that_dbt_ignores
{% endif %}
