{#
    The checks that can differ although the models are correct: they compare two responses of OpenAI, or a response with
    an invoice, or find a day that could not be loaded. One day that differs must not fail the build of the others.
#}
{% macro checks_that_may_differ() -%}
(
    'every day is in the ledger',
    {{ text_literal("users' rows equal the API's daily total") }},
    'tokens billed equal tokens used',
    'month equals its invoice'
)
{%- endmacro %}
