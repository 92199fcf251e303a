{#
    The rows of several check models with the same columns. `checks` maps a relation to its expression for each column
    that differs from the default. By default, a check is exact, comparable, and of one day. With `where`, only rows
    that match the condition; a check can have its own.
#}
{% macro union_of_checks(checks, where=none) -%}
    {%- set text = dbt.type_string() -%}
    {%- set defaults = {
        'check_name': 'check_name', 'period': "'day'", 'period_start': 'date', 'currency': 'null',
        'item': 'null', 'model_family': 'null', 'meter': 'null', 'expected': 'expected', 'actual': 'actual',
        'tolerance': '0', 'not_comparable_because': 'null',
    } -%}
    {%- set types = {'period_start': 'date', 'expected': money(), 'actual': money(), 'tolerance': money()} -%}
    {%- for check, expressions in checks.items() %}
    select
        {%- for column, default in defaults.items() %}
        cast({{ expressions.get(column, default) }} as {{ types.get(column, text) }}) as {{ column }},
        {%- endfor %}
        organization_id
    from {{ check }} as checks
    {{ 'where ' ~ (expressions.get('where') or where) if where }}
    {{ 'union all' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
