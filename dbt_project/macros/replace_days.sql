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

{# Before a fact is built: deletes the days to build where the engine's incremental models only add rows. #}
{% macro remove_days_to_build() %}{{ adapter.dispatch('remove_days_to_build', 'openai_costs')() }}{% endmacro %}

{% macro default__remove_days_to_build() %}{% endmacro %}

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
