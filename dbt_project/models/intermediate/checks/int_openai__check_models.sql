-- By check: the expression over `int_openai__expected_models`, the mart, its expression and the tolerance. A
-- price is a ratio of doubles: its product with the quantity is the cost within the error of a division. The
-- usual price is one of the day's prices: the middle of their range is expected, half of the range tolerated.
{% set raw_costs = 'int_openai__expected_models' %}
{% set prices, models = 'openai__unit_prices', 'openai__daily_costs_by_model' %}
{% set quantity = 'cast(quantity as ' ~ double() ~ ')' %}
{% set in_one = "case quantity_unit when 'tokens' then 0.000001 when '1000_tokens' then 0.001 else 1 end" %}
{% set priced_in_one = 'cast(' ~ in_one ~ ' as ' ~ double() ~ ')' %}
{# A wrong product may be too large for a decimal. #}
{% set rounded = nearest_decimal('case when {0} < 1e18 then {0} when {0} >= 1e18 then 1e18 end', 38, 18) %}
{% set division_error = '0.000000001 * abs({}) + 0.000000000001' %}
{% set checks = {
    'daily_costs_by_model equals raw by model, meter and unit': ('cost', models, 'unblended_cost', '0'),
    'daily_costs_by_model equals raw in quantity': ('quantity', models, 'quantity', '0'),
    'daily_costs_by_model equals raw in price x quantity': (
        'cost_of_quantity', models, rounded.format('unit_price * ' ~ quantity),
        division_error.format('cost_of_quantity'),
    ),
    'unit_prices equals raw by model, meter and unit': ('priced_cost', prices, 'unblended_cost', '0'),
    'unit_prices equals raw in quantity': ('priced_quantity', prices, 'quantity', '0'),
    'unit_prices equals raw in free quantity': ('free_quantity', prices, 'free_quantity', '0'),
    'unit_prices equals raw in average price x quantity': (
        'priced_cost', prices, rounded.format('average_price * ' ~ quantity ~ ' * ' ~ priced_in_one),
        division_error.format('priced_cost'),
    ),
    "unit_prices has a usual price of the day's raw rows": (
        rounded.format('(lowest_price + highest_price) / 2 / ' ~ priced_in_one), prices,
        rounded.format('usual_price'),
        rounded.format(
            '((highest_price - lowest_price) / 2 + 0.000000001 * highest_price) / ' ~ priced_in_one
        ) ~ ' + 0.000000000001',
    ),
} %}
{% set items = ['service', 'model', 'meter', 'tier', 'modality', 'context', 'quantity_unit'] %}

with checks as (
    {% for check_name in checks %}
        select {{ text_literal(check_name) }} as check_name
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

both_sides as (
    {% for side in (raw_costs, models, prices) %}
        {% set is_raw = loop.first %}
        {% set day = 'charge_period_start' if is_raw else 'date' %}
        select
            checks.check_name,
            sides.organization_id,
            cast(sides.{{ day }} as {{ timestamp_type() }}) as charge_period_start,
            {% for amount in ('expected', 'actual', 'tolerance') %}
                case checks.check_name
                    {% for check_name, (raw, mart, value, tolerance) in checks.items() %}
                        {% set amounts = {'expected': raw, 'actual': value, 'tolerance': tolerance} %}
                        {% set is_given = is_raw if amount != 'actual' else mart == side %}
                        when {{ text_literal(check_name) }}
                            then cast({{ amounts[amount] if is_given else 0 }} as {{ money() }})
                    {% endfor %}
                end as {{ amount }},
            {% endfor %}
            {% for item in items %}
                sides.{{ item }},
            {% endfor %}
            sides.currency
        from {{ ref(side) }} as sides
        cross join checks
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

{{ items_that_differ('both_sides', period='charge_period_start', items=items, has_tolerance=true) }}
