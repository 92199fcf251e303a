{{ config(enabled=var('usage_enabled')) }}

-- By kind of usage: the API's field of each measure.
{% set tokens = {
    'requests': 'num_model_requests', 'input_tokens': 'input_tokens', 'output_tokens': 'output_tokens',
    'cached_input_tokens': 'input_cached_tokens', 'cache_write_tokens': 'input_cache_write_tokens',
    'input_audio_tokens': 'input_audio_tokens', 'cached_audio_tokens': 'input_cached_audio_tokens',
    'output_audio_tokens': 'output_audio_tokens', 'input_image_tokens': 'input_image_tokens',
    'cached_image_tokens': 'input_cached_image_tokens', 'output_image_tokens': 'output_image_tokens',
} %}
{% set kinds = {
    'completions': tokens,
    'decisions': tokens,
    'embeddings': {'requests': 'num_model_requests', 'input_tokens': 'input_tokens'},
    'moderations': {'requests': 'num_model_requests', 'input_tokens': 'input_tokens'},
    'images': {'requests': 'num_model_requests', 'images': 'images'},
    'audio_speeches': {'requests': 'num_model_requests', 'characters': 'characters'},
    'audio_transcriptions': {'requests': 'num_model_requests', 'seconds': 'seconds'},
    'vector_stores': {'bytes': 'usage_bytes'},
    'code_interpreter_sessions': {'sessions': 'num_sessions'},
    'file_search_calls': {'searches': 'num_requests'},
    'web_search_calls': {'searches': 'num_requests'},
} %}
{% set measures = tokens | list + ['images', 'characters', 'seconds', 'bytes', 'sessions', 'searches'] %}
{% set ids = ['project_id', 'user_id', 'api_key_id', 'model'] %}
{% set missing = {
    'vector_stores': ids[1:], 'code_interpreter_sessions': ids[1:], 'file_search_calls': ['model'],
} %}
{% set item = 'case when is_equal = 0 then ' ~ slash_separated(['kind'] + ids) ~ ' end' %}

-- The raw rows less the rows of the mart: each measure of an item adds up to 0 if both are equal.
with differences as (
    {% for kind, fields in kinds.items() %}
        select
            organization_id,
            date,
            {% for measure in measures %}
                {% set field = fields.get(measure, '0') %}
                case when {{ field }} between -999999999999999 and 999999999999999 then {{ field }} end
                    as {{ measure }},
            {% endfor %}
            {% for id in ids %}
                {% set value = 'null' if id in missing.get(kind, []) else id %}
                cast({{ value }} as {{ dbt.type_string() }}) as {{ id }},
            {% endfor %}
            '{{ kind }}' as kind
        from {{ source_or_empty('usage_' ~ kind) }} as used

        union all
    {% endfor %}

    select
        organization_id,
        date,
        -{{ measures | join(', -') }},
        {{ ids | join(', ') }},
        kind
    from {{ ref('openai__daily_usage') }}
),

compared as (
    select
        organization_id,
        date,
        kind,
        {{ ids | join(', ') }},
        case
            when
                coalesce(sum({{ measures | join('), 0) = 0\n                and coalesce(sum(') }}), 0) = 0
                then 1
            else 0
        end as is_equal
    from differences
    group by organization_id, date, kind, {{ ids | join(', ') }}
)

select
    organization_id,
    date,
    {{ item }} as item,
    count(*) as expected,
    sum(is_equal) as actual
from compared
group by organization_id, date, {{ item }}
