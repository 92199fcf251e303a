{# A number as a decimal with `digits` digits, rounded to `decimals` decimals. #}
{% macro decimal(number, digits, decimals) -%}
    {{ adapter.dispatch('decimal', 'openai_costs')(number, digits, decimals) }}
{%- endmacro %}

{% macro default__decimal(number, digits, decimals) -%}
    cast({{ number }} as decimal({{ digits }}, {{ decimals }}))
{%- endmacro %}

{# The decimal that is nearest to a double. #}
{% macro nearest_decimal(double, digits, decimals) -%}
    {{ adapter.dispatch('nearest_decimal', 'openai_costs')(double, digits, decimals) }}
{%- endmacro %}

{% macro default__nearest_decimal(double, digits, decimals) -%}
    {{ decimal(double, digits, decimals) }}
{%- endmacro %}

{# The product of two decimals, with all decimals. #}
{% macro product(one, other) %}{{ adapter.dispatch('product', 'openai_costs')(one, other) }}{% endmacro %}

{% macro default__product(one, other) %}{{ one }} * {{ other }}{% endmacro %}

{# The difference of two amounts, with all decimals. #}
{% macro difference(one, other) %}{{ adapter.dispatch('difference', 'openai_costs')(one, other) }}{% endmacro %}

{% macro default__difference(one, other) %}{{ one }} - {{ other }}{% endmacro %}
