{{ config(severity='warn', tags=['daily']) }}
-- Rules for the rows of focus_costs that only warn, because OpenAI may return an id with a blank or a new
-- unit. A price times its quantity may differ from the cost by the rounding of a division, which the
-- official validator also allows.
{% set ids = ['BillingAccountId', 'SubAccountId', 'SkuId', 'SkuPriceId', 'x_PrincipalId', 'x_CredentialId'] %}

with checked as (
    select
        BillingAccountId,
        case
            {% for id in ids %}
                when {{ id }} <> trim({{ id }})
                    then {{ dbt.concat(["'" ~ id ~ " of '", id, "' begins or ends with a blank'"]) }}
            {% endfor %}
            when ConsumedUnit = 'Units'
                then {{ dbt.concat([
                    "'add a row for '", "x_QuantityUnit", "' to dbt_project/seeds/quantity_units.csv'"
                ]) }}
            when
                {{ differs_from_product('ContractedCost', 'ContractedUnitPrice', 'PricingQuantity') }}
                -- A price that is in no list is derived from the cost.
                or (
                    x_ListPriceSource <> 'derived'
                    and {{ differs_from_product('ListCost', 'ListUnitPrice', 'PricingQuantity') }}
                )
                then {{ dbt.concat([
                    "ChargeDescription", "' does not cost its price times its quantity'"
                ]) }}
        end as reason
    from {{ ref('openai__focus_costs') }}
    where {{ is_not_before_days_to_build('ChargePeriodStart', timestamp_type()) }}
)

select distinct *
from checked
where reason is not null
