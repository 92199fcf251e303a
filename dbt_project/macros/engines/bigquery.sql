{# BigQuery: macros that override the defaults. #}

{# BigQuery's `decimal` has nine decimals at most. #}
{% macro bigquery__decimal_type(digits, decimals) %}bignumeric{% endmacro %}

{% macro bigquery__decimal(number, digits, decimals) -%}
    round(cast({{ number }} as bignumeric), {{ decimals }})
{%- endmacro %}

{% macro bigquery__double() %}float64{% endmacro %}

{# A BigQuery timestamp is always in UTC. #}
{% macro bigquery__utc(instant) %}{{ instant }}{% endmacro %}

{#
    dbt-bigquery calls this for the strategy `insert_overwrite`, as it accepts no custom strategy. Its own version takes
    the dates from the new rows: a day that became empty would stay, and on a replaced date the rows of organizations
    that are not among the new rows would be deleted.
#}
{% macro bq_insert_overwrite_sql(
    tmp_relation, target_relation, sql, unique_key, partition_by, partitions, dest_columns, tmp_relation_exists,
    copy_partitions
) -%}
    {{ get_insert_overwrite_merge_sql(
        target_relation, '(' ~ sql ~ ')', dest_columns, [is_to_build_as_literals('DBT_INTERNAL_DEST.')],
        include_sql_header=true
    ) }}
{%- endmacro %}
