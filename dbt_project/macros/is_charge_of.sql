{# A row of `int_openai__charge_teams` joined to its charges. #}
{% macro is_charge_of(teams, charges) -%}
    {{ teams }}.organization_id = {{ charges }}.organization_id
    and {{ teams }}.project_id = coalesce({{ charges }}.project_id, '')
    and {{ teams }}.user_id = coalesce({{ charges }}.user_id, '')
    and {{ teams }}.api_key_id = coalesce({{ charges }}.api_key_id, '')
{%- endmacro %}
