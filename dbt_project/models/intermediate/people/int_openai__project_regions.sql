{% set region_names = {
    'AE': 'United Arab Emirates', 'EU': 'Europe (EEA + Switzerland)', 'US': 'United States',
} %}

-- A residency is chosen when a project is created, so the latest one applies to all days. OpenAI may return
-- none in a later listing, and an earlier version of this project did not load it.
with residencies as (
    select
        organization_id,
        project_id,
        residency,
        row_number() over (
            partition by organization_id, project_id order by valid_from desc
        ) as place
    from {{ ref('stg_openai__projects') }}
    where residency is not null
),

-- FOCUS's region is where a service is provided: storage alone does not show where requests are processed.
regions as (
    select
        organization_id,
        project_id,
        residency,
        case
            when residency like '%_STORAGE_PROCESSING' then replace(residency, '_STORAGE_PROCESSING', '')
        end as region_id
    from residencies
    where place = 1
)

select
    organization_id,
    project_id,
    residency,
    region_id,
    case region_id
        {% for id, name in region_names.items() %}
            when '{{ id }}' then '{{ name }}'
        {% endfor %}
        else region_id
    end as region_name
from regions
