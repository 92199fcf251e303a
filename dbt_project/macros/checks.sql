{#
    Rows of checks in one shape. `checks` names, by relation, what its columns are called; what a check says
    nothing about: it is exact, by day, and comparable. With `where`, only such days of `date`.
#}
{% macro as_checks(checks, where=none) -%}
    {%- set text = dbt.type_string() -%}
    {%- set unless_said = {
        'check_name': 'check_name', 'period': "'day'", 'period_start': 'date', 'currency': 'null',
        'user_id': 'null', 'model_family': 'null', 'meter': 'null', 'expected': 'expected', 'actual': 'actual',
        'tolerance': '0', 'not_comparable_because': 'null',
    } -%}
    {%- set types = {'period_start': 'date', 'expected': money(), 'actual': money(), 'tolerance': money()} -%}
    {%- for check, said in checks.items() %}
    select
        {%- for column, otherwise in unless_said.items() %}
        cast({{ said.get(column, otherwise) }} as {{ types.get(column, text) }}) as {{ column }},
        {%- endfor %}
        organization_id
    from {{ check }} as checks
    {{ 'where ' ~ where if where }}
    {{ 'union all' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
