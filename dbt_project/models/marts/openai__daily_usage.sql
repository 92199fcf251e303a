{{ config(enabled=var('usage_enabled')) }}

{% set measures = [
    'requests', 'input_tokens', 'cached_input_tokens', 'cache_write_tokens', 'output_tokens',
    'input_audio_tokens', 'cached_audio_tokens', 'output_audio_tokens', 'input_image_tokens',
    'cached_image_tokens', 'output_image_tokens', 'images', 'characters', 'seconds', 'sessions',
    'searches', 'bytes',
] %}

select
    daily.date,
    daily.organization_id,
    coalesce(organizations.organization_name, daily.organization_id) as organization_name,
    daily.kind,
    daily.project_id,
    coalesce(projects.project_name, daily.project_id) as project_name,
    daily.user_id,
    coalesce(users.user_name, daily.user_id) as user_name,
    daily.api_key_id,
    coalesce(keys.api_key_name, daily.api_key_id) as api_key_name,
    daily.model,
    daily.tier,
    daily.is_batch,
    {% for measure in measures %}
        daily.{{ measure }},
    {% endfor %}
    daily.model_family
from {{ ref('int_openai__daily_usage') }} as daily
left join {{ ref('int_openai__organizations') }} as organizations
    on daily.organization_id = organizations.organization_id
left join {{ ref('int_openai__projects') }} as projects
    on daily.organization_id = projects.organization_id
    and daily.project_id = projects.project_id
left join {{ ref('int_openai__api_keys') }} as keys
    on daily.organization_id = keys.organization_id
    and daily.api_key_id = keys.api_key_id
left join {{ ref('int_openai__users') }} as users
    on daily.organization_id = users.organization_id
    and daily.user_id = users.user_id
