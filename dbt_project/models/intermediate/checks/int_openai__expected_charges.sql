-- The owner of an API key is the owner in the last version of its listing.
with versions as (
    select
        organization_id,
        id,
        owner_id,
        row_number() over (partition by organization_id, id order by valid_from desc) as place
    from {{ source_or_empty('api_keys') }} as api_keys
)

select
    costs.organization_id,
    costs.date,
    {{ currency_code('costs.currency') }} as currency,
    nullif(costs.project_id, '') as project_id,
    coalesce(nullif(costs.user_id, ''), keys.owner_id) as user_id,
    case
        when costs.user_id <> '' then 'reported'
        when keys.owner_id is not null then 'key_owner'
        else 'unattributed'
    end as attribution,
    nullif(costs.api_key_id, '') as api_key_id,
    coalesce(costs.amount, 0) as amount
from {{ source('openai_raw', 'costs') }} as costs
left join versions as keys
    on costs.organization_id = keys.organization_id
    and costs.api_key_id = keys.id
    and keys.place = 1
