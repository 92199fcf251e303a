{#
    The checks that may differ without a fault of the models: OpenAI tells the two sides apart from
    each other, or a day could not be loaded, and one odd day must not hold up the others.
#}
{% macro checks_that_may_differ() -%}
(
    'every day is in the ledger',
    {{ sentence("users' rows equal the API's daily total") }},
    'tokens billed equal tokens used',
    'month equals its invoice'
)
{%- endmacro %}
