"""Replies and requests without private values; structure and the format of literals stay.

A JSON body is changed token by token, so that a number keeps its digits, and a text its escapes.
Values of unknown fields, and all that they contain, are private: texts are replaced, numbers are
scaled.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from decimal import Context, Decimal
from urllib.parse import parse_qsl, urlencode

from openai_costs_source.api.client import PATHS
from openai_costs_source.api.pages import DAY_SECONDS
from openai_costs_source.api.usage_kinds import USAGE_KINDS
from openai_costs_source.recording.pseudonyms import Pseudonyms, masked
from openai_costs_source.recording.vocabulary import PARAMETERS, is_parameter

_TOKEN = re.compile(
    r'"(?P<text>[^"\\]*(?:\\.[^"\\]*)*)"(?P<colon>\s*:)?'
    r'|[{}\[\]]|-?\d[\d.eE+\-]*|"(?P<cut>.*)\Z|[^\W\d]\w*',
    re.DOTALL,
)
_LITERALS = {"true", "false", "null", "NaN", "Infinity"}

_NAMES = {"line_item", "model"}
"""Fields with names of OpenAI's, which may contain the name of a fine-tuned model."""
SENTENCES = {"message", "error", "detail", "reason"}
_WORD = re.compile(r"[a-z]{1,20}(?:_[a-z]{1,20}){0,6}|[A-Z]{1,20}(?:_[A-Z]{1,20}){0,6}")
_UNIT = re.compile(r"(?!(?:\D*\d){7})[A-Za-z0-9]{1,20}(?:_[A-Za-z0-9]{1,20}){0,6}")
_ISO_TIME = re.compile(r"[\d:T.Z+\- ]{1,40}")
_VALUES = {
    "api_source": _WORD,
    "bucket_width": re.compile(r"\d{1,2}[mhd]"),
    "code": re.compile(rf"{_WORD.pattern}|\d{{3}}"),
    "context_level": _WORD,
    "currency": re.compile("[A-Za-z]{3}"),
    "end_time_iso": _ISO_TIME,
    "group_by": _WORD,
    "include_archived": _WORD,
    "interval": _WORD,
    "owner_project_access": _WORD,
    "quantity_unit": _UNIT,
    "residency": _WORD,
    # Organizations can define roles.
    "role": re.compile("owner|reader|member|admin|viewer|editor"),
    "service_tier": _WORD,
    "size": re.compile(r"\d{2,5}x\d{2,5}|[a-z]{1,10}"),
    "source": re.compile(rf"image\.[a-z]{{1,20}}|{_WORD.pattern}"),
    "start_time_iso": _ISO_TIME,
    "status": re.compile(rf"{_WORD.pattern}|\d{{3}}"),
    "type": _WORD,
}
"""Fields with values of OpenAI's, which stay if they have this format.

In addition, `object` and `param` keep words of the API.
"""
_PRIVATE = {
    "after",
    "email",
    "first_id",
    "id",
    "last_id",
    "name",
    "next_page",
    "organization_id",
    "organization_name",
    "page",
    "api_key_id",
    "project_id",
    "project_name",
    "recipients",
    "redacted_value",
    "subject_prefix",
    "user_email",
    "user_id",
    "vector_store_id",
}
_KEPT_NUMBERS = {
    "start_time": re.compile(r"\d{9,13}(?:\.\d{1,6})?"),
    "end_time": re.compile(r"\d{9,13}(?:\.\d{1,6})?"),
    "code": re.compile(r"\d{3}"),
    "status": re.compile(r"\d{3}"),
}
_UNIX_TIME = re.compile(r"(?:1[4-9]|2[01])\d{8}")
_AMOUNTS = {"value", "quantity"}
"""Fields with numbers that may be written as texts."""
_OTHERS = {
    "added_at",
    "amount",
    "archived_at",
    "batch",
    "created_at",
    "data",
    "enforcement",
    "has_more",
    "last_used_at",
    "notification_channel",
    "owner",
    "results",
    "service_account",
    "threshold_amount",
    "user",
    *(measure for kind in USAGE_KINDS for measure in kind.measures),
}
_KNOWN = (
    _NAMES
    | SENTENCES
    | _VALUES.keys()
    | {"object", "param"}
    | _PRIVATE
    | _KEPT_NUMBERS.keys()
    | _AMOUNTS
    | _OTHERS
)
_UNKNOWN = "?"
"""Stands for a field that is unknown, or that is in one."""
_WORDS_OF_FIELDS = {
    *(word for name in (_KNOWN | PARAMETERS) for word in name.split("_")),
    *(word for path in PATHS for word in re.findall("[a-z]+", path)),
    # Of other objects of OpenAI's.
    *re.findall(
        "[a-z]+",
        """
        account allowed bucket budget cost count credit credits day days default deleted
        description disabled discount display enabled environment expires external first hard
        internal is last list max metadata min month monthly new note notes price rate region
        result seen settings soft tags tax title total unit updated url version
        """,
    ),
}
_MOMENT = re.compile(r"(?P<day>\d{4}-\d\d-\d\d)(?P<time>[T\d:.Z+\- ]*)")
_NUMBER = re.compile(r"(?P<mantissa>-?\d+(?:\.\d+)?)(?P<exponent>[eE][+-]?\d+)?")

_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
_HEADERS = {
    "content-type": re.compile(
        r"(?:application/(?:problem\+)?(?:json|xml)|text/(?:html|plain|xml))"
        r"(?:; ?charset=(?:utf-8|us-ascii|iso-8859-1))?",
        re.IGNORECASE,
    ),
    "date": _HTTP_DATE,
    "location": None,
    "openai-organization": None,
    "openai-processing-ms": re.compile(r"\d+"),
    "openai-version": re.compile(r"[\d\-]+"),
    "retry-after": re.compile(rf"\d{{1,9}}(?:\.\d{{1,9}})?|{_HTTP_DATE.pattern}"),
    "server": re.compile(r"cloudflare|nginx|envoy"),
}
"""The headers that are recorded, if they have this format; None: with a pseudonym.

All others may identify a person, a connection or a proxy.
"""

_FACTOR_DIGITS = 12
_DECIMALS = 22
"""Scaled amounts have up to so many decimals, or as many as before. The warehouse stores 18."""


class Anonymizer:
    """Replaces and scales values, consistently in all replies of a recording.

    `kept` are the texts that stay, by field, and `unknown_fields` the fields that this project does
    not know, with a pseudonym if a word of their name is not one of the API's.
    """

    def __init__(self, factor: Decimal | None = None, pseudonyms: Pseudonyms | None = None) -> None:
        self.factor = factor or secret_factor()
        self.pseudonyms = pseudonyms or Pseudonyms()
        self.kept: dict[str, set[str]] = {}
        self.unknown_fields: set[str] = set()
        self._tokens: dict[tuple[str, str], str] = {}

    def request(self, path: str, query: str) -> str:
        """The path and the query, with the parameters in alphabetical order."""
        words = {word for known in PATHS for word in known.split("/")}
        parts = [part if part in words else self.pseudonyms.of(part) for part in path.split("/")]
        return request_key(
            "/".join(parts),
            [
                (name, self._parameter(name.removesuffix("[]"), value))
                for name, value in parse_qsl(query, keep_blank_values=True)
            ],
        )

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers that are recorded."""
        kept = {}
        for name, value in headers.items():
            if (name := name.lower()) not in _HEADERS:
                continue
            if (allowed := _HEADERS[name]) is None:
                kept[name] = self.pseudonyms.of(value)
            elif allowed.fullmatch(value):
                kept[name] = value
        return kept

    def body(self, body: str) -> str:
        """A body with every value replaced, scaled or known to be public."""
        if not body.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
            return masked(body)
        field, outer = "", list[str]()

        def replace(match: re.Match[str]) -> str:
            nonlocal field
            token = match[0]  # A string, a number, a bracket or a word.
            if match["colon"] is not None:
                name = match["text"]
                is_known = name in _KNOWN and _UNKNOWN not in outer[-1:]
                field = name if is_known else _UNKNOWN
                return self._field_token(name) + match["colon"]
            if match["text"] is not None:
                return self._text_token(field, token)
            if match["cut"] is not None:
                return '"' + masked(match["cut"])
            if token in ("{", "["):
                outer.append(field)
            elif token in ("}", "]"):
                field = outer.pop() if outer else ""
            elif token[-1].isdigit() or token[0] == "-":
                return self._number(field, token)
            elif token not in _LITERALS:
                return masked(token)
            return token

        return _TOKEN.sub(replace, body)

    def sentence(self, text: str) -> str:
        """A sentence of the API or about it, with pseudonyms for the values in it."""
        return self._keep("message", self.pseudonyms.in_text(text))

    def _field_token(self, name: str) -> str:
        """The name of a field as JSON. It may be the name of a person, as the key of a map."""
        if name in _KNOWN:
            return f'"{name}"'
        if not _has_words_of_fields(name):
            name = self.pseudonyms.of(name)
        self.unknown_fields.add(name)
        return json.dumps(name)

    def _parameter(self, name: str, value: str) -> str:
        """The value of a parameter of a request."""
        return value if name == "limit" and value.isdecimal() else self._text(name, value)

    def _text_token(self, field: str, token: str) -> str:
        if field in _AMOUNTS and _NUMBER.fullmatch(token[1:-1]):
            return f'"{self._number(field, token[1:-1])}"'
        if (field, token) not in self._tokens:
            try:
                text = self._text(field, json.loads(token, strict=False))
            except ValueError:
                return f'"{masked(token[1:-1])}"'
            # As in the reply: either with escapes or without.
            is_escaped = token.isascii()
            self._tokens[field, token] = json.dumps(text, ensure_ascii=is_escaped)
        return self._tokens[field, token]

    def _text(self, field: str, text: str) -> str:
        if field in SENTENCES:
            return self.sentence(text)
        if field in _NAMES:
            return self._keep(field, self.pseudonyms.of_name(text))
        if field in _VALUES and _VALUES[field].fullmatch(text):
            return self._keep(field, text)
        if field == "param" and is_parameter(text):
            return self._keep(field, text)
        if field in ("object", "param") and _has_words_of_fields(text):
            return self._keep(field, text)
        if field in _KEPT_NUMBERS and _KEPT_NUMBERS[field].fullmatch(text):
            return text
        if field.endswith("_at") and (moment := _MOMENT.fullmatch(text)):
            return moment["day"] + re.sub(r"\d", "0", moment["time"])
        return self.pseudonyms.of(text)

    def _keep(self, field: str, text: str) -> str:
        self.kept.setdefault(field, set()).add(text)
        return text

    def _number(self, field: str, literal: str) -> str:
        number = _NUMBER.fullmatch(literal)
        if field in _KEPT_NUMBERS and _KEPT_NUMBERS[field].fullmatch(literal):
            return literal
        if not number:
            return masked(literal)
        # The day of an event stays, and the time of day does not. A scaled time would reveal the
        # factor.
        if _UNIX_TIME.fullmatch(literal) and (field == _UNKNOWN or field.endswith("_at")):
            return str(int(literal) // DAY_SECONDS * DAY_SECONDS)
        exponent = number["exponent"] or ""
        return self._scaled(number["mantissa"], int(exponent[1:] or 0), field) + exponent

    def _scaled(self, mantissa: str, exponent: int, field: str) -> str:
        """The mantissa times the factor: whole numbers stay whole, unless they are amounts, and
        what is not zero stays so."""
        value = Decimal(mantissa)
        if not value:
            return mantissa
        decimals = len(mantissa.partition(".")[2])
        exact = Context(prec=len(mantissa) + 40)
        digits = value.normalize(exact).as_tuple()
        is_whole = field != "value" and int(digits.exponent) + exponent >= 0
        places = exponent if is_whole else max(decimals, _DECIMALS + exponent, _FACTOR_DIGITS)
        unit = Decimal(1).scaleb(-min(max(places, 0), len(mantissa) + 30))
        scaled = exact.multiply(value, self.factor)
        if int(scaled.as_tuple().exponent) < int(unit.as_tuple().exponent):
            scaled = scaled.quantize(unit, context=exact) or unit.copy_sign(value)
        has_zeros = is_whole and decimals and not exponent
        return f"{scaled:f}" + ("." + "0" * decimals if has_zeros else "")


def _has_words_of_fields(text: str) -> bool:
    """Whether all words of a name such as input_cache_write_30m_tokens are of the API's."""
    words = re.split(r"[_.]", text)
    return all(word in _WORDS_OF_FIELDS or re.fullmatch(r"\d{1,3}[a-z]?", word) for word in words)


def request_key(path: str, query: list[tuple[str, str]]) -> str:
    """A request as one line: the path, and the query in alphabetical order."""
    return f"{path}?{urlencode(sorted(query))}" if query else path


def secret_factor() -> Decimal:
    """A random factor between 0.1 and 10."""
    return Decimal(f"{10 ** random.SystemRandom().uniform(-1, 1):.{_FACTOR_DIGITS}g}")
