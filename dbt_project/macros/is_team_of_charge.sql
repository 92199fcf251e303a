{# The condition that joins `int_openai__charge_teams` to charges: the team on the charge's day. #}
{% macro is_team_of_charge(teams, charges) -%}
    {{ teams }}.organization_id = {{ charges }}.organization_id
    and {{ teams }}.project_id = coalesce({{ charges }}.project_id, '')
    and {{ teams }}.user_id = coalesce({{ charges }}.user_id, '')
    and {{ teams }}.api_key_id = coalesce({{ charges }}.api_key_id, '')
    and {{ charges }}.date >= {{ teams }}.valid_from
    and {{ charges }}.date < {{ teams }}.valid_until
{%- endmacro %}
