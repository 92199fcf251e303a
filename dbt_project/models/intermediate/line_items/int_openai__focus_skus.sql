-- A SKU identifies what is billed, whatever it costs. Its price also depends on the tier and the prompt's
-- length.
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
        -- A tool or an evaluation that names a model has its own SKU, not that of the model's tokens.
        case
            when model is null or service not in {{ services_of_models }}
                then replace(lower(service), ' ', '-')
        end as tool_name,
        case when context = 'long' then 'long-context' end as context_name,
        coalesce(nullif(trim(line_item), ''), 'unspecified') as unparsed_id
    from {{ ref('int_openai__line_item_units') }}
),

skus as (
    select
        *,
        case
            when is_parsed then {{ slash_separated(['tool_name', 'model_name', 'modality', 'meter_name']) }}
            else unparsed_id
        end as sku_id,
        case
            when is_parsed
                then {{ slash_separated([
                    'tool_name', 'model_name', 'modality', 'meter_name', 'tier', 'context_name'
                ]) }}
            else unparsed_id
        end as sku_price_id,
        -- Most prices apply to all versions of a model. A fine-tuned model has its own price.
        case
            when is_parsed and service <> 'Fine-tuning'
                then {{ slash_separated([
                    'tool_name', 'model_family', 'modality', 'meter_name', 'tier', 'context_name'
                ]) }}
        end as undated_sku_price_id
    from named
),

-- The ids of input tokens with a separate price for their cached part.
priced_apart as (
    select distinct replace(sku_price_id, '/cached-input/', '/input/') as sku_price_id
    from {{ ref('openai_costs', 'list_prices') }}
    where sku_price_id like '%/cached-input/%'
),

with_cache_action as (
    select
        skus.*,
        case
            when skus.is_of_tokens and (
                skus.cache_action <> 'Uncached'
                or coalesce(dated.sku_price_id, undated.sku_price_id) is not null
            ) then skus.cache_action
        end as sku_cache_action
    from skus
    left join priced_apart as dated on skus.sku_price_id = dated.sku_price_id
    left join priced_apart as undated on skus.undated_sku_price_id = undated.sku_price_id
)

select
    line_item,
    quantity_unit,
    is_parsed,
    consumed_unit,
    consumed_in_one,
    pricing_unit,
    priced_in_one,
    sku_id,
    sku_price_id,
    undated_sku_price_id,
    case
        when sku_meter is not null
            then {{ dbt.concat(["sku_meter", "' '", "coalesce(consumed_unit, 'Tokens')"]) }}
        when meter is not null then {{ dbt.concat(["upper(substr(meter, 1, 1))", "substr(meter, 2)"]) }}
        else coalesce(consumed_unit, 'Dollars')
    end as sku_meter,
    {{ json_object({
        'x_ModelDeveloper': "case when model is not null then 'OpenAI' end",
        'x_ModelFamily': 'model_family',
        'x_ModelId': 'model',
        'x_ModelVersion': model_version('model'),
        'x_TokenDirection': 'case when is_of_tokens then token_direction end',
        'x_TokenCacheAction': 'sku_cache_action',
        'x_Modality': 'modality',
        'x_ServiceTier': 'tier',
        'x_ContextWindow': 'case when is_of_tokens then context end',
    }) }} as sku_price_details
from with_cache_action
