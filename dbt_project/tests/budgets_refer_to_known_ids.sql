-- Nothing can be spent on a budget with an id, team, model or currency that is unknown here. It may be
-- misspelt, or new and not used yet.
{{ config(enabled=var('plans_enabled'), severity='warn') }}

select
    budgets.organization_id,
    budgets.scope,
    budgets.scope_id,
    'budgets.csv, row of ' || budgets.scope_id || ': ' || unknown_scopes.unknown_because as reason
from {{ ref('stg_openai__budgets') }} as budgets
inner join {{ ref('int_openai__unknown_scopes') }} as unknown_scopes
    on budgets.organization_id = unknown_scopes.organization_id
    and budgets.scope = unknown_scopes.scope
    and budgets.scope_id = unknown_scopes.scope_id
    and budgets.currency = unknown_scopes.currency
where budgets.reason is null
order by reason
