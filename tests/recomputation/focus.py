"""`focus_costs`: amounts, prices, quantities, and the names and tags of the charge's day."""

from decimal import Context, Decimal

from recomputation.books import UNASSIGNED
from recomputation.list_prices import ListPrices
from recomputation.rows import ratio, read_csv

EXACT = Context(prec=76)
PROCESSED_THERE = "_STORAGE_PROCESSING"
REGION_NAMES = {"EU": "Europe (EEA + Switzerland)"}


def focus_costs(books):
    """One row per charge, the columns that are computed; `Tags` is a dictionary, or None."""
    prices = ListPrices(books.seeds)
    units = {row["quantity_unit"]: row for row in read_csv(books.seeds / "quantity_units.csv")}
    return [
        {**_amounts(charge, prices, units), **_names(charge, books.listings)}
        for charge in books.charges
    ]


def _amounts(charge, prices, units):
    quantities = _quantities(charge, units)
    quantity, unit = quantities["PricingQuantity"], quantities["PricingUnit"]
    contracted = ratio(charge.amount, quantity)
    listed = None
    if not charge.is_credit:
        listed = prices.price(charge.item.sku_price_id, unit, charge.currency, charge.date)
    if listed:
        list_price, source = listed
        list_cost = EXACT.multiply(list_price, quantity)
    else:
        list_price, list_cost = contracted, charge.amount
        source = None if charge.is_credit else "derived"
    return {
        "ChargePeriodStart": charge.date,
        "BillingAccountId": charge.organization_id,
        "BillingCurrency": charge.currency,
        "BilledCost": charge.amount,
        "EffectiveCost": charge.amount,
        "ContractedCost": charge.amount,
        "ListCost": list_cost,
        "ListUnitPrice": None if list_price is None else float(list_price),
        "x_ListPriceSource": source,
        "ContractedUnitPrice": contracted,
        "ChargeCategory": "Credit" if charge.is_credit else "Usage",
        "ChargeFrequency": "One-Time" if charge.is_credit else "Usage-Based",
        **quantities,
        "x_Quantity": charge.quantity,
        "x_QuantityUnit": charge.quantity_unit,
    }


def _quantities(charge, units):
    names = ("ConsumedQuantity", "ConsumedUnit", "PricingQuantity", "PricingUnit")
    if charge.is_credit:
        return {**dict.fromkeys(names), "x_QuantitySource": None}
    if charge.quantity is None:
        values, source = (charge.amount, "Dollars") * 2, "amount"
    elif row := units.get(charge.quantity_unit or charge.item.meter):
        consumed = charge.quantity * Decimal(row["consumed_in_one"])
        priced = charge.quantity * Decimal(row["priced_in_one"])
        values, source = (consumed, row["consumed_unit"], priced, row["pricing_unit"]), "reported"
    else:
        values, source = (charge.quantity, "Units") * 2, "reported"
    return {**dict(zip(names, values, strict=True)), "x_QuantitySource": source}


def _names(charge, listings):
    organization_id, day, item = charge.organization_id, charge.date, charge.item
    residency = listings.residency(organization_id, charge.project_id)
    region = None
    if residency and residency.endswith(PROCESSED_THERE):
        region = residency.removesuffix(PROCESSED_THERE)
    tags = {"team": charge.team, "cost_center": charge.cost_center}
    return {
        "BillingAccountName": listings.organization_name(organization_id),
        "SubAccountId": charge.project_id,
        "SubAccountName": listings.project_name(organization_id, charge.project_id, day),
        "x_PrincipalId": charge.user_id,
        "x_PrincipalName": listings.user_name(organization_id, charge.user_id, day),
        "x_CredentialId": charge.api_key_id,
        "x_CredentialName": listings.key_name(organization_id, charge.api_key_id, day),
        "x_Attribution": charge.attribution,
        "x_UnattributedBecause": charge.unattributed_because,
        "x_OwnerAssumedBecause": charge.owner_assumed_because,
        "RegionId": region,
        "RegionName": REGION_NAMES.get(region, region),
        "x_Residency": residency,
        "x_LineItem": item.text,
        "ChargeDescription": item.text
        or f"OpenAI API {'credit' if charge.is_credit else 'usage'} without a line item",
        "x_Service": item.service,
        "x_Model": item.model,
        "x_ModelFamily": item.family,
        "x_Meter": item.meter,
        "x_ServiceTier": item.tier,
        "x_Modality": item.modality,
        "x_ContextWindow": item.context,
        "SkuPriceId": None if charge.is_credit else item.sku_price_id,
        "Tags": None
        if charge.team == UNASSIGNED
        else {name: value for name, value in tags.items() if value},
    }
