{{ config(enabled=var('usage_enabled'), materialized='table', tags=['whole_history']) }}

-- By meter: its tokens in the mart.
{% set meters = {
    'input': 'uncached_input_tokens', 'cached input': 'cached_input_tokens', 'cache write': 'cache_write_tokens',
    'output': 'output_tokens',
} %}

with costs as (
    select *
    from {{ ref('int_openai__expected_model_costs') }}
),

known_models as (
    select distinct model_family
    from costs
),

marts as (
    select mart.*
    from {{ ref('openai__model_efficiency') }} as mart
    inner join known_models on mart.model_family = known_models.model_family
),

both_sides as (
    select
        'model_efficiency equals raw by model' as check_name,
        organization_id,
        month,
        currency,
        model_family as item,
        cast(amount as {{ money() }}) as expected,
        cast(0 as {{ money() }}) as actual
    from costs

    union all

    select
        'model_efficiency equals raw by model' as check_name,
        organization_id,
        month,
        currency,
        model_family as item,
        cast(0 as {{ money() }}) as expected,
        unblended_cost as actual
    from marts

    union all

    select
        'model_efficiency has the tokens of raw by model and meter' as check_name,
        organization_id,
        month,
        cast(null as {{ dbt.type_string() }}) as currency,
        {{ slash_separated(['model_family', 'meter']) }} as item,
        cast(coalesce(tokens, 0) as {{ money() }}) as expected,
        cast(0 as {{ money() }}) as actual
    from costs

    {% for meter, tokens in meters.items() %}
        union all

        select
            'model_efficiency has the tokens of raw by model and meter' as check_name,
            organization_id,
            month,
            cast(null as {{ dbt.type_string() }}) as currency,
            {{ slash_separated(['model_family', "'" ~ meter ~ "'"]) }} as item,
            cast(0 as {{ money() }}) as expected,
            cast(coalesce({{ tokens }}, 0) as {{ money() }}) as actual
        from marts
    {% endfor %}
)

{{ items_that_differ('both_sides', period='month') }}
