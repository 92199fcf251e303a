-- By check: the column of `int_openai__expected_models`, the mart and its expression.
{% set prices, models = 'openai__unit_prices', 'openai__daily_costs_by_model' %}
{% set quantity = 'cast(quantity as ' ~ double() ~ ')' %}
{% set priced_in_one = "case quantity_unit when 'tokens' then 0.000001 when '1000_tokens' then 0.001 else 1 end" %}
{% set checks = {
    'daily_costs_by_model equals raw by model, meter and unit': ('cost', models, 'unblended_cost'),
    'daily_costs_by_model equals raw in quantity': ('quantity', models, 'quantity'),
    'daily_costs_by_model equals raw in price x quantity': (
        'cost_of_quantity', models, nearest_decimal('unit_price * ' ~ quantity, 38, 18),
    ),
    'unit_prices equals raw by model, meter and unit': ('priced_cost', prices, 'unblended_cost'),
    'unit_prices equals raw in quantity': ('priced_quantity', prices, 'quantity'),
    'unit_prices equals raw in free quantity': ('free_quantity', prices, 'free_quantity'),
    'unit_prices equals raw in price x quantity': (
        'priced_cost', prices, nearest_decimal('average_price * ' ~ quantity ~ ' * ' ~ priced_in_one, 38, 18),
    ),
} %}
{% set items = ['service', 'model', 'meter', 'tier', 'modality', 'context', 'quantity_unit'] %}

with checks as (
    {% for check_name in checks %}
        select '{{ check_name }}' as check_name
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

both_sides as (
    {% for side in ('int_openai__expected_models', models, prices) %}
        {% set is_raw = loop.first %}
        {% set amount %}
        coalesce(
            case checks.check_name
                {% for check_name, (column, mart, expression) in checks.items() if is_raw or mart == side %}
                    when '{{ check_name }}' then cast({{ column if is_raw else expression }} as {{ money() }})
                {% endfor %}
            end, 0
        )
        {% endset %}
        select
            checks.check_name,
            organization_id,
            {{ 'charge_period_start' if is_raw else 'cast(date as ' ~ timestamp_type() ~ ') as charge_period_start' }},
            currency,
            {{ items | join(', ') }},
            {{ amount if is_raw else 'cast(0 as ' ~ money() ~ ')' }} as expected,
            {{ amount if not is_raw else 'cast(0 as ' ~ money() ~ ')' }} as actual
        from {{ ref(side) }}
        cross join checks
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

-- A price is a ratio of doubles: its product is the cost within the error of a division.
{{ items_that_differ('both_sides', period='charge_period_start', items=items, tolerance=(
    "case when check_name like '%price x quantity' then 0.000000001 * abs(expected) + 0.000000000001 else 0 end"
)) }}
