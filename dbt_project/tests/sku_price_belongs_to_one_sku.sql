select sku_price_id
from {{ ref('int_openai__focus_skus') }}
group by sku_price_id
having count(distinct sku_id) > 1
