-- A line item is [label " | "] model [" " modality] ", " meter [", " label], or [label " | "] and a tool's
-- name, alone or followed by " | " and a model. The seeds list the labels, meters and tools. Any other text
-- is left unparsed.
{% set modalities = ('text', 'image', 'audio') %}

with line_items as (
    select distinct line_item
    from {{ ref('int_openai__daily_costs_by_line_item') }}
    where line_item is not null
),

bodies as (
    select
        line_items.line_item,
        prefixes.tier,
        prefixes.context,
        prefixes.service,
        case
            when prefixes.label is not null then substr(line_items.line_item, length(prefixes.label) + 4)
            else line_items.line_item
        end as body
    from line_items
    left join {{ ref('openai_costs', 'line_item_tiers') }} as prefixes
        on lower({{ nth_part('line_items.line_item', "' | '", 1) }}) = prefixes.label
        and prefixes.placement = 'before'
),

words as (
    select
        *,
        nullif({{ nth_part('body', "' | '", 2) }}, '') as model_after_tool,
        {{ nth_part('body', "', '", 1) }} as subject,
        lower({{ nth_part('body', "', '", 2) }}) as meter_label,
        lower(coalesce({{ nth_part('body', "', '", 3) }}, '')) as qualifier
    from bodies
),

with_tools as (
    select
        *,
        -- A separate column, because some engines cannot join on an expression over both sides.
        case
            when
                {{ is_model_name('model_after_tool') }}
                and substr(lower(body), length(lower(body)) - length(lower(model_after_tool)) - 2)
                = ' | ' || lower(model_after_tool)
                then substr(lower(body), 1, length(lower(body)) - length(lower(model_after_tool)) - 3)
        end as tool_before_model
    from words
),

token_lines as (
    select
        words.line_item,
        meters.meter,
        qualifiers.tier,
        qualifiers.context,
        qualifiers.service,
        case
            {% for modality in modalities %}
                when lower(words.subject) like '% {{ modality }}' then '{{ modality }}'
            {% endfor %}
        end as modality,
        case
            {% for modality in modalities %}
                when lower(words.subject) like '% {{ modality }}'
                    then substr(words.subject, 1, length(words.subject) - {{ modality | length + 1 }})
            {% endfor %}
            else words.subject
        end as model
    from words
    inner join {{ ref('openai_costs', 'token_meters') }} as meters on words.meter_label = meters.label
    left join {{ ref('openai_costs', 'line_item_tools') }} as tools on lower(words.subject) = tools.tool
    left join {{ ref('openai_costs', 'line_item_tiers') }} as qualifiers
        on words.qualifier = qualifiers.label
        and qualifiers.placement = 'after'
    where
        tools.tool is null
        and (words.qualifier = '' or qualifiers.label is not null)
        and coalesce(words.tier, qualifiers.tier, '') = coalesce(qualifiers.tier, words.tier, '')
        and length(words.body) = length(words.subject) + length(words.meter_label) + 2
        + case when words.qualifier = '' then 0 else length(words.qualifier) + 2 end
)

select
    words.line_item,
    coalesce(tools.service, tools_with_model.service, words.service, token_lines.service) as stated_service,
    coalesce(
        tools.model,
        case when tools_with_model.tool is not null then words.model_after_tool end,
        token_lines.model
    ) as model,
    coalesce(tools.meter, tools_with_model.meter, token_lines.meter) as meter,
    coalesce(words.tier, token_lines.tier, 'standard') as tier,
    coalesce(tools.modality, tools_with_model.modality, token_lines.modality) as modality,
    coalesce(words.context, token_lines.context, 'standard') as context,
    coalesce(tools.tool, tools_with_model.tool, token_lines.line_item) is not null as is_parsed
from with_tools as words
left join {{ ref('openai_costs', 'line_item_tools') }} as tools on lower(words.body) = tools.tool
left join {{ ref('openai_costs', 'line_item_tools') }} as tools_with_model
    on tools.tool is null
    and words.tool_before_model = tools_with_model.tool
left join token_lines
    on words.line_item = token_lines.line_item
    and {{ is_model_name('token_lines.model') }}
