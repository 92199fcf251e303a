"""The page that describes a recording to the person who reviews it and to those who receive it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

_DERIVED = {"bucket_width", "end_time_iso", "group_by", "start_time_iso"}
"""Fields that repeat the days of buckets and the parameters of requests."""

_PAGE = """\
# Recording of OpenAI's administration API

Recorded on {day}. The files 00001.txt to {replies:05}.txt are the replies in the order in which
they arrived: those to a first load of costs, usage, names and budgets, then those to a check of
the key. Each file has the request, the status, headers, an empty line and the body.

{error}## What was replaced

| value | in this recording |
|---|---|
| admin key | absent |
| ids, names, e-mail addresses, masked keys, page tokens | random text, the same in all files |
| amounts, quantities, counts, budgets | multiplied by one random factor, which is not stored |
| names of fine-tuned models | the public base model stays, the rest is random text |
| sentences of errors | known names, quoted values, ids, hosts, long numbers, money are replaced |
| values of fields such as status | they stay if they have the format of the API's words |
| bodies that are not JSON, as of a proxy | masked, except common words of errors |
| fields that this project does not know | all that they contain is replaced |
| names of these fields | they stay if each of their words is one of the API's |
| times when an object was created or used | the UTC day stays, also of unknown Unix times |
| headers | absent, except those that describe the reply; openai-organization is replaced |

## What it still shows

- ratios: the share of each project and model, and how costs change from day to day
- all amounts, to a person who knows one of them, or who calculates the factor from many amounts
  and public prices; small whole numbers hardly change
- which models and features are used on which days
- how many people, projects and keys there are, and on which day each was created
- the time of the recording

Share it only with people who may know this.

## Review it

1. Read the texts below: they are all texts that stayed. No pattern finds every name: look for
   names without quotation marks in sentences, for parts and other spellings of names, for private
   words in line items, models and other fields, and for short numbers.
2. Search for what must not be in it, such as the name of your company: `grep -ri NAME .`

Fields that this project does not know: {unknown}

## Texts that stayed
"""


def page(
    day: date,
    replies: int,
    error: str | None,
    unknown_fields: Iterable[str],
    kept: Mapping[str, Iterable[str]],
) -> str:
    """The page as Markdown. `error` is the message that the load ended with, `kept` the texts that
    stayed, by field."""
    lines = [
        _PAGE.format(
            day=day,
            replies=replies,
            error=f"The load ended with: {error}\n\n" if error else "",
            unknown=", ".join(sorted(unknown_fields)) or "none",
        )
    ]
    for field in sorted(kept.keys() - _DERIVED):
        lines += [f"{field}:\n", *(f"    {text!r}" for text in sorted(kept[field])), ""]
    return "\n".join(lines)
