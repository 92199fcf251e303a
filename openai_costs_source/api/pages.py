"""Decodes the bytes of a page exactly. Pure: no network, no clock, no settings.

Money is never a float. PyArrow's JSON reader decodes a page's literals into 76-digit decimals,
which are rounded once, half-even, to the decimals that the warehouse stores. A page that it refuses
(more digits, a wrong type) is read again in Python, which either finds the exact results or names
the invalid bucket and field.
"""

from __future__ import annotations

import contextlib
import decimal
import io
import json
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

MONEY = pa.decimal128(38, 18)
QUANTITY = pa.decimal128(38, 9)
DAY_SECONDS = 86_400
END_OF_CALENDAR = 253_402_300_800
"""The Unix time of the year 10000, which Python's dates do not reach."""

_EXACT_LITERAL = pa.decimal256(76, 38)
_WHOLE = pa.decimal128(38, 0)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
# PyArrow 26 crashes the process on a document that is `null`, and on exponents far below those of
# any decimal, such as 1E-99999999. It drops the upper bits of a number of more than 256 bits. In a
# string, JSON escapes may spell either number.
_UNSAFE_NUMBER = (
    r"[\d.][eE]-\d{5}"
    r"|[\s:\",\[]-?\d+(?:\.\d*)?[eE]\+?\d"
    r"|\d{39}"
    r"|\\u00(?:2[bBdDeE]|3\d|[46]5)"
)
# OpenAI writes some amounts with 39 decimals, one more than PyArrow reads; the last one is zero.
_ZEROS_AFTER_38_DECIMALS = r'("value"\s*:\s*"?-?\d+\.\d{38})0+("?\s*[,}])'
_ENOUGH_DIGITS = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_EVEN)

COST_RESULT = pa.struct(
    [
        ("organization_id", pa.string()),
        ("organization_name", pa.string()),
        ("project_id", pa.string()),
        ("project_name", pa.string()),
        ("user_id", pa.string()),
        ("user_email", pa.string()),
        ("api_key_id", pa.string()),
        ("line_item", pa.string()),
        ("api_source", pa.string()),
        ("amount", pa.struct([("value", MONEY), ("currency", pa.string())])),
        ("quantity", QUANTITY),
        ("quantity_unit", pa.string()),
    ]
)
"""A result of costs with its undocumented fields; any field may be missing."""


@dataclass(frozen=True)
class Bucket:
    """One UTC day of a page: start and end (excluded) in Unix seconds, and number of results."""

    start: int
    end: int
    size: int

    @property
    def day(self) -> date:
        return datetime.fromtimestamp(self.start, UTC).date()


@dataclass(frozen=True, eq=False)
class Page:
    """A decoded page: its buckets, and their results one after the other, in the same order."""

    buckets: Sequence[Bucket]
    results: pa.Table
    has_more: bool
    next_page: str | None

    def without(self, days: Set[date]) -> Page:
        """The page without these days."""
        kept = [bucket for bucket in self.buckets if bucket.day not in days]
        is_kept = [bucket.day not in days for bucket in self.buckets for _ in range(bucket.size)]
        return replace(
            self, buckets=kept, results=self.results.filter(pa.array(is_kept, pa.bool_()))
        )


def read_page(body: bytes, result: pa.StructType = COST_RESULT) -> Page:
    """Decode a page of buckets with results of the type `result`; other fields are ignored.

    Raises ValueError, which names the invalid bucket, if the reply is not such a page.
    """
    # PyArrow searches a large page 25 times as fast as Python, and releases the GIL.
    text = pa.Array.from_buffers(
        pa.binary(),
        1,
        [None, pa.array([0, len(body)], pa.int32()).buffers()[1], pa.py_buffer(body)],
    )
    try:
        text = text.cast(pa.string())
    except pa.ArrowInvalid:
        raise ValueError("it is not UTF-8") from None
    text = pc.replace_substring_regex(text, _ZEROS_AFTER_38_DECIMALS, r"\1\2")
    is_unsafe = pc.match_substring_regex(text, _UNSAFE_NUMBER)[0].as_py()
    if body.lstrip().startswith(b"{") and not is_unsafe:
        with contextlib.suppress(pa.ArrowException):
            return _read_page_with_arrow(text[0].as_buffer().to_pybytes(), result)
    return _read_page_with_python(body, result)


def _read_page_with_arrow(body: bytes, result: pa.StructType) -> Page:
    bucket = [
        ("start_time", pa.int64()),
        ("end_time", pa.int64()),
        ("results", pa.list_(_literals(result))),
    ]
    envelope = pa.schema(
        [
            ("object", pa.string()),
            ("has_more", pa.bool_()),
            ("next_page", pa.string()),
            ("data", pa.list_(pa.struct(bucket))),
        ]
    )
    documents = pj.read_json(
        io.BytesIO(body),
        # A block must hold the whole page: it is one JSON document.
        read_options=pj.ReadOptions(use_threads=False, block_size=len(body) + 1),
        parse_options=pj.ParseOptions(
            explicit_schema=envelope, newlines_in_values=True, unexpected_field_behavior="ignore"
        ),
    )
    if documents.num_rows != 1 or documents["object"][0].as_py() != "page":
        raise ValueError("it is not a page")
    data = documents["data"].combine_chunks()
    if data.null_count:
        raise ValueError("it has no data")
    buckets = data.flatten()
    results = buckets.field("results")
    rows = results.flatten()
    # The Python reader reports which object is missing or which day is invalid.
    if any(a.null_count for a in (buckets, *buckets.flatten(), rows)):
        raise pa.ArrowInvalid("a bucket is incomplete")
    return Page(
        buckets=[
            _bucket(start, end, size)
            for start, end, size in zip(
                buckets.field("start_time").to_pylist(),
                buckets.field("end_time").to_pylist(),
                pc.list_value_length(results).to_pylist(),
                strict=True,
            )
        ],
        results=pa.table(
            [_rounded(rows.field(field.name), field.type) for field in result],
            schema=pa.schema(list(result)),
        ),
        has_more=bool(documents["has_more"][0].as_py()),
        next_page=documents["next_page"][0].as_py(),
    )


def _literals(stored: pa.DataType) -> pa.DataType:
    """The same type with every decimal wide enough for the API's literals."""
    if pa.types.is_struct(stored):
        return pa.struct([(field.name, _literals(field.type)) for field in stored])
    return _EXACT_LITERAL if pa.types.is_decimal(stored) else stored


def _rounded(values: pa.Array, stored: pa.DataType) -> pa.Array:
    if pa.types.is_struct(stored):
        return pa.StructArray.from_arrays(
            [_rounded(pc.struct_field(values, field.name), field.type) for field in stored],
            fields=list(stored),
        )
    if not pa.types.is_decimal(stored):
        return values
    with contextlib.suppress(pa.ArrowInvalid):
        return values.cast(stored)
    rounded = pc.round(values, ndigits=stored.scale, round_mode="half_to_even")
    # PyArrow 26 rounds up to one unit too few if the result is a multiple of 2^32 units: it is then
    # more than half a unit off, or a tie that became odd.
    room = pa.decimal256(75, _EXACT_LITERAL.scale)
    off = pc.abs(pc.subtract(values.cast(room), rounded.cast(room)))
    half = pa.scalar(decimal.Decimal(5).scaleb(-stored.scale - 1), room)
    if pc.any(pc.greater(off, half)).as_py() or any(
        tie is not None and int(_ENOUGH_DIGITS.scaleb(tie, stored.scale)) % 2
        for tie in rounded.filter(pc.equal(off, half)).to_pylist()
    ):
        raise pa.ArrowInvalid("a value was rounded wrongly")
    return rounded.cast(stored)


def _read_page_with_python(body: bytes, result: pa.StructType) -> Page:
    document = json_object(body)
    data = document.get("data")
    if document.get("object") != "page" or not isinstance(data, list):
        raise ValueError("it is not a page")
    next_page = document.get("next_page")
    _value("its next_page", next_page, pa.string())
    buckets, rows = [], []
    for item in data:
        item = item if isinstance(item, dict) else {}
        start, end, results = (item.get(name) for name in ("start_time", "end_time", "results"))
        if type(start) is not int:
            raise ValueError("a bucket has no start_time, in whole seconds")
        if type(end) is not int:
            day = _bucket(start, start + DAY_SECONDS, 0).day
            raise ValueError(f"the bucket of {day} has no end_time, in whole seconds")
        bucket = _bucket(start, end, len(results) if isinstance(results, list) else 0)
        if not isinstance(results, list):
            raise ValueError(f"the bucket of {bucket.day} has no results")
        try:
            rows += [_value("result", False if row is None else row, result) for row in results]
        except ValueError as error:
            raise ValueError(f"in the bucket of {bucket.day}, {error}") from None
        buckets.append(bucket)
    table = pa.Table.from_pylist(rows, schema=pa.schema(list(result)))
    return Page(buckets, table, bool(document.get("has_more")), next_page)


def _value(name: str, value: Any, stored: pa.DataType) -> Any:
    """A JSON value as the exact Python value for an Arrow type. Raises ValueError with `name`."""
    if value is None:
        return None
    if pa.types.is_struct(stored):
        if not isinstance(value, dict):
            raise ValueError(f"{name} is not an object")
        return {
            field.name: _value(field.name, value.get(field.name), field.type) for field in stored
        }
    if pa.types.is_decimal(stored):
        return _decimal(name, value, stored)
    if pa.types.is_integer(stored):
        return _whole_number(name, value)
    if pa.types.is_boolean(stored):
        if not isinstance(value, bool):
            raise ValueError(f"{name} is neither true nor false: {str(value)[:60]!r}")
        return value
    if not isinstance(value, str):
        raise ValueError(f"{name} is not text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds characters that are not valid text") from None
    return value


def _decimal(name: str, value: Any, stored: pa.Decimal128Type) -> decimal.Decimal:
    if isinstance(value, float):
        raise ValueError(f"{name} is a number that is too large")
    literal = str(value) if isinstance(value, (str, int, decimal.Decimal)) else ""
    if isinstance(value, bool) or not _NUMBER.fullmatch(literal):
        raise ValueError(f"{name} is not a number: {str(value)[:60]!r}")
    try:
        return stored_decimal(name, decimal.Decimal(literal), stored)
    except decimal.InvalidOperation:
        raise ValueError(f"{name} is too large: {literal[:60]}") from None


def _whole_number(name: str, value: Any) -> int:
    number = _decimal(name, value, _WHOLE)
    if number != decimal.Decimal(str(value)):
        raise ValueError(f"{name} is not a whole number: {str(value)[:60]!r}")
    if abs(number) >= 2**63:
        raise ValueError(f"{name} is too large: {str(value)[:60]}")
    return int(number)


def stored_decimal(name: str, value: decimal.Decimal, stored: pa.Decimal128Type) -> decimal.Decimal:
    """The value rounded half-even to the stored decimals. Raises ValueError if it is too large."""
    unit = decimal.Decimal(1).scaleb(-stored.scale)
    try:
        rounded = value.quantize(unit, context=_ENOUGH_DIGITS)
    except decimal.InvalidOperation:
        rounded = None
    if rounded is None or rounded.copy_abs() >= 10 ** (stored.precision - stored.scale):
        raise ValueError(f"{name} is too large: {str(value)[:60]}")
    return rounded


def _bucket(start: int, end: int, size: int) -> Bucket:
    # Today's bucket may end now; no bucket is longer than its day.
    in_calendar = 0 <= start < END_OF_CALENDAR
    if not in_calendar or start % DAY_SECONDS or not start < end <= start + DAY_SECONDS:
        raise ValueError(f"a bucket from {start} to {end} is not a UTC day")
    return Bucket(start, end, size)


def json_object(body: bytes) -> dict[str, Any]:
    """A JSON object with exact decimals. Raises ValueError if the reply is not JSON.

    A number becomes a float (0 or infinity) only if neither a decimal nor an integer can hold it.
    """

    def number(literal: str) -> Any:
        try:
            return int(literal) if literal.strip("-").isdigit() else decimal.Decimal(literal)
        except (ValueError, decimal.InvalidOperation):
            return float(literal)

    def refuse(literal: str) -> Any:
        raise ValueError(f"it holds {literal}, which is not a number")

    # Python also detects UTF-16 and UTF-32, in which a quoted key is not redacted.
    try:
        document = json.loads(
            body.decode("utf-8-sig"), parse_float=number, parse_int=number, parse_constant=refuse
        )
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("it is not JSON") from None
    return document if isinstance(document, dict) else {}
