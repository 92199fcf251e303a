{{ config(severity='warn', tags=['daily']) }}
-- The rules on rows of focus_costs that warn: OpenAI may tell an id with a blank or a new unit, and a price
-- times its quantity is the cost only as far as a division is exact; the official validator allows as much.
{% set ids = ['BillingAccountId', 'SubAccountId', 'SkuId', 'SkuPriceId', 'x_PrincipalId', 'x_CredentialId'] %}

with judged as (
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
                -- A price that was not found in a list is the one that was paid.
                or (
                    x_ListPriceSource <> 'derived'
                    and {{ differs_from_product('ListCost', 'ListUnitPrice', 'PricingQuantity') }}
                )
                then {{ dbt.concat([
                    "coalesce(ChargeDescription, 'a charge')", "' does not cost its price times its quantity'"
                ]) }}
        end as reason
    from {{ ref('openai__focus_costs') }}
    where {{ is_not_before_days_to_build('ChargePeriodStart', timestamp_type()) }}
)

select distinct *
from judged
where reason is not null
