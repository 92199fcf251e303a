{{ config(tags=['daily']) }}
-- Rows of reconciliation that contradict their own two sides, and checks without a row.
with mart as (
    select
        organization_id,
        period_start,
        check_name,
        actual,
        expected,
        difference,
        tolerance,
        status
    from {{ ref('openai__reconciliation') }}
),

checks as (
    select count(*) as number
    from {{ ref('int_openai__checks') }}
),

rows_of_mart as (
    select count(*) as number
    from mart
)

select
    organization_id,
    period_start,
    check_name,
    'difference or status contradicts expected and actual' as reason
from mart
where
    difference <> {{ difference('actual', 'expected') }}
    or (status = 'equal' and actual <> expected)
    or (status = 'within tolerance' and abs({{ difference('actual', 'expected') }}) > tolerance)
    or (status = 'differs' and abs({{ difference('actual', 'expected') }}) <= tolerance)

union all

select
    cast(null as {{ dbt.type_string() }}) as organization_id,
    cast(null as date) as period_start,
    cast(null as {{ dbt.type_string() }}) as check_name,
    'reconciliation does not have a row per check' as reason
from checks
cross join rows_of_mart
where checks.number <> rows_of_mart.number
