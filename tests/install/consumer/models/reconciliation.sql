select teams.team, budgets.amount
from {{ ref('teams') }} as teams
inner join {{ ref('budgets') }} as budgets using (team)
inner join {{ ref('invoices') }} as invoices using (team)
