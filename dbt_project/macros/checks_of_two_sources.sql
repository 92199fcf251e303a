{# The checks whose two sides OpenAI tells apart from each other: they may differ without a fault here. #}
{% macro checks_of_two_sources() -%}
(
    {{ sentence("users' rows equal the API's daily total") }},
    'tokens billed equal tokens used',
    'month equals its invoice'
)
{%- endmacro %}
