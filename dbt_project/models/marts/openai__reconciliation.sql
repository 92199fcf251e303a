with compared as (
    select
        *,
        cast({{ difference('actual', 'expected') }} as {{ money() }}) as difference
    from {{ ref('int_openai__checks') }}
),

with_status as (
    select
        *,
        case
            when not_comparable_because is not null then 'not comparable'
            when difference = 0 then 'equal'
            when abs(difference) <= tolerance then 'within tolerance'
            else 'differs'
        end as status
    from compared
)

select
    with_status.organization_id,
    organizations.organization_name,
    with_status.period,
    with_status.period_start,
    with_status.currency,
    with_status.check_name,
    with_status.item,
    with_status.model_family,
    with_status.meter,
    with_status.expected,
    with_status.actual,
    with_status.difference,
    with_status.tolerance,
    with_status.status,
    case
        when with_status.status = 'not comparable' then with_status.not_comparable_because
        when with_status.status <> 'equal' and with_status.difference > 0 then 'more than expected'
        when with_status.status <> 'equal' then 'less than expected'
    end as reason
from with_status
left join {{ ref('int_openai__organizations') }} as organizations
    on with_status.organization_id = organizations.organization_id
