{#
    How the facts replace days, by engine: always those of `int_openai__days_to_build`, also where a day became empty
    and its rows only leave. Arguments are those that dbt gives an incremental strategy.
#}
{% macro get_incremental_replace_days_sql(arguments) -%}
    {%- set target_relation = arguments['target_relation'] -%}
    {%- set columns = arguments['dest_columns'] or adapter.get_columns_in_relation(target_relation) -%}
    {{ adapter.dispatch('replace_days', 'openai_costs')(
        target_relation, arguments['temp_relation'], columns | map(attribute='quoted') | join(', ')
    ) }}
{%- endmacro %}

{#
    dbt runs it in one transaction. Trino knows none: should the second statement fail, the days are missing until
    the next build, which replaces them again, as no build that failed counts.
#}
{% macro default__replace_days(target, source, columns) -%}
    delete from {{ target }}
    where {{ is_to_build(target ~ '.organization_id', target ~ '.date') }};

    insert into {{ target }} ({{ columns }})
    select {{ columns }}
    from {{ source }}
{%- endmacro %}

{#
    Month by month, as DuckDB keeps what a transaction replaces in memory. Should a later month fail, all days are
    replaced again: the fact is not marked as built.
#}
{% macro duckdb__replace_days(target, source, columns) -%}
    {%- set month = "distinct cast(date_trunc('month', date) as date)" -%}
    {%- for first in run_query('select ' ~ month ~ ' from ' ~ days_to_build_of_this()).columns[0].values() %}
    {%- set is_of_month = "date >= date '" ~ first ~ "' and date < date '" ~ first ~ "' + interval 1 month" %}
    {{ 'commit; begin;' if not loop.first }}
    delete from {{ target }}
    where {{ is_of_month }} and {{ is_to_build(target ~ '.organization_id', target ~ '.date') }};

    insert into {{ target }} ({{ columns }})
    select {{ columns }}
    from {{ source }}
    where {{ is_of_month }};
    {%- else %}
    select 'no day is replaced'
    {%- endfor -%}
{%- endmacro %}

{# What dbt would write to a table first, in memory: a view, of which each month is read when it is replaced. #}
{% macro duckdb__create_table_as(
    temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none
) -%}
    {%- if temporary and config.get('incremental_strategy') == 'replace_days' -%}
        create temporary view {{ relation.include(database=false, schema=false) }} as {{ compiled_code }}
    {%- else -%}
        {{ dbt.duckdb__create_table_as(
            temporary, relation, compiled_code, language, partitioned_by, sorted_by
        ) }}
    {%- endif -%}
{%- endmacro %}

{# Snowflake commits each statement, unless told otherwise. #}
{% macro snowflake__replace_days(target, source, columns) -%}
    {{ snowflake_dml_explicit_transaction(default__replace_days(target, source, columns)) }}
{%- endmacro %}

{# One statement, as Databricks has no transactions over several. #}
{% macro databricks__replace_days(target, source, columns) -%}
    insert into {{ target }}
    replace where {{ is_literally_to_build() }}
    select {{ columns }}
    from {{ source }}
{%- endmacro %}

{#
    dbt's strategy `insert_overwrite` on BigQuery, which takes none of ours, calls this. Its own way takes the dates
    from the new rows: one that became empty would stay, and of an organization that is not in them all would leave.
#}
{% macro bq_insert_overwrite_sql(
    tmp_relation, target_relation, sql, unique_key, partition_by, partitions, dest_columns, tmp_relation_exists,
    copy_partitions
) -%}
    {{ get_insert_overwrite_merge_sql(
        target_relation, '(' ~ sql ~ ')', dest_columns, [is_literally_to_build('DBT_INTERNAL_DEST.')],
        include_sql_header=true
    ) }}
{%- endmacro %}

{#
    Before a fact is built on ClickHouse, whose incremental models without a key only add rows. It has no transactions:
    should the build fail then, the days are missing until the next one, which replaces them again.
#}
{% macro remove_days_to_build() -%}
    {%- if target.type == 'clickhouse' and is_incremental() -%}
        delete from {{ this }} where {{ is_literally_to_build() }}
    {%- endif -%}
{%- endmacro %}

{#
    After dbt's own `insert_overwrite`, which replaces the partitions that the new rows are in: drops those of
    the days that became empty. After, so that a build that fails leaves the days as they were.
#}
{% macro drop_emptied_days() -%}
    {%- if config.get('incremental_strategy') == 'insert_overwrite' and is_incremental() -%}
        {{ adapter.dispatch('drop_emptied_days', 'openai_costs')() }}
    {%- endif -%}
{%- endmacro %}

{% macro default__drop_emptied_days() %}{% endmacro %}

{% macro spark__drop_emptied_days() -%}
    {%- set emptied = run_query(
        "select distinct facts.organization_id, facts.date from " ~ this ~ " as facts"
        ~ " left semi join (select * from " ~ days_to_build_of_this() ~ ") as days"
        ~ " on facts.organization_id = days.organization_id and facts.date = days.date"
        ~ " left anti join " ~ this.identifier ~ "__dbt_tmp as built"
        ~ " on facts.organization_id = built.organization_id and facts.date = built.date"
    ).rows -%}
    {%- if emptied -%}
        alter table {{ this }} drop if exists
        {%- for day in emptied %}
            partition (organization_id = {{ sentence(day[0]) }}, date = date'{{ day[1] }}'){{ ',' if not loop.last }}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
