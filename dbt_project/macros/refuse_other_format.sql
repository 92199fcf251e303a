{# Before a seed is loaded: stops if columns are missing, as in a file that a spreadsheet saved with semicolons. #}
{% macro refuse_other_format() -%}
    {%- set columns = model.config.column_types -%}
    {%- set names = load_agate_table().column_names | map('trim') | map('lower') | list if execute else columns -%}
    {%- for name in columns if name not in names and name not in ('valid_from', 'valid_to') -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ '.csv has no column ' ~ name ~ ': save it as comma-separated UTF-8 with the columns '
            ~ columns | join(', ') ~ ', or run the command of this project, which converts it.'
        ) -%}
    {%- endfor -%}
{%- endmacro %}
