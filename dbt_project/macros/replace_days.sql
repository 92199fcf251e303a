{#
    How the facts replace days, by engine: always those of `int_days_to_build`, also where a day became empty
    and its rows only leave. Arguments are those that dbt gives an incremental strategy.
#}
{% macro get_incremental_replace_days_sql(arguments) -%}
    {{ adapter.dispatch('replace_days', 'openai_costs')(
        arguments['target_relation'],
        arguments['temp_relation'],
        arguments['dest_columns'] | map(attribute='quoted') | join(', ')
    ) }}
{%- endmacro %}

{# dbt runs it in one transaction. #}
{% macro default__replace_days(target, source, columns) -%}
    delete from {{ target }}
    where {{ is_to_build(target ~ '.organization_id', target ~ '.date') }};

    insert into {{ target }} ({{ columns }})
    select {{ columns }}
    from {{ source }}
{%- endmacro %}

{# Snowflake commits each statement, unless told otherwise. #}
{% macro snowflake__replace_days(target, source, columns) -%}
    {{ snowflake_dml_explicit_transaction(default__replace_days(target, source, columns)) }}
{%- endmacro %}
