{# A number as a decimal of so many digits, rounded to so many decimals. #}
{% macro decimal(number, digits, decimals) -%}
    {{ adapter.dispatch('decimal', 'openai_costs')(number, digits, decimals) }}
{%- endmacro %}

{% macro default__decimal(number, digits, decimals) -%}
    cast({{ number }} as decimal({{ digits }}, {{ decimals }}))
{%- endmacro %}

{% macro bigquery__decimal(number, digits, decimals) -%}
    round(cast({{ number }} as bignumeric), {{ decimals }})
{%- endmacro %}

{# The decimal nearest to a double. #}
{% macro nearest_decimal(double, digits, decimals) -%}
    {{ adapter.dispatch('nearest_decimal', 'openai_costs')(double, digits, decimals) }}
{%- endmacro %}

{% macro default__nearest_decimal(double, digits, decimals) -%}
    {{ decimal(double, digits, decimals) }}
{%- endmacro %}

{# A cast would cut digits off, and 0.15 is a little less than that as a double: a text of it is not. #}
{% macro clickhouse__nearest_decimal(double, digits, decimals) -%}
    {{ decimal('toString(round(' ~ double ~ ', ' ~ decimals ~ '))', digits, decimals) }}
{%- endmacro %}

{# The product of two decimals, with all of its decimals. #}
{% macro product(one, other) %}{{ adapter.dispatch('product', 'openai_costs')(one, other) }}{% endmacro %}

{% macro default__product(one, other) %}{{ one }} * {{ other }}{% endmacro %}

{# Snowflake keeps twelve decimals, or as many as one of the two has. #}
{% macro snowflake__product(one, other) %}{{ decimal(one, 38, 18) }} * {{ other }}{% endmacro %}

{# The difference of two amounts, with all of its decimals. #}
{% macro difference(one, other) %}{{ adapter.dispatch('difference', 'openai_costs')(one, other) }}{% endmacro %}

{% macro default__difference(one, other) %}{{ one }} - {{ other }}{% endmacro %}

{# Databricks makes room for a digit that may be carried at the cost of the last decimal. #}
{% macro databricks__difference(one, other) %}{{ decimal(one, 37, 18) }} - {{ decimal(other, 37, 18) }}{% endmacro %}
