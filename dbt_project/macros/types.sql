{# Dollars, from the API's literal to the mart: never a float. #}
{% macro money() %}decimal(38, 18){% endmacro %}

{# How much was used, in the API's own unit. #}
{% macro quantity() %}decimal(38, 9){% endmacro %}
