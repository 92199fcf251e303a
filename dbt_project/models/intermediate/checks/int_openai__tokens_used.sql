{{ config(enabled=var('usage_enabled')) }}

-- The bill counts uncached input separately; usage includes cached and written tokens in its input tokens.
{% set meters = {
    'input': 'input_tokens - coalesce(cached_input_tokens, 0) - coalesce(cache_write_tokens, 0)',
    'cached input': 'cached_input_tokens',
    'cache write': 'cache_write_tokens',
    'output': 'output_tokens',
} %}

with used as (
    {% for meter, expression in meters.items() %}
        select
            organization_id,
            date,
            model_family,
            '{{ meter }}' as meter,
            {{ expression }} as tokens
        from {{ ref('int_openai__daily_usage') }}
        where kind in ('completions', 'embeddings')
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    organization_id,
    date,
    model_family,
    meter,
    cast(sum(tokens) as {{ quantity() }}) as tokens
from used
group by organization_id, date, model_family, meter
having sum(tokens) <> 0
