{# The kind of usage under which OpenAI reports a model family. #}
{% macro usage_kind(model_family) -%}
case
    when {{ model_family }} like '%embedding%' then 'embeddings'
    when {{ model_family }} like '%moderation%' then 'moderations'
    when {{ model_family }} like '%transcribe%' then 'audio_transcriptions'
    when {{ model_family }} like 'whisper%' then 'audio_transcriptions'
    when {{ model_family }} like '%tts%' then 'audio_speeches'
    when {{ model_family }} like 'dall-e%' then 'images'
    else 'completions'
end
{%- endmacro %}
