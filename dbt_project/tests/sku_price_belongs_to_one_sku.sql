select SkuPriceId
from {{ ref('focus_costs') }}
group by SkuPriceId
having count(distinct SkuId) > 1
