select 1 as user_id, 'Ann' as name
