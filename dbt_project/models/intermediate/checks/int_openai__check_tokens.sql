{{ config(enabled=var('usage_enabled')) }}

with both_sides as (
    select
        organization_id,
        date,
        model_family,
        meter,
        tokens as used,
        cast(0 as {{ quantity() }}) as billed,
        0 as is_without_tokens
    from {{ ref('int_openai__tokens_used') }}

    union all

    select
        organization_id,
        date,
        model_family,
        meter,
        cast(0 as {{ quantity() }}) as used,
        tokens as billed,
        case when tokens is null or charges_without_quantity > 0 then 1 else 0 end as is_without_tokens
    from {{ ref('int_openai__daily_costs_with_dimensions') }}
    where
        meter in (select token_meters.meter from {{ ref('openai_costs', 'token_meters') }} as token_meters)
        or (meter is null and quantity_unit in ('tokens', '1000_tokens'))
),

daily as (
    select
        organization_id,
        date,
        model_family,
        meter,
        sum(used) as used,
        coalesce(sum(billed), 0) as billed,
        sum(is_without_tokens) as charges_without_tokens,
        {{ usage_kind('model_family') }} as kind
    from both_sides
    group by organization_id, date, model_family, meter
)

select
    daily.organization_id,
    daily.date,
    daily.model_family,
    daily.meter,
    cast(daily.used as {{ money() }}) as expected,
    cast(daily.billed as {{ money() }}) as actual,
    cast(
        {{ product(decimal('daily.used', 28, 9), decimal("'" ~ var('tokens_tolerance') ~ "'", 9, 8)) }}
        as {{ money() }}
    ) as tolerance,
    case
        when cost_days.date is null then 'the day is not in the ledger of costs'
        when cost_days.grouped_by not like '%line_item%' then 'costs were not requested by line item'
        when daily.model_family is null then 'no model is named, or its line item is not understood'
        when daily.meter not in ('input', 'cached input', 'cache write', 'output')
            then 'usage does not count the meter ' || daily.meter
        when daily.kind not in ('completions', 'embeddings')
            then 'usage counts no tokens of ' || daily.kind
        when usage_days.date is null then 'usage of ' || daily.kind || ' was not loaded for the day'
        when usage_days.grouped_by not like '%model%' then 'usage was not requested by model'
        when not cost_days.is_closed or not usage_days.is_closed then 'the day is not closed'
        when daily.charges_without_tokens > 0 then 'a line item has no quantity in tokens'
    end as not_comparable_because
from daily
left join {{ ref('stg_openai__cost_days') }} as cost_days
    on daily.organization_id = cost_days.organization_id
    and daily.date = cost_days.date
left join {{ ref('stg_openai__usage_days') }} as usage_days
    on daily.organization_id = usage_days.organization_id
    and daily.date = usage_days.date
    and daily.kind = usage_days.kind
where daily.used <> 0 or daily.billed <> 0 or daily.charges_without_tokens > 0
