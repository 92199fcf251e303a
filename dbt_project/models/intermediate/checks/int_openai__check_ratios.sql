{{ config(enabled=var('usage_enabled'), materialized='table', tags=['whole_history']) }}

-- By check: the expected figures, the figure, the mart's figure, and the sum of which the error of a division
-- is a small part. A ratio times its denominator is the numerator.
{% set as_double = 'cast({0} as ' ~ double() ~ ')' %}
{% set input_tokens = as_double.format(
    'coalesce(uncached_input_tokens, 0) + coalesce(cached_input_tokens, 0) + coalesce(cache_write_tokens, 0)'
) %}
{% set output_tokens, requests = as_double.format('output_tokens'), as_double.format('requests') %}
{% set efficiency, savings = 'efficiency', 'savings' %}
{% set figures = {
    'model_efficiency equals raw in price x input tokens': (
        efficiency, 'cost_of_input', 'cost_per_million_input_tokens / 1000000 * ' ~ input_tokens, 'cost_of_input',
    ),
    'model_efficiency equals raw in price x output tokens': (
        efficiency, 'cost_of_output', 'cost_per_million_output_tokens / 1000000 * ' ~ output_tokens,
        'cost_of_output',
    ),
    'model_efficiency equals raw in cached share x input tokens': (
        efficiency, 'cached_tokens', 'cached_share * ' ~ input_tokens, 'cached_tokens',
    ),
    'model_efficiency equals raw in requests': (efficiency, 'requests', 'requests', '0'),
    'model_efficiency equals raw in cost per request x requests': (
        efficiency, 'cost_of_requests', 'cost_per_request * ' ~ requests, 'cost_of_requests',
    ),
    'model_efficiency has what caching saved': (savings, 'saved_by_caching', 'saved_by_caching', 'compared_cost'),
    'model_efficiency has what batches saved': (savings, 'saved_by_batch', 'saved_by_batch', 'compared_cost'),
    'model_efficiency has the tokens without a price to compare with': (
        savings, 'tokens_without_saving', 'tokens_without_saving', 'tokens_without_saving',
    ),
} %}
{% set as_decimal = nearest_decimal('case when abs({0}) < 1e18 then ' ~ as_double ~ ' end', 38, 18) %}
{% set division_error = '0.000000001 * abs(' ~ as_double ~ ') + 0.000000001' %}
{% set zero = 'cast(0 as ' ~ money() ~ ')' %}

with efficiency as (
    select * from {{ ref('int_openai__expected_efficiency') }}
),

savings as (
    select * from {{ ref('int_openai__expected_savings') }}
),

mart as (
    select * from {{ ref('openai__model_efficiency') }}
),

both_sides as (
    {% for check_name, (expected_figures, expected, actual, part_of) in figures.items() %}
        select
            '{{ check_name }}' as check_name,
            organization_id,
            month,
            currency,
            model_family as item,
            coalesce({{ as_decimal.format(expected) }}, {{ zero }}) as expected,
            {{ zero }} as actual,
            coalesce({{ as_decimal.format(division_error.format(part_of)) }}, {{ zero }}) as tolerance
        from {{ expected_figures }}

        union all

        select
            '{{ check_name }}' as check_name,
            organization_id,
            month,
            currency,
            model_family as item,
            {{ zero }} as expected,
            coalesce({{ as_decimal.format(actual) }}, {{ zero }}) as actual,
            {{ zero }} as tolerance
        from mart
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

{{ items_that_differ('both_sides', period='month', has_tolerance=true) }}
