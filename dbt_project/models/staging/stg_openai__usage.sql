{{ config(enabled=var('usage_enabled')) }}

-- Maps the column names that all kinds of usage share to the API's fields of each kind.
{% set text, number = dbt.type_string(), dbt.type_bigint() %}
{% set columns = {
    'user_id': text, 'api_key_id': text, 'model': text, 'tier': text, 'is_batch': 'boolean',
    'requests': number, 'input_tokens': number, 'cached_input_tokens': number,
    'cache_write_tokens': number, 'output_tokens': number, 'input_audio_tokens': number,
    'cached_audio_tokens': number, 'output_audio_tokens': number, 'input_image_tokens': number,
    'cached_image_tokens': number, 'output_image_tokens': number, 'images': number,
    'characters': number, 'seconds': quantity(), 'sessions': number, 'searches': number,
    'bytes': number,
} %}
{# A sum of larger counts does not fit a 64-bit integer. #}
{% set bounded = 'case when {0} between -999999999999999 and 999999999999999 then {0} end' %}
{% set with_key = {'user_id': 'user_id', 'api_key_id': 'api_key_id'} %}
{% set with_model = dict(with_key, model='model') %}
{% set with_requests = dict(with_model, requests='num_model_requests') %}
{% set with_tokens = dict(
    with_requests, tier='service_tier', is_batch='batch', input_tokens='input_tokens',
    cached_input_tokens='input_cached_tokens', cache_write_tokens='input_cache_write_tokens',
    output_tokens='output_tokens', input_audio_tokens='input_audio_tokens',
    cached_audio_tokens='input_cached_audio_tokens', output_audio_tokens='output_audio_tokens',
    input_image_tokens='input_image_tokens', cached_image_tokens='input_cached_image_tokens',
    output_image_tokens='output_image_tokens'
) %}
{# `completions` already counts the model requests that search the web. #}
{% set kinds = {
    'completions': with_tokens,
    'decisions': with_tokens,
    'embeddings': dict(with_requests, input_tokens='input_tokens'),
    'moderations': dict(with_requests, input_tokens='input_tokens'),
    'images': dict(with_requests, images='images'),
    'audio_speeches': dict(with_requests, characters='characters'),
    'audio_transcriptions': dict(with_requests, seconds='seconds'),
    'vector_stores': {'bytes': 'usage_bytes'},
    'code_interpreter_sessions': {'sessions': 'num_sessions'},
    'file_search_calls': dict(with_key, searches='num_requests'),
    'web_search_calls': dict(with_model, searches='num_requests'),
} %}

with usage_of_all_kinds as (
    {% for kind, fields in kinds.items() %}
        select
            used.organization_id,
            used.date,
            used.project_id,
            {% for name, type in columns.items() %}
                {% set value = 'used.' ~ fields[name] if name in fields else 'null' %}
                {% if type in (number, quantity()) %}{% set value = bounded.format(value) %}{% endif %}
                cast({{ value }} as {{ type }}) as {{ name }},
            {% endfor %}
            '{{ kind }}' as kind
        from {{ source_or_empty('usage_' ~ kind) }} as used
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    *,
    {{ model_family('model') }} as model_family
from usage_of_all_kinds
