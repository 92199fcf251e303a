select
    days.organization_id,
    days.kind,
    days.date,
    days.is_closed,
    days.grouped_by
from {{ raw('usage_days') }} as days
