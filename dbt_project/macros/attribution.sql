{#
    Whose a charge is: `user_id`, `attribution` and why nobody could be named, of rows with the ids that OpenAI
    tells, joined with `int_openai__api_keys`. Owners come late, so that a key's new owner needs no fact built anew.
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
        when {{ charges }}.api_key_id is not null then 'the owner of the key is not told'
        when {{ charges }}.grouped_by like '%api_key_id%' then 'no API key'
        else 'keys were not told on that day'
    end as unattributed_because
{%- endmacro %}
