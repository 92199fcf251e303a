{#
    The incremental strategy `replace_days` of the facts: replaces the days of `int_openai__days_to_build`, including
    days that became empty. `arguments` are dbt's arguments of an incremental strategy.
#}
{% macro get_incremental_replace_days_sql(arguments) -%}
    {%- set target_relation = arguments['target_relation'] -%}
    {%- set columns = arguments['dest_columns'] or adapter.get_columns_in_relation(target_relation) -%}
    {{ adapter.dispatch('replace_days', 'openai_costs')(
        target_relation, arguments['temp_relation'], columns | map(attribute='quoted') | join(', ')
    ) }}
{%- endmacro %}

{#
    dbt runs both statements in one transaction. Trino has no transactions: if the second statement fails, the days are
    missing until the next build, which replaces them again, as the fact was not marked as built.
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
    After dbt's own `insert_overwrite`, which replaces the partitions of the new rows: drops the partitions of days that
    became empty. It runs last, so that a failed build leaves the days unchanged.
#}
{% macro drop_emptied_days() -%}
    {%- if config.get('incremental_strategy') == 'insert_overwrite' and is_incremental() -%}
        {{ adapter.dispatch('drop_emptied_days', 'openai_costs')() }}
    {%- endif -%}
{%- endmacro %}

{% macro default__drop_emptied_days() %}{% endmacro %}
