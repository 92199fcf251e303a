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
    from {{ ref('int_openai__daily_costs_by_line_item') }}
    where line_item is not null
),

words as (
    select
        line_item,
        prefix,
        body,
        nullif({{ dbt.split_part('body', "' | '", 2) }}, '') as model_after_tool,
        {{ dbt.split_part('body', "', '", 1) }} as subject,
        lower({{ dbt.split_part('body', "', '", 2) }}) as meter_word,
        lower(coalesce({{ dbt.split_part('body', "', '", 3) }}, '')) as qualifier
    from bodies
),

with_tools as (
    select
        *,
        -- By itself, as some engines join by no key that is made of both sides.
        case
            when
                {{ is_name('model_after_tool') }}
                and substr(lower(body), length(lower(body)) - length(lower(model_after_tool)) - 2)
                = ' | ' || lower(model_after_tool)
                then substr(lower(body), 1, length(lower(body)) - length(lower(model_after_tool)) - 3)
        end as tool_before_model
    from words
),

token_lines as (
    select
        words.line_item,
        case words.meter_word
            {% for word, meter in meters.items() %}
                when '{{ word }}' then '{{ meter }}'
            {% endfor %}
        end as token_meter,
        case
            {% for modality in modalities %}
                when lower(words.subject) like '% {{ modality }}' then '{{ modality }}'
            {% endfor %}
        end as token_modality,
        case
            {% for modality in modalities %}
                when lower(words.subject) like '% {{ modality }}'
                    then substr(words.subject, 1, length(words.subject) - {{ modality | length + 1 }})
            {% endfor %}
            else words.subject
        end as token_model,
        case when words.qualifier = 'long context' then 'long' end as context
    from words
    left join {{ ref('line_item_tools') }} as tools on lower(words.subject) = tools.tool
    where
        tools.tool is null
        and words.qualifier in ('', 'long context')
        and length(words.body) = length(words.subject) + length(words.meter_word) + 2
        + case when words.qualifier = '' then 0 else length(words.qualifier) + 2 end
)

select
    words.line_item,
    words.prefix,
    coalesce(tools.service, tools_with_model.service) as service_of_tool,
    coalesce(
        tools.model,
        case when tools_with_model.tool is not null then words.model_after_tool end,
        token_lines.token_model
    ) as model,
    coalesce(tools.meter, tools_with_model.meter, token_lines.token_meter) as meter,
    coalesce(tools.modality, tools_with_model.modality, token_lines.token_modality) as modality,
    coalesce(token_lines.context, 'standard') as context,
    coalesce(tools.tool, tools_with_model.tool, token_lines.line_item) is not null as is_parsed
from with_tools as words
left join {{ ref('line_item_tools') }} as tools on lower(words.body) = tools.tool
left join {{ ref('line_item_tools') }} as tools_with_model
    on tools.tool is null
    and words.tool_before_model = tools_with_model.tool
left join token_lines
    on words.line_item = token_lines.line_item
    and token_lines.token_meter is not null and {{ is_name('token_lines.token_model') }}
