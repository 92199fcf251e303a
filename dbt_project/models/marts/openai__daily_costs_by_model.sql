with daily as (
    select
        date,
        organization_id,
        service,
        model,
        model_family,
        meter,
        tier,
        modality,
        context,
        currency,
        quantity_unit,
        sum(unblended_cost) as unblended_cost,
        sum(quantity) as quantity,
        sum(cost_of_quantity) as cost_of_quantity
    from {{ ref('int_openai__daily_costs_with_dimensions') }}
    group by
        date, organization_id, service, model, model_family, meter, tier, modality, context,
        currency, quantity_unit
)

select
    daily.date,
    daily.organization_id,
    organizations.organization_name,
    daily.service,
    daily.model,
    daily.meter,
    daily.tier,
    daily.modality,
    daily.context,
    daily.currency,
    cast(daily.unblended_cost as {{ money() }}) as unblended_cost,
    cast(daily.quantity as {{ quantity() }}) as quantity,
    daily.quantity_unit,
    {{ ratio('daily.cost_of_quantity', 'daily.quantity') }} as unit_price,
    daily.model_family
from daily
left join {{ ref('int_openai__organizations') }} as organizations
    on daily.organization_id = organizations.organization_id
