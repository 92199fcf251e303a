select
    restatements.date,
    restatements.organization_id,
    organizations.organization_name,
    cast(
        row_number() over (
            partition by restatements.organization_id, restatements.date, restatements.currency
            order by restatements.seen_us
        ) as {{ dbt.type_bigint() }}
    ) as restatement,
    restatements.seen_on,
    cast(
        {{ dbt.datediff('restatements.date', 'restatements.seen_on', 'day') }} as {{ dbt.type_int() }}  -- noqa: LT05
    ) as days_after,
    restatements.was_amount as was_cost,
    restatements.is_amount as is_cost,
    cast({{ difference('restatements.is_amount', 'restatements.was_amount') }} as {{ money() }}) as change,
    {{ ratio('restatements.is_amount - restatements.was_amount', 'restatements.was_amount') }}
        as change_share,
    restatements.was_row_count,
    restatements.is_row_count,
    restatements.seen_us = max(restatements.seen_us) over (
        partition by restatements.organization_id, restatements.date, restatements.currency
    ) as is_last,
    restatements.currency
from {{ ref('stg_openai__cost_restatements') }} as restatements
left join {{ ref('int_openai__organizations') }} as organizations
    on restatements.organization_id = organizations.organization_id
