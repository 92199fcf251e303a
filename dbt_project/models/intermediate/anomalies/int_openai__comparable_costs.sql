-- Projects are the parents of other scopes. A cost below the least excess cannot exceed the usual one by it.
select
    costs.organization_id,
    costs.scope,
    costs.scope_id,
    costs.parent_scope,
    coalesce(costs.parent_id, '') as parent_id,
    costs.currency,
    costs.date,
    costs.unblended_cost,
    -- Engines rank by a number several times faster than by six columns of text.
    row_number() over (
        order by
            costs.organization_id, costs.date, costs.scope, costs.scope_id, coalesce(costs.parent_id, ''),
            costs.currency
    ) as cost_number
from {{ ref('int_openai__scoped_costs') }} as costs
inner join {{ ref('int_openai__anomaly_minimums') }} as minimums
    on costs.organization_id = minimums.organization_id
    and costs.currency = minimums.currency
    and costs.date = minimums.date
where
    costs.scope in ('organization', 'project')
    or (costs.scope <> 'team' and cast(costs.unblended_cost as {{ double() }}) >= minimums.minimum)
