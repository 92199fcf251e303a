{% set days = ['ChargePeriodStart', 'BillingPeriodStart'] %}
{% set texts = [
    'ServiceProviderName', 'BillingAccountId', 'BillingAccountName', 'SubAccountId', 'SubAccountName',
    'ServiceCategory', 'ServiceName', 'ChargeCategory', 'BillingCurrency',
] %}
{% set costs = ['BilledCost', 'EffectiveCost'] %}
-- The names of these columns before FOCUS 1.3.
{% set former_names = {'ServiceProviderName': 'ProviderName'} %}

with charges as (
    select
        {% for day in days %}
            cast({{ day }} as date) as {{ day }},
        {% endfor %}
        {{ (texts + costs) | join(', ') }},
        '{{ name_of_focus_table() }}' as x_FocusTable
    from {{ ref('openai__focus_costs') }}
    {% for name, relation in other_focus_tables().items() %}
        {% set columns = columns_of_focus_table(name, relation) %}

        union all

        select
            {% for day in days %}
                {{ focus_column(columns, day, 'date') }} as {{ day }},
            {% endfor %}
            {% for text in texts %}
                {{ focus_column(columns, text, dbt.type_string(), former_names.get(text)) }} as {{ text }},
            {% endfor %}
            {% for cost in costs %}
                {{ focus_column(columns, cost, money()) }} as {{ cost }},
            {% endfor %}
            '{{ name }}' as x_FocusTable
        from {{ relation }}
    {% endfor %}
)

select
    {{ (days + texts) | join(',\n    ') }},
    {% for cost in costs %}
        cast(sum({{ cost }}) as {{ money() }}) as {{ cost }},
    {% endfor %}
    x_FocusTable
from charges
group by {{ (days + texts) | join(', ') }}, x_FocusTable
