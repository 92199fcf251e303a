{{ config(enabled=var('plans_enabled')) }}

{% set in_order = 'partition by organization_id, currency order by date' %}
{% set until_day = in_order ~ ' rows between unbounded preceding and current row' %}

with days as (
    select
        *,
        {{ previous_value('date', in_order) }} as previous_day,
        row_number() over ({{ in_order }}) as known_days,
        sum(unblended_cost) over ({{ until_day }}) as spent
    from {{ ref('int_openai__credit_days') }}
    where date >= first_day
),

with_next_day as (
    select
        *,
        coalesce({{ days_after('previous_day', 1) }}, first_day) as next_day
    from days
),

-- The days before this one that are neither loaded nor trimmed.
gaps as (
    select
        *,
        case when date > next_day then next_day end as gap_from,
        case when date > next_day then {{ days_after('date', -1) }} end as gap_until
    from with_next_day
),

missing as (
    select
        *,
        {{ dbt.datediff('first_day', 'date', 'day') }} + 1 - known_days as missing_days,  -- noqa: LT05
        min(gap_from) over ({{ until_day }}) as missing_from,
        max(gap_until) over ({{ until_day }}) as missing_until
    from gaps
),

granted as (
    select
        days.organization_id,
        days.currency,
        days.date,
        cast(sum(grants.amount) as {{ money() }}) as granted
    from days
    inner join {{ ref('stg_openai__credit_grants') }} as grants
        on days.organization_id = grants.organization_id
        and days.currency = grants.currency
        and days.date >= grants.granted_on
        and grants.reason is null
    group by days.organization_id, days.currency, days.date
)

select
    missing.organization_id,
    missing.currency,
    missing.first_day,
    missing.date,
    missing.is_closed,
    missing.is_trimmed,
    missing.unblended_cost,
    granted.granted,
    case
        when missing.missing_days = 0
            then cast({{ difference('granted.granted', 'missing.spent') }} as {{ money() }})
    end as balance,
    missing.missing_days,
    missing.missing_from,
    missing.missing_until
from missing
inner join granted
    on missing.organization_id = granted.organization_id
    and missing.currency = granted.currency
    and missing.date = granted.date
