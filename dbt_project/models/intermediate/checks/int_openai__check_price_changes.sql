{{ config(materialized='table', tags=['whole_history']) }}

-- A row of `unit_prices` must show the history of one of the projects that were billed at its price. A price
-- is skipped if one of its projects had several prices on a day: its history needs medians.
{% set in_one = "case quantity_unit when 'tokens' then 0.000001 when '1000_tokens' then 0.001 else 1 end" %}
{% set equals = 'abs({0} - {1}) <= 0.000001 * abs({1})' %}

with prices as (
    select
        organization_id,
        currency,
        date,
        {{ slash_separated(['service', 'model', 'meter', 'tier', 'modality', 'context', 'quantity_unit']) }}
            as price_id,
        usual_price * {{ in_one }} as usual_price,
        previous_price * {{ in_one }} as previous_price,
        changed_on,
        case when is_mixed then 1 else 0 end as is_mixed
    from {{ ref('openai__unit_prices') }}
    where quantity is not null
),

compared as (
    select
        prices.organization_id,
        prices.date,
        prices.currency,
        prices.price_id,
        max(
            case
                when not {{ equals.format('prices.usual_price', 'history.price') }} then 0
                when prices.is_mixed <> history.is_mixed then 0
                -- The change of a mixed day is that of the day after it.
                when history.is_mixed = 1 and prices.changed_on <= prices.date then 1
                when history.changed_on is null and prices.changed_on is null
                    then case when prices.previous_price is null then 1 else 0 end
                when
                    history.changed_on = prices.changed_on
                    and {{ equals.format('prices.previous_price', 'history.previous_price') }}
                    then 1
                else 0
            end
        ) as is_equal
    from prices
    inner join {{ ref('int_openai__expected_price_changes') }} as history
        on prices.organization_id = history.organization_id
        and prices.date = history.date
        and prices.currency = history.currency
        and prices.price_id = history.price_id
    group by prices.organization_id, prices.date, prices.currency, prices.price_id
    having max(history.has_several) = 0
),

both_sides as (
    select
        'unit_prices shows the changes of raw prices' as check_name,
        organization_id,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month,
        currency,
        {{ slash_separated(['price_id', 'cast(date as ' ~ dbt.type_string() ~ ')']) }} as item,
        cast(1 as {{ money() }}) as expected,
        cast(is_equal as {{ money() }}) as actual
    from compared
)

{{ items_that_differ('both_sides', period='month') }}
