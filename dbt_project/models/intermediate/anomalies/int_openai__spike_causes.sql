-- Compares the day's charges with the mean of the same weekdays before, by model, meter, tier and unit.
{% set spike_columns = [
    'organization_id', 'scope', 'scope_id', 'currency', 'date', 'unblended_cost', 'usual_cost', 'excess', 'weeks',
    'score',
] %}
{% set dimensions = ['model_family', 'meter', 'tier', 'quantity_unit'] %}

with numbers as (
    {{ dbt.generate_series(9) }}
),

days as (
    select
        spikes.*,
        numbers.generated_number = 1 as is_spike,
        {{ days_after('spikes.date', '7 - 7 * numbers.generated_number') }} as charged_on
    from {{ ref('int_openai__cost_spikes') }} as spikes
    cross join numbers
),

charges as (
    select
        *,
        cast(quantity as {{ double() }}) as used,
        cast(unblended_cost as {{ double() }}) as cost
    from {{ ref('int_openai__charges') }}
),

costs_by_dimension as (
    select
        {% for column in spike_columns %}
            days.{{ column }},
        {% endfor %}
        {% for column in dimensions %}
            charges.{{ column }},
        {% endfor %}
        coalesce(sum(case when days.is_spike then charges.cost end), 0) as cost,
        coalesce(sum(case when days.is_spike then charges.used end), 0) as quantity,
        coalesce(sum(case when not days.is_spike then charges.cost / days.weeks end), 0) as earlier_cost,
        coalesce(sum(case when not days.is_spike then charges.used / days.weeks end), 0)
            as earlier_quantity
    from days
    left join charges
        on days.organization_id = charges.organization_id
        and days.charged_on = charges.date
        and days.currency = charges.currency
        and days.scope_id = case days.scope
            when 'project' then coalesce(charges.project_id, '')
            when 'user' then charges.user_id
            when 'api_key' then charges.api_key_id
            when 'model' then charges.model_family
        end
    group by
        {% for column in spike_columns %}
            days.{{ column }},
        {% endfor %}
        charges.model_family,
        charges.meter,
        charges.tier,
        charges.quantity_unit
),

priced as (
    select
        *,
        case
            when quantity > 0 and earlier_quantity > 0 then quantity * earlier_cost / earlier_quantity
            when cost > 0 and earlier_cost > 0 then cost
        end as cost_at_earlier_price
    from costs_by_dimension
)

select
    {{ spike_columns | join(', ') }},
    -- The cost at the earlier price is null where there was usage on one side only.
    coalesce(sum(cost_at_earlier_price - earlier_cost), 0) as volume_effect,
    coalesce(sum(cost - cost_at_earlier_price), 0) as price_effect,
    sum(case when cost_at_earlier_price is null then cost - earlier_cost else 0 end) as mix_effect
from priced
group by {{ spike_columns | join(', ') }}
