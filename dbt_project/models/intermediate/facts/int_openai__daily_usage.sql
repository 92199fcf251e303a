{{ config(enabled=var('usage_enabled')) }}

{% set measures = [
    'requests', 'input_tokens', 'cached_input_tokens', 'cache_write_tokens', 'output_tokens',
    'input_audio_tokens', 'cached_audio_tokens', 'output_audio_tokens', 'input_image_tokens',
    'cached_image_tokens', 'output_image_tokens', 'images', 'characters', 'seconds', 'sessions',
    'searches', 'bytes',
] %}
{% set types = {'seconds': quantity()} %}

select
    date,
    organization_id,
    kind,
    project_id,
    user_id,
    api_key_id,
    model,
    model_family,
    tier,
    {% for measure in measures %}
        cast(sum({{ measure }}) as {{ types.get(measure, dbt.type_bigint()) }}) as {{ measure }},
    {% endfor %}
    is_batch
from {{ ref('stg_openai__usage') }}
where {{ is_to_build('organization_id', 'date') }}
group by
    date, organization_id, kind, project_id, user_id, api_key_id, model, model_family, tier, is_batch
