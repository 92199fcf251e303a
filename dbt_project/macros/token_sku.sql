{#
    The SkuPriceId of a model's tokens, from columns named as in the marts; `model` is spelled as in a SkuPriceId. The
    prompt's length is the column `context`.
#}
{% macro token_sku(model, meter, tier) -%}
{{ slash_separated([
    model, 'modality', "replace(" ~ meter ~ ", ' ', '-')", tier,
    "case when context = 'long' then 'long-context' end",
]) }}
{%- endmacro %}
