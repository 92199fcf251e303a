{# A row of `reconciliation` that differs, as a sentence for a person. #}
{% macro what_differs() -%}
concat(
    check_name, ', ', cast(period_start as {{ dbt.type_string() }}),
    case when currency is not null then concat(', ', currency) else '' end,
    case when user_id is not null then concat(', ', user_id) else '' end,
    case when model_family is not null then concat(', ', model_family) else '' end,
    case when meter is not null then concat(' ', meter) else '' end,
    ': ', reason, ', by ', cast(abs(difference) as {{ dbt.type_string() }})
)
{%- endmacro %}
