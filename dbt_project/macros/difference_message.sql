{# A row of `reconciliation` that differs, as a sentence for a person. #}
{% macro difference_message() -%}
check_name || ', ' || cast(period_start as {{ dbt.type_string() }})
|| coalesce(', ' || currency, '') || coalesce(', ' || item, '') || coalesce(', ' || model_family, '')
|| coalesce(' ' || meter, '')
|| ': ' || reason || coalesce(', by ' || cast(abs(difference) as {{ dbt.type_string() }}), '')
{%- endmacro %}
