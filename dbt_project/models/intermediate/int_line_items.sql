-- [tier or feature " | "] model [" " modality] [", " meter] [", " qualifier], or a tool's name,
-- alone or with " | " and the model. What fits neither is left unparsed, never guessed at.
{% set meters = {
    'input': 'input', 'cached input': 'cached input', 'cache writes': 'cache write', 'output': 'output',
    'input_tokens': 'input', 'cached_input_tokens': 'cached input',
    'cache_write_tokens': 'cache write', 'output_tokens': 'output',
} %}
{% set modalities = ('text', 'image', 'audio') %}
{% set first_half = "lower(" ~ dbt.split_part('line_item', "' | '", 1) ~ ")" %}
{% set has_prefix = first_half ~ " in ('priority', 'batch', 'flex', 'evals')" %}

with bodies as (
    select distinct
        line_item,
        case when {{ has_prefix }} then {{ first_half }} end as prefix,
        case
            when {{ has_prefix }} then substr(line_item, length({{ first_half }}) + 4) else line_item
        end as body
    from {{ ref('stg_costs') }}
    where line_item is not null
),

words as (
    select
        line_item,
        prefix,
        body,
        -- The pipe of `assistants api | file search` is part of the tool's name.
        case
            when lower(body) like 'assistants api | %' then lower(body)
            else lower({{ dbt.split_part('body', "' | '", 1) }})
        end as tool,
        nullif({{ dbt.split_part('body', "' | '", 2) }}, '') as model_of_tool,
        {{ dbt.split_part('body', "', '", 1) }} as subject,
        lower({{ dbt.split_part('body', "', '", 2) }}) as meter_word,
        lower({{ dbt.split_part('body', "', '", 3) }}) as qualifier,
        {{ dbt.split_part('body', "', '", 4) }} as surplus
    from bodies
),

token_lines as (
    select
        line_item,
        case meter_word
            {% for word, meter in meters.items() %}
                when '{{ word }}' then '{{ meter }}'
            {% endfor %}
        end as meter,
        case
            {% for modality in modalities %}
                when subject like '% {{ modality }}' then '{{ modality }}'
            {% endfor %}
        end as modality,
        case
            {% for modality in modalities %}
                when subject like '% {{ modality }}'
                    then substr(subject, 1, length(subject) - {{ modality | length + 1 }})
            {% endfor %}
            else subject
        end as model,
        case when qualifier = 'long context' then 'long' end as context
    from words
    where
        meter_word in ('{{ meters | join("', '") }}')
        and coalesce(qualifier, '') in ('', 'long context') and coalesce(surplus, '') = ''
        and subject <> '' and subject not like '%|%'
)

select
    words.line_item,
    words.prefix,
    tools.service as service_of_tool,
    case
        when tools.tool <> lower(words.body) then coalesce(tools.model, words.model_of_tool)
        else coalesce(tools.model, token_lines.model)
    end as model,
    coalesce(tools.meter, token_lines.meter) as meter,
    coalesce(tools.modality, token_lines.modality) as modality,
    coalesce(token_lines.context, 'standard') as context,
    tools.tool is not null or token_lines.line_item is not null as is_parsed
from words
left join {{ ref('line_item_tools') }} as tools on words.tool = tools.tool
left join token_lines on words.line_item = token_lines.line_item
