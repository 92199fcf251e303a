{% set meaning = {
    'model': 'x_Model', 'meter': 'x_Meter', 'tier': 'x_ServiceTier', 'context': 'x_ContextWindow',
    'modality': 'x_Modality',
} %}
{# A text in lower case, with a comma on each side of each word. #}
{% set words = "',' || replace(lower({}), ' ', ',') || ','" %}

with line_items as (
    select distinct
        BillingAccountId as organization_id,
        ChargePeriodStart as charge_period_start,
        x_LineItem as line_item,
        {{ meaning.values() | join(', ') }}
    from {{ ref('openai__focus_costs') }}
    -- Other line items are not parsed.
    where x_ServiceTier is not null
),

meanings as (
    {% for dimension, column in meaning.items() %}
        select
            organization_id,
            charge_period_start,
            line_item,
            '{{ dimension }}' as dimension,
            {{ column }} as value
        from line_items
        where {{ column }} is not null
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

with_labels as (
    select
        meanings.organization_id,
        meanings.charge_period_start,
        meanings.line_item,
        meanings.dimension,
        meanings.value,
        max(case when labels.value = meanings.value then 1 else 0 end) as has_its_label,
        count(labels.value) as labels
    from meanings
    left join {{ ref('int_openai__expected_labels') }} as labels
        on meanings.dimension = labels.dimension
        and {{ dbt.position('labels.label', 'lower(meanings.line_item)') }} > 0
    group by
        meanings.organization_id, meanings.charge_period_start, meanings.line_item, meanings.dimension,
        meanings.value
),

both_sides as (
    select
        'focus_costs agrees with the text of its line items' as check_name,
        organization_id,
        charge_period_start,
        cast(null as {{ dbt.type_string() }}) as currency,
        line_item,
        dimension,
        1 as expected,
        case
            when has_its_label = 1 then 1
            when dimension = 'modality' and labels = 0 then 1
            when dimension in ('tier', 'context') and value = 'standard' and labels = 0 then 1
            when
                dimension = 'model'
                and {{ dbt.position(words.format('value'), words.format('line_item')) }} > 0
                then 1
            else 0
        end as actual
    from with_labels
)

{{ items_that_differ('both_sides', period='charge_period_start', items=['line_item', 'dimension']) }}
