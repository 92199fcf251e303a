-- A row of the seed assigns nothing if a value is missing, or if another row has the same id on one of its
-- days.
with entered as (
    select
        trim(organization_id) as organization_id,
        case trim(kind) when 'service_account' then 'user' else trim(kind) end as kind,
        trim(id) as id,
        trim(team) as team,
        trim(coalesce(cost_center, '')) as cost_center,
        coalesce(trim({{ optional_column(ref('openai_costs', 'teams'), 'valid_from') }}), '') as valid_from,
        coalesce(trim({{ optional_column(ref('openai_costs', 'teams'), 'valid_to') }}), '') as valid_to
    from {{ ref('openai_costs', 'teams') }}
    where trim(organization_id) not like '#%'
),

dated as (
    select
        *,
        case
            when valid_from = '' then cast('{{ earliest_day() }}' as date)
            else {{ parse_day('valid_from') }}
        end as first_day,
        case when valid_to = '' then cast('{{ latest_day() }}' as date) else {{ parse_day('valid_to') }} end
            as last_day
    from entered
)

select
    dated.organization_id,
    dated.kind,
    dated.id,
    dated.team,
    nullif(dated.cost_center, '') as cost_center,
    dated.first_day,
    dated.last_day
from dated
inner join dated as others
    on dated.organization_id = others.organization_id
    and dated.kind = others.kind
    and dated.id = others.id
    and dated.first_day <= others.last_day
    and dated.last_day >= others.first_day
where dated.team <> '' and lower(dated.team) <> 'unassigned' and dated.first_day <= dated.last_day
group by
    dated.organization_id, dated.kind, dated.id, dated.team, dated.cost_center, dated.first_day,
    dated.last_day
having count(*) = 1
