{# Macros and a test with the names of some of the package. #}
{% macro money() %}integer{% endmacro %}

{% macro facts() %}{% do return(['users']) %}{% endmacro %}

{% macro relation_of_model(name) %}{{ exceptions.raise_compiler_error('not this one') }}{% endmacro %}

{% test never_null(model, columns) %}
select 1 as row_number
from {{ model }}
where {{ columns | join(' + ') }} is null
{% endtest %}
