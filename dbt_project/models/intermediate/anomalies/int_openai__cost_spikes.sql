-- A new key, user or model can take over costs from another one, and a user's costs rise where a key's owner
-- becomes known. So a user, a model, and a project or key without usual costs are flagged only where their
-- parent scope also costs more than usual.
with usual as (
    select * from {{ ref('int_openai__usual_costs') }}
),

scored as (
    select
        usual.*,
        minimums.minimum,
        greatest(usual.spread, 0.15 * cast(usual.usual_cost as {{ double() }})) as usual_spread,
        cast(usual.excess as {{ double() }}) as excess_as_double
    from usual
    inner join {{ ref('int_openai__anomaly_minimums') }} as minimums
        on usual.organization_id = minimums.organization_id
        and usual.currency = minimums.currency
        and usual.date = minimums.date
    where usual.scope <> 'organization' and usual.weeks >= 4
)

select
    scored.organization_id,
    scored.scope,
    scored.scope_id,
    scored.currency,
    scored.date,
    scored.unblended_cost,
    scored.usual_cost,
    scored.excess,
    scored.weeks,
    scored.excess_as_double
    / greatest(scored.usual_spread, scored.minimum / {{ var('anomaly_score') }}) as score
from scored
inner join usual as parents
    on scored.organization_id = parents.organization_id
    and scored.parent_scope = parents.scope
    and scored.parent_id = parents.scope_id
    and scored.currency = parents.currency
    and scored.date = parents.date
where
    scored.excess_as_double >= scored.minimum
    and scored.excess_as_double >= {{ var('anomaly_score') }} * scored.usual_spread
    -- A cost that recurs, as on the last day of each month, is not a spike.
    and cast(scored.unblended_cost as {{ double() }}) >= 1.25 * cast(scored.second_largest as {{ double() }})
    and (
        (scored.scope in ('project', 'api_key') and scored.usual_cost > 0)
        or (
            cast(parents.excess as {{ double() }}) >= 0.5 * scored.excess_as_double
            and cast(parents.excess as {{ double() }})
            >= 3 * greatest(parents.spread, 0.05 * cast(parents.usual_cost as {{ double() }}))
        )
    )
