select distinct
    ServiceCategory,
    ServiceSubcategory
from {{ ref('focus_costs') }}
where not (ServiceCategory = 'AI and Machine Learning' and ServiceSubcategory = 'Generative AI')
