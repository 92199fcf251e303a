{{ config(enabled=var('usage_enabled')) }}

-- Only line items such as `gpt-5-mini-2025-08-07, input`: a model, with or without a date, and a meter. The
-- costs of a model are known if no other line item contains its name, as that of a batch does.
with costs as (
    select
        organization_id,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month,
        line_item,
        {{ currency_code() }} as currency,
        coalesce(amount, 0) as amount,
        {{ tokens(
            'case when abs(quantity) < 1000000000000000 then quantity end', 'quantity_unit'
        ) }} as tokens
    from {{ source('openai_raw', 'costs') }}
    where line_item <> ''
),

monthly as (
    select
        organization_id,
        month,
        line_item,
        currency,
        sum(amount) as amount,
        sum(tokens) as tokens
    from costs
    group by organization_id, month, line_item, currency
),

line_items as (
    select distinct
        line_item,
        lower(line_item) as lower_case
    from monthly
),

with_models as (
    select
        line_items.line_item,
        meters.meter,
        substr(line_items.lower_case, 1, length(line_items.lower_case) - length(meters.label) - 2) as model
    from line_items
    inner join {{ ref('openai_costs', 'token_meters') }} as meters
        on line_items.lower_case like '%, ' || meters.label
),

models as (
    select
        with_models.line_item,
        with_models.meter,
        case
            when with_models.model like '%-20__-__-__'
                then substr(with_models.model, 1, length(with_models.model) - 11)
            else with_models.model
        end as model_family
    from with_models
    left join {{ ref('openai_costs', 'line_item_tools') }} as tools on with_models.model = tools.tool
    where
        tools.tool is null
        and with_models.model not like '% %' and with_models.model not like '%,%'
        and with_models.model not like 'ft-%' and with_models.model not like 'ft:%'
),

known_models as (
    select models.model_family
    from models
    inner join line_items on replace(line_items.lower_case, ' ', '-') like '%' || models.model_family || '%'
    left join models as own
        on line_items.line_item = own.line_item
        and models.model_family = own.model_family
    group by models.model_family
    having count(*) = count(own.line_item)
)

select
    monthly.organization_id,
    monthly.month,
    models.model_family,
    models.meter,
    monthly.currency,
    sum(monthly.amount) as amount,
    sum(monthly.tokens) as tokens
from monthly
inner join models on monthly.line_item = models.line_item
inner join known_models on models.model_family = known_models.model_family
group by monthly.organization_id, monthly.month, models.model_family, models.meter, monthly.currency
