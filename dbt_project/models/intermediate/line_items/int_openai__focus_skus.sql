-- A SKU is what is sold, whatever it costs; its price also depends on the tier and the length of the prompt.
{% set meters = {
    'input': 'Input', 'cached input': 'Cached Input', 'cache write': 'Cache Write', 'output': 'Output'
} %}

{% set services_of_models %}
(
    'Chat and completions', 'Embeddings', 'Images', 'Audio', 'Moderation', 'Fine-tuning', 'Video'
)
{% endset %}

with named as (
    select
        *,
        replace(meter, ' ', '-') as meter_name,
        replace(lower(model), ' ', '-') as model_name,
        -- Of a tool, its model is not what is sold, and neither is it of an evaluation.
        case
            when model is null or service not in {{ services_of_models }}
                then replace(lower(service), ' ', '-')
        end as tool_name,
        case when context = 'long' then 'long-context' end as context_name,
        -- Embeddings and moderation know no cache.
        case
            when not is_of_tokens or service in ('Embeddings', 'Moderation') then null
            when meter = 'input' then 'Uncached'
            when meter = 'cached input' then 'Read'
            when meter = 'cache write' then 'Write'
        end as cache_action,
        coalesce(nullif(trim(line_item), ''), 'unspecified') as own_words
    from {{ ref('int_openai__line_item_units') }}
)

select
    line_item,
    quantity_unit,
    is_parsed,
    consumed_unit,
    consumed_in_one,
    pricing_unit,
    priced_in_one,
    case
        when is_parsed then {{ path(['tool_name', 'model_name', 'modality', 'meter_name']) }}
        else own_words
    end as sku_id,
    case
        when is_parsed
            then {{ path(['tool_name', 'model_name', 'modality', 'meter_name', 'tier', 'context_name']) }}
        else own_words
    end as sku_price_id,
    -- Most prices are those of all versions of a model. A fine-tuned one is not priced as its family is.
    case
        when is_parsed and service <> 'Fine-tuning'
            then {{ path(['tool_name', 'model_family', 'modality', 'meter_name', 'tier', 'context_name']) }}
    end as undated_sku_price_id,
    case
        {% for meter, name in meters.items() %}
            when meter = '{{ meter }}'
                then {{ dbt.concat(["'" ~ name ~ " '", "coalesce(consumed_unit, 'Tokens')"]) }}
        {% endfor %}
        when meter is not null then {{ dbt.concat(["upper(substr(meter, 1, 1))", "substr(meter, 2)"]) }}
        else coalesce(consumed_unit, 'Dollars')
    end as sku_meter,
    {{ json_object({
        'x_ModelDeveloper': "case when model is not null then 'OpenAI' end",
        'x_ModelFamily': 'model_family',
        'x_ModelId': 'model',
        'x_ModelVersion': model_version('model'),
        'x_TokenDirection':
            "case when is_of_tokens then case when meter = 'output' then 'Output' else 'Input' end end",
        'x_TokenCacheAction': 'cache_action',
        'x_Modality': 'modality',
        'x_ServiceTier': 'tier',
        'x_ContextWindow': 'case when is_of_tokens then context end',
    }) }} as sku_price_details
from named
