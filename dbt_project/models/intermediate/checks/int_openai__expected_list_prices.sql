-- A price of the model's version takes precedence over a price of the model, which does not apply to
-- fine-tuned models.
{% set dimensions = [
    'BillingAccountId', 'ChargePeriodStart', 'BillingCurrency', 'x_LineItem', 'x_QuantityUnit', 'x_Meter', 'x_Service',
    'x_Model', 'SkuPriceId', 'PricingUnit',
] %}
{% set is_valid = 'cast(prices.valid_from as ' ~ timestamp_type() ~ ') <= ids.ChargePeriodStart' %}
{% set dated = dbt.concat(["'-'", model_version('charges.x_Model')]) %}

with kinds as (
    select 1 as is_exact
    union all
    select 0 as is_exact
),

charges as (
    select
        {{ dimensions | join(', ') }},
        sum(ListCost) as list_cost,
        min(case when x_ListPriceSource <> 'derived' then ListUnitPrice end) as lowest_price,
        max(case when x_ListPriceSource <> 'derived' then ListUnitPrice end) as highest_price
    from {{ ref('openai__focus_costs') }}
    where x_QuantitySource = 'reported'
    group by {{ dimensions | join(', ') }}
),

ids as (
    select
        charges.*,
        kinds.is_exact,
        case
            when kinds.is_exact = 1 then charges.SkuPriceId
            when charges.x_Service <> 'Fine-tuning' then replace(charges.SkuPriceId, {{ dated }}, '')
        end as price_id
    from charges
    cross join kinds
),

in_order as (
    select
        ids.*,
        case when {{ is_valid }} then prices.price end as price,
        row_number() over (
            partition by ids.{{ dimensions | join(', ids.') }}
            order by
                case when prices.price is not null then ids.is_exact else -1 end desc,
                case when {{ is_valid }} then 1 else 0 end desc,
                prices.valid_from desc
        ) as place
    from ids
    left join {{ ref('openai_costs', 'list_prices') }} as prices
        on ids.price_id = prices.sku_price_id
        and ids.PricingUnit = prices.pricing_unit
        and ids.BillingCurrency = prices.currency
)

select
    BillingAccountId as organization_id,
    ChargePeriodStart as charge_period_start,
    BillingCurrency as currency,
    x_LineItem as line_item,
    x_QuantityUnit as quantity_unit,
    x_Meter as meter,
    list_cost,
    lowest_price,
    highest_price,
    price
from in_order
where place = 1
