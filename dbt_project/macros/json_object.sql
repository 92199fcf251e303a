{# A text as a JSON string, including the quotes; null stays null. #}
{% macro json_text(text) -%}
    {%- set backslash = character(92) -%}
    {%- set quote = text_literal('"') -%}
    {%- set two_backslashes = dbt.concat([backslash, backslash]) -%}
    {%- set escaped = namespace(text="replace(" ~ text ~ ", " ~ backslash ~ ", " ~ two_backslashes ~ ")") -%}
    {%- set escaped.text = "replace(" ~ escaped.text ~ ", " ~ quote ~ ", " ~ dbt.concat([backslash, quote]) ~ ")" -%}
    {{ dbt.concat([quote, escaped.text, quote]) }}
{%- endmacro %}

{#
    A flat JSON object of texts. `pairs` maps keys to expressions. A null is omitted; if all are null, the object is
    null.
#}
{% macro json_object(pairs) -%}
    {%- set members = [] -%}
    {%- for key, text in pairs.items() -%}
        {%- do members.append(
            "coalesce(" ~ dbt.concat([text_literal(',"' ~ key ~ '":'), json_text(text)]) ~ ", '')"
        ) -%}
    {%- endfor -%}
    {%- set texts = pairs.values() | join(', ') -%}
    {%- set object = namespace(text=dbt.concat(["'{'", "substr(" ~ dbt.concat(members) ~ ", 2)", "'}'"])) -%}
    {#- Control characters can only occur inside a text. -#}
    {%- for code, letter in {8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r'}.items() -%}
        {%- set escape = dbt.concat([character(92), "'" ~ letter ~ "'"]) -%}
        {%- set object.text = "replace(" ~ object.text ~ ", " ~ character(code) ~ ", " ~ escape ~ ")" -%}
    {%- endfor -%}
    case when coalesce({{ texts }}) is not null then {{ object.text }} end
{%- endmacro %}

{# A character by its code: engines interpret a backslash in a literal differently. #}
{% macro character(code) %}{{ adapter.dispatch('character', 'openai_costs')(code) }}{% endmacro %}

{% macro default__character(code) %}chr({{ code }}){% endmacro %}
