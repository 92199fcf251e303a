{{ config(materialized='table') }}

{% set values = [
    ('restatements has the amounts before', 'was_amount', 'was_cost'),
    ('restatements has the amounts after', 'is_amount', 'is_cost'),
    ('restatements has the changes', difference('is_amount', 'was_amount'), 'change'),
    ('restatements has the number of rows before', 'was_row_count', 'was_row_count'),
    ('restatements has the number of rows after', 'is_row_count', 'is_row_count'),
    ('restatements has one last restatement per day and currency', 'is_last', 'is_last'),
] %}

{% set log = source('openai_raw', 'cost_restatements') %}

-- The number of a restatement is the number of the day's restatements in its currency that were seen until
-- then.
with entries as (
    select
        organization_id,
        date,
        {{ currency_code(optional_column(log, 'currency')) }} as currency,
        was_amount,
        is_amount,
        was_row_count,
        is_row_count,
        seen_us
    from {{ log }}
),

logged as (
    select
        entries.organization_id,
        entries.date,
        entries.currency,
        entries.was_amount,
        entries.is_amount,
        entries.was_row_count,
        entries.is_row_count,
        sum(case when others.seen_us <= entries.seen_us then 1 else 0 end) as number,
        case when max(others.seen_us) = entries.seen_us then 1 else 0 end as is_last
    from entries
    inner join entries as others
        on entries.organization_id = others.organization_id
        and entries.date = others.date
        and entries.currency = others.currency
    group by
        entries.organization_id, entries.date, entries.currency, entries.was_amount,
        entries.is_amount, entries.was_row_count, entries.is_row_count, entries.seen_us
),

shown as (
    select
        organization_id,
        date,
        currency,
        was_cost,
        is_cost,
        change,
        was_row_count,
        is_row_count,
        restatement as number,
        case when is_last then 1 else 0 end as is_last
    from {{ ref('openai__restatements') }}
),

both_sides as (
    {% for check_name, logged_value, shown_value in values %}
        select
            '{{ check_name }}' as check_name,
            organization_id,
            date,
            currency,
            cast(number as {{ dbt.type_string() }}) as item,
            cast({{ logged_value }} as {{ money() }}) as expected,
            cast(0 as {{ money() }}) as actual
        from logged

        union all

        select
            '{{ check_name }}' as check_name,
            organization_id,
            date,
            currency,
            cast(number as {{ dbt.type_string() }}) as item,
            cast(0 as {{ money() }}) as expected,
            cast({{ shown_value }} as {{ money() }}) as actual
        from shown
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

{{ items_that_differ('both_sides') }}
