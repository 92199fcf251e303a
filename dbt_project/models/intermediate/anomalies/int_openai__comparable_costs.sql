select
    organization_id,
    scope,
    scope_id,
    parent_scope,
    coalesce(parent_id, '') as parent_id,
    currency,
    date,
    unblended_cost,
    -- Engines rank by a number several times faster than by six columns of text.
    row_number() over (order by organization_id, date, scope, scope_id, coalesce(parent_id, ''), currency)
        as cost_number
from {{ ref('int_openai__scoped_costs') }}
where
    scope in ('organization', 'project')
    or (scope <> 'team' and unblended_cost >= {{ var('anomaly_minimum') }})
