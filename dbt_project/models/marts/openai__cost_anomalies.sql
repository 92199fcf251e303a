with first_days as (
    select
        organization_id,
        scope,
        scope_id,
        min(date) as first_day
    from {{ ref('int_openai__scoped_costs') }}
    group by organization_id, scope, scope_id
)

select
    spikes.date,
    spikes.organization_id,
    organizations.organization_name,
    spikes.scope,
    spikes.scope_id,
    coalesce(
        projects.project_name, users.user_name, keys.api_key_name, nullif(spikes.scope_id, ''), 'no project'
    ) as scope_name,
    spikes.currency,
    cast(spikes.unblended_cost as {{ money() }}) as actual,
    cast(spikes.usual_cost as {{ money() }}) as expected,
    cast(spikes.excess as {{ money() }}) as excess,
    spikes.score,
    case
        when {{ days_after('first_days.first_day', 28) }} > spikes.date and spikes.usual_cost = 0
            then 'new ' || spikes.scope
        when spikes.volume_effect = 0 and spikes.price_effect = 0 and spikes.mix_effect = 0 then null
        when spikes.mix_effect >= greatest(spikes.volume_effect, spikes.price_effect) then 'model mix'
        when spikes.price_effect >= spikes.volume_effect then 'price'
        else 'volume'
    end as explained_by,
    spikes.volume_effect,
    spikes.price_effect,
    spikes.mix_effect
from {{ ref('int_openai__spike_causes') }} as spikes
inner join first_days
    on spikes.organization_id = first_days.organization_id
    and spikes.scope = first_days.scope
    and spikes.scope_id = first_days.scope_id
left join {{ ref('int_openai__organizations') }} as organizations
    on spikes.organization_id = organizations.organization_id
left join {{ ref('int_openai__projects') }} as projects
    on spikes.organization_id = projects.organization_id
    and spikes.scope = 'project'
    and spikes.scope_id = projects.project_id
left join {{ ref('int_openai__users') }} as users
    on spikes.organization_id = users.organization_id
    and spikes.scope = 'user'
    and spikes.scope_id = users.user_id
left join {{ ref('int_openai__api_keys') }} as keys
    on spikes.organization_id = keys.organization_id
    and spikes.scope = 'api_key'
    and spikes.scope_id = keys.api_key_id
