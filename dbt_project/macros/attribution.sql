{#
    The person or service account of a charge: `user_id`, `attribution` and, if there is none, the reason. `charges` has
    the ids that the API returned and is joined with `keys`, `int_openai__api_keys`. The owner is joined in views over
    the facts, so that a key's new owner does not rebuild a fact.
#}
{% macro attribution(charges, keys) -%}
    coalesce({{ charges }}.user_id, {{ keys }}.owner_id) as user_id,
    case
        when {{ charges }}.user_id is not null then 'reported'
        when {{ keys }}.owner_id is not null then 'key_owner'
        else 'unattributed'
    end as attribution,
    case
        when coalesce({{ charges }}.user_id, {{ keys }}.owner_id) is not null then null
        when {{ charges }}.api_key_id is not null then 'the API returned no owner of the key'
        when {{ charges }}.grouped_by like '%api_key_id%' then 'no API key'
        else 'the API returned no keys for that day'
    end as unattributed_because
{%- endmacro %}
