{#
    The person or service account of a charge: `user_id`, `attribution`, `owner_assumed_because` and, if there is none, the
    reason. `charges` has the ids that the API returned and is joined with `owners`, `int_openai__key_owner_periods`.
    The owner is joined in views over the facts, so that a key's new owner does not rebuild a fact.
#}
{% macro attribution(charges, owners) -%}
    coalesce({{ charges }}.user_id, {{ owners }}.owner_id) as user_id,
    case
        when {{ charges }}.user_id is not null then 'reported'
        when {{ owners }}.owner_id is not null then 'key_owner'
        else 'unattributed'
    end as attribution,
    case
        when coalesce({{ charges }}.user_id, {{ owners }}.owner_id) is not null then null
        when {{ charges }}.api_key_id is not null then 'the API returned no owner of the key'
        when {{ charges }}.grouped_by like '%api_key_id%' then 'no API key'
        else 'the API returned no keys for that day'
    end as unattributed_because,
    case
        when {{ charges }}.user_id is null and {{ charges }}.date < {{ owners }}.listed_on
            then 'the owner was first listed later'
    end as owner_assumed_because
{%- endmacro %}

{# The condition that joins `int_openai__key_owner_periods` to charges: the owner of the key on the charge's day. #}
{% macro is_owner_of_charge(owners, charges) -%}
    {{ charges }}.organization_id = {{ owners }}.organization_id
    and {{ charges }}.api_key_id = {{ owners }}.api_key_id
    and {{ charges }}.date >= {{ owners }}.valid_from
    and {{ charges }}.date < {{ owners }}.valid_until
{%- endmacro %}
