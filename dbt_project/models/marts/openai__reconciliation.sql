with compared as (
    select
        *,
        cast({{ difference('actual', 'expected') }} as {{ money() }}) as difference
    from {{ ref('int_openai__checks') }}
),

judged as (
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
    judged.organization_id,
    organizations.organization_name,
    judged.period,
    judged.period_start,
    judged.currency,
    judged.check_name,
    judged.user_id,
    judged.model_family,
    judged.meter,
    judged.expected,
    judged.actual,
    judged.difference,
    judged.tolerance,
    judged.status,
    case
        when judged.status = 'not comparable' then judged.not_comparable_because
        when judged.status <> 'equal' and judged.difference > 0 then 'more than expected'
        when judged.status <> 'equal' then 'less than expected'
    end as reason
from judged
left join {{ ref('int_openai__organizations') }} as organizations
    on judged.organization_id = organizations.organization_id
