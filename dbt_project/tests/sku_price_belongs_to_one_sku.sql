select sku_price_id
from {{ ref('int_focus_skus') }}
group by sku_price_id
having count(distinct sku_id) > 1
