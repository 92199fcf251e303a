{# A text in JSON's spelling, quotes included; null stays null. #}
{% macro json_text(text) -%}
    {%- set backslash = character(92) -%}
    {%- set quote = sentence('"') -%}
    {%- set escaped = namespace(text="replace(" ~ text ~ ", " ~ backslash ~ ", " ~ dbt.concat([backslash, backslash]) ~ ")") -%}
    {%- set escaped.text = "replace(" ~ escaped.text ~ ", " ~ quote ~ ", " ~ dbt.concat([backslash, quote]) ~ ")" -%}
    {{ dbt.concat([quote, escaped.text, quote]) }}
{%- endmacro %}

{#
    A flat JSON object with the texts of `pairs`, its keys and expressions: what is null is left out, and
    where all are, so is the object.
#}
{% macro json_object(pairs) -%}
    {%- set members = [] -%}
    {%- for key, text in pairs.items() -%}
        {%- do members.append(
            "coalesce(" ~ dbt.concat([sentence(',"' ~ key ~ '":'), json_text(text)]) ~ ", '')"
        ) -%}
    {%- endfor -%}
    {%- set texts = pairs.values() | join(', ') -%}
    {%- set object = namespace(text=dbt.concat(["'{'", "substr(" ~ dbt.concat(members) ~ ", 2)", "'}'"])) -%}
    {#- The control characters that texts have; only within one can there be any. -#}
    {%- for code, letter in {8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r'}.items() -%}
        {%- set escape = dbt.concat([character(92), "'" ~ letter ~ "'"]) -%}
        {%- set object.text = "replace(" ~ object.text ~ ", " ~ character(code) ~ ", " ~ escape ~ ")" -%}
    {%- endfor -%}
    case when coalesce({{ texts }}) is not null then {{ object.text }} end
{%- endmacro %}

{# A character by its number: engines read a backslash in a literal differently. #}
{% macro character(code) %}{{ adapter.dispatch('character', 'openai_costs')(code) }}{% endmacro %}

{% macro default__character(code) %}chr({{ code }}){% endmacro %}
