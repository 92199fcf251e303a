{{ config(severity='warn', tags=['daily']) }}
-- Rules for the rows of focus_costs that only warn, because OpenAI may return an id with a blank or a new
-- unit. A price times its quantity may differ from the cost by the rounding of a division, which the
-- official validator also allows.
{% set ids = ['BillingAccountId', 'SubAccountId', 'SkuId', 'SkuPriceId', 'x_PrincipalId', 'x_CredentialId'] %}

with charges as (
    select
        *,
        -- Engines convert wide decimals to doubles slowly, so this happens once.
        cast(PricingQuantity as {{ double() }}) as quantity,
        cast(ContractedUnitPrice as {{ double() }}) as contracted_price,
        cast(ContractedCost as {{ double() }}) as contracted_cost,
        -- A price that is in no list is derived from the cost.
        cast(case when x_ListPriceSource <> 'derived' then ListUnitPrice end as {{ double() }}) as list_price,
        cast(case when x_ListPriceSource <> 'derived' then ListCost end as {{ double() }}) as listed_cost
    from {{ ref('openai__focus_costs') }}
    where {{ is_not_before_days_to_build('ChargePeriodStart', timestamp_type()) }}
),

checked as (
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
                {{ differs_from_product('contracted_cost', 'contracted_price', 'quantity') }}
                or {{ differs_from_product('listed_cost', 'list_price', 'quantity') }}
                then {{ dbt.concat([
                    "ChargeDescription", "' does not cost its price times its quantity'"
                ]) }}
        end as reason
    from charges
)

select distinct *
from checked
where reason is not null
