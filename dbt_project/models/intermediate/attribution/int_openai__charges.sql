{% set priced = [
    'organization_id', 'date', 'project_id', 'api_key_id', 'api_source', 'line_item', 'service', 'model',
    'model_family', 'meter', 'tier', 'modality', 'context', 'currency', 'quantity', 'quantity_unit', 'grouped_by', 'unblended_cost',
    'sku_id', 'sku_price_id', 'sku_meter', 'sku_price_details', 'quantity_source', 'consumed_quantity', 'consumed_unit',
    'pricing_quantity', 'pricing_unit', 'contracted_price', 'list_price', 'list_price_source', 'list_cost',
] %}

select
    {% for column in priced %}
        charges.{{ column }},
    {% endfor %}
    {{ attribution('charges', 'owners') }}
from {{ ref('int_openai__focus_charges') }} as charges
left join {{ ref('int_openai__key_owner_periods') }} as owners
    on {{ is_owner_of_charge('owners', 'charges') }}
