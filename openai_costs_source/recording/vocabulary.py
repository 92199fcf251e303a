"""Words of the API and of its errors, which stay in a recording: they identify nobody."""

from __future__ import annotations

import re

from openai_costs_source.api import refusals
from openai_costs_source.api.date_ranges import DIMENSIONS
from openai_costs_source.api.usage_kinds import USAGE_KINDS

PARAMETERS = frozenset(
    {
        *DIMENSIONS,
        *(name for kind in USAGE_KINDS for name in kind.dimensions),
        *("start_time", "end_time", "bucket_width", "limit", "page", "group_by"),
        *("1m", "1h", "1d"),
        *("project_ids", "user_ids", "api_key_ids", "line_items", "models"),
        *("after", "include_archived", "owner_project_access"),
    }
)
"""The parameters of requests, the dimensions of costs and usage, and widths of buckets."""

_PATTERNS = [value.pattern for value in vars(refusals).values() if isinstance(value, re.Pattern)]

WORDS = frozenset(
    {
        # The client reads these words, also if an object is named like one.
        *(word for pattern in _PATTERNS for word in re.findall("[a-z]{2,}", pattern)),
        *PARAMETERS,
        *re.findall(
            r"\w+",
            """
            a access after again allowed allows an and any api are array as at attention auth
            authentication authorization available b bad be bearer been before between beyond
            blocked body br buckets but by can cannot center cloudflare code combination combined
            connect connection contain cost costs could data date days delete denied did dimension
            dimensions disconnect div doctype does earliest equal error eu exceeded expected
            expired failed false fields for forbidden found four from gateway get got group
            grouped grouping groupings had has have head header headers history host hr html http
            https if in incorrect input instead insufficient internal into invalid is it item
            items key keys least length less limit limits line log login long longer longest make
            management many maximum may member message meta minimum missing mode model models
            modified month months more most moved must n name need needs nginx no not number
            object of older on one only openai operation or organization organizations output
            overloaded owner p page param parameter parameters past per permission permissions
            please position possible project projects provided proxy query quota range ranges rate
            reached read refused request requested requests require required requires reset s
            scope scopes script see server service set should since soon span start startup style
            support supported supports temporarily than that the them there these this three time
            timeout title to together token tokens too try two type unauthorized unavailable
            unknown unsupported up upstream url us usage use used user users utc valid value
            values was welcome when where which width with without write wrong year years you your
            zero
            """,
        ),
        *("com", "platform"),  # Of OpenAI's hosts.
    }
)


def has_common_words_only(text: str) -> bool:
    """Whether all words of the text are in `WORDS` or short numbers; some are no numbers."""
    words = re.findall(r"\w+", text.lower())
    return any(word in WORDS for word in words) and all(
        word in WORDS or (word.isdecimal() and len(word) < 5) for word in words
    )


def is_parameter(text: str) -> bool:
    """Whether the text is one of `PARAMETERS`, also with a position: `group_by[0]`."""
    return re.sub(r"\[\d{0,2}\]$", "", text) in PARAMETERS
