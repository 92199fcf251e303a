{% set with_separator = "case placement when 'before' then label || ' | ' else ', ' || label end" %}

{% for dimension, label, seed in [
    ('tier', with_separator, 'line_item_tiers'), ('context', with_separator, 'line_item_tiers'),
    ('meter', "', ' || label", 'token_meters'), ('meter', 'tool', 'line_item_tools'),
    ('model', 'tool', 'line_item_tools'),
] %}
    select
        '{{ dimension }}' as dimension,
        {{ dimension }} as value,
        {{ label }} as label
    from {{ ref(seed) }}
    where {{ dimension }} <> ''

    union all
{% endfor %}

{% for modality in ('text', 'image', 'audio') %}
    select
        'modality' as dimension,
        '{{ modality }}' as value,
        ' {{ modality }},' as label
    {{ 'union all' if not loop.last }}
{% endfor %}
