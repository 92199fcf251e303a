"""Any reply becomes exact rows, or one error that names the invalid bucket.

Pages are generated as JSON text, never with `json.dumps`, so that numbers keep their spelling. The
rows that a page must become are computed independently, with integers and plain Python.
"""

import itertools
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import pytest
from conftest import Warehouse, days_ago
from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st
from running import PROJECT

from openai_costs_source.api.client import Client
from openai_costs_source.api.date_ranges import DateRange, missing_days
from openai_costs_source.api.pages import read_page
from openai_costs_source.errors import OpenAICostsError
from openai_costs_source.extract.rows import COSTS, cost_rows, sums_per_day
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY, SimulatedApi

DAY = date(2025, 12, 6)
START = 1764979200  # DAY, in Unix seconds
DAY_SECONDS = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOADED_AT = datetime(2025, 12, 8, tzinfo=UTC)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MONEY, QUANTITY = (38, 18), (38, 9)  # digits in all, decimals
NAMES = ["organization_name", "project_id", "project_name", "user_id", "user_email", "api_key_id"]
NAMES += ["line_item", "api_source", "quantity_unit"]
TEXTS = ["organization_id", *NAMES]
EXACT = Context(prec=10_000)

# What a page must become


class Number(str):
    """A bare JSON number, as it was spelled."""


class NoJson:
    """NaN or an infinity: invalid JSON that many writers produce."""


@dataclass
class Expected:
    """What a page must become: its contents, or a refusal.

    With `faults`, the page must be refused. With `doubts`, it may be refused or give exact rows.
    Both are patterns, of which the message of a refusal must match one.
    """

    rows: list = field(default_factory=list)
    days: list = field(default_factory=list)
    sums: dict = field(default_factory=dict)
    has_more: bool | None = None
    next_page: str | None = None
    faults: list = field(default_factory=list)
    doubts: list = field(default_factory=list)


NO_PAGE = "^it (is|has|holds) "


def expected_from(body):
    """What read_page must make of the body."""
    expected = Expected()

    def no_json(_):
        # In a field that is not requested, PyArrow skips it, and Python's decoder does not.
        expected.doubts.append(NO_PAGE)
        return NoJson()

    try:
        # If an object has a key twice, the last value counts, as in most JSON readers.
        page = json.loads(
            body.decode().removeprefix("\ufeff"),
            parse_int=Number,
            parse_float=Number,
            parse_constant=no_json,
        )
    except ValueError:
        page = None
    is_page = isinstance(page, dict) and page.get("object") == "page"
    if not is_page or not isinstance(page.get("data"), list):
        expected.faults.append(NO_PAGE)
        return expected
    expected.next_page = _text(page.get("next_page"), "next_page", expected)
    if page.get("has_more") in (True, False, None):
        expected.has_more = bool(page.get("has_more"))
    for bucket in page["data"]:
        _expect_bucket(bucket, expected)
    return expected


def _expect_bucket(bucket, expected):
    if not isinstance(bucket, dict):
        expected.faults.append("bucket")
        return
    start, end = _whole(bucket.get("start_time")), _whole(bucket.get("end_time"))
    is_midnight = start is not None and 0 <= start < 253_402_300_800 and start % DAY_SECONDS == 0
    day = (EPOCH + timedelta(seconds=start)).date() if is_midnight else None
    if start is None or end is None:
        expected.faults.append(str(day or "bucket"))
        return
    # Today's bucket may end before its day does.
    if not day or not start < end <= start + DAY_SECONDS:
        expected.faults.append(f"{start} to {end}")
        return
    if not isinstance(bucket.get("results"), list):
        expected.faults.append(str(day))
        return
    span = {
        "date": day,
        "bucket_start": EPOCH + timedelta(seconds=start),
        "bucket_end": EPOCH + timedelta(seconds=end),
    }
    rows = [span | _row(result, day, expected) for result in bucket["results"]]
    sums = expected.sums[day] = {}
    with localcontext(EXACT):
        for row in rows:
            currency = ((row["currency"] or "").strip() or "usd").lower()
            total, count = sums.get(currency, (Decimal(0), 0))
            sums[currency] = (total + (row["amount"] or Decimal(0)), count + 1)
    amounts = [total for total, _ in sums.values()]
    amounts += [row["amount"] or Decimal(0) for row in rows]
    if any(amount.copy_abs() >= 10**15 for amount in amounts):
        expected.faults.append(str(day))
    expected.days.append(day)
    expected.rows += rows


def _row(result, day, expected):
    result = _object(result, day, expected)
    amount = {} if result.get("amount") is None else _object(result["amount"], day, expected)
    return {name: _text(result.get(name), day, expected) for name in TEXTS} | {
        "organization_id": "org-1",
        "amount": _decimal(amount.get("value"), MONEY, day, expected),
        "currency": _text(amount.get("currency"), day, expected),
        "quantity": _decimal(result.get("quantity"), QUANTITY, day, expected),
        "grouped_by": "line_item",
        "loaded_at": LOADED_AT,
    }


def _whole(value):
    is_whole = isinstance(value, Number) and re.fullmatch(r"-?\d+", value)
    return int(value) if is_whole else None


def _object(value, day, expected):
    if isinstance(value, dict):
        return value
    expected.faults.append(str(day))
    return {}


def _text(value, name, expected):
    if value is None:
        return None
    # A lone surrogate is valid JSON, but UTF-8 cannot encode it.
    if type(value) is str and not re.search("[\ud800-\udfff]", value):
        return value
    expected.faults.append(str(name))
    return None


def _decimal(value, stored, day, expected):
    """The number, rounded once, half to even. Like many of OpenAI's, it may be a string."""
    digits, decimals = stored
    if value is None:
        return None
    number = r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+))?"
    spelled = isinstance(value, str) and re.fullmatch(number, value)
    if not spelled:
        expected.faults.append(str(day))
        return None
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", value):
        # Such as "+1", ".5" or digits of other scripts: may be refused or read as that number.
        expected.doubts.append(str(day))
    mantissa, exponent = EXACT.create_decimal(spelled[1]), int(spelled[2] or 0)
    if abs(exponent) > 10**17:
        expected.doubts.append(str(day))
    highest = mantissa.adjusted() + exponent
    if not mantissa or highest < -50:
        return Decimal(0)
    units = 10**digits
    if highest < 50:
        units = round(Fraction(mantissa) * Fraction(10) ** exponent * 10**decimals)
    if abs(units) >= 10**digits:
        expected.faults.append(str(day))
        return None
    return EXACT.scaleb(Decimal(units), -decimals)


def gives_exact_rows(body):
    """Whether the page gives exact rows; asserts that otherwise it is refused as expected."""
    expected = expected_from(body)
    is_read = _is_read_exactly(body, expected)
    # PyArrow does not read a page with a byte order mark: both readers follow the same rules.
    is_read_by_python = _is_read_exactly(
        BYTE_ORDER_MARK + body.removeprefix(BYTE_ORDER_MARK), expected
    )
    return is_read and is_read_by_python


def _is_read_exactly(body, expected):
    read = outcome(body)
    if isinstance(read, ValueError):
        assert type(read) is ValueError
        patterns = expected.faults + expected.doubts
        assert any(re.search(pattern, str(read)) for pattern in patterns), (read, patterns)
        return False
    page, rows, sums = read
    assert expected.faults == []
    assert rows.schema == COSTS
    assert rows.to_pylist() == [{name: row[name] for name in COSTS.names} for row in expected.rows]
    assert [bucket.day for bucket in page.buckets] == expected.days
    assert sums == expected.sums
    assert page.next_page == expected.next_page
    assert expected.has_more in (page.has_more, None)
    if len(sums) < len(expected.days):
        requested = DateRange(min(sums), max(sums) + timedelta(days=1))
        with pytest.raises(ValueError, match="twice"):
            missing_days(requested, page.buckets)
    return True


def outcome(body):
    try:
        page = read_page(body)
        return page, cost_rows(page, "org-1", ["line_item"], LOADED_AT), sums_per_day(page)
    except ValueError as error:
        return error


# Numbers, as JSON spells them

NEAR_TIES = ["", "4", "49", "51", "6", "4" + "9" * 15, "5" + "0" * 15 + "1"]
TIES = ["5", "50", "5" + "0" * 30, "4" + "9" * 41, "5" + "0" * 41 + "1"]
ZEROS = ["0", "-0", "0.0", "-0.0", "0.000", "0e5", "-0E+30", "0E-6176", "0e-18"]
TINY = ["0E+6111", "1E-400", "-1E-19", "5e-19", "-15E-19", "1E-6176", "123.45e-9999", "1E-99999"]
LARGEST = ["9" * 15 + "." + "9" * 18, "-" + "9" * 15, "9" * 15 + "." + "9" * 18 + "49"]
TOO_LARGE = ["1e20", "-1E+20", "1" + "0" * 20, "1e75", "1E76", "-9e77", "1e400", "9E999999"]
TOO_LARGE += ["9" * 20 + "." + "9" * 18 + "5", "9" * 60, "9" * 77 + ".5", "-1E999999999"]
LIMITLESS = ["9" * 4301, "-" + "1" * 5000, "1E99999999999999999999", "-9e1000000000000000000"]
WRAPPED = "1157920892373161954235709850086879078545"  # 2**256 units of 38 decimals, and 12.30
NO_NUMBERS = ['""', '" "', '"-"', '"."', '"+"', '"e5"', '"1e"', '"1e+"', '"--1"', '" 1"', '"1 "']
NO_NUMBERS += ['"1,5"', '"1_000"', '"$1"', '"0x1F"', '"five"', '"NaN"', '"-Infinity"', '"null"']
NO_NUMBERS += ['"1\\u0000"', '"\\u00001"', '"½"', "true", "false", "NaN", "Infinity", "-Infinity"]
NO_NUMBERS += ["[]", "{}", "[1]", '{"value": 1}', "[" * 90 + "]" * 90]
RARE_NUMBERS = [
    '"+1"',
    '".5"',
    '"1."',
    '"-.5e1"',
    '"٣"',
    '"\\u0661.5"',
    '"1E-99999999999999999999"',
]


def digits(least, most):
    return st.text("0123456789", min_size=least, max_size=most)


@st.composite
def decimals(draw, places=18, is_unusual=False):
    """A number that can be stored, as the digits before and after its point.

    Unusual ones are left to Python: PyArrow has too few digits, or would have to round a tie.
    """
    whole = draw(
        st.integers(0, 99)
        | st.integers(0, 10**12)
        | st.sampled_from([0, 16_383, 10**14 - 1, 10**15 - 2])
    )
    tail = draw(st.sampled_from(NEAR_TIES + TIES if is_unusual else NEAR_TIES))
    fraction = draw(
        digits(0, 60 if is_unusual else 30)
        | digits(places, places).map(lambda fraction: fraction + tail)
        | st.sampled_from(["0" * places + tail, "9" * places + tail, "0" * 20])
        # PyArrow 26 rounds up wrongly to a multiple of 2^32 units.
        | st.integers(1, 10**8).map(lambda n: str(n * 2**32 - 1).zfill(places)[-places:] + "9")
    )
    return str(whole), fraction


@st.composite
def spelled(draw, number):
    """One spelling of the number in JSON, with or without an exponent."""
    whole, fraction = draw(number)
    sign = draw(st.sampled_from(["", "", "-"]))
    spelling = draw(st.sampled_from(["plain", "plain", "scientific", "small"]))
    if spelling == "plain":
        return f"{sign}{whole}.{fraction}" if fraction else sign + whole
    run = (whole + fraction).lstrip("0") or "0"
    padding = draw(st.integers(0, 9))
    if spelling == "small":
        mantissa, shift = f"0.{'0' * padding}{run}", len(run) + padding - len(fraction)
    else:
        point = draw(st.integers(1, len(run)))
        after = run[point:] + "0" * padding
        mantissa = f"{run[:point]}.{after}" if after else run
        shift = len(run) - point - len(fraction)
    mark = draw(st.sampled_from(["e", "E", "e0", "E000"] if shift < 0 else ["e", "E+", "e+00"]))
    return sign + mantissa + (f"{mark[0]}-{mark[1:]}" if shift < 0 else mark) + str(abs(shift))


@st.composite
def wrapping(draw):
    """A number with too many bits for PyArrow 26, which would read a much smaller one."""
    places = draw(st.integers(0, 8))
    scale = 10 ** (38 - places)
    least = draw(st.integers(1, 10**9)) * 2**256 // scale + 1
    run = str(least + least // scale + 1 + draw(st.integers(0, 10**12)))
    point = len(run) - places
    return draw(spelled(st.just((run[:point], run[point:]))))


@st.composite
def quoted(draw, numbers, is_unusual):
    """The number, bare or as a string: with leading zeros or, if it is unusual, with escapes."""
    number = draw(numbers)
    spelling = draw(st.sampled_from(["%s", '"%s"', '"%s"', "zeros", *["escapes"] * is_unusual]))
    if spelling == "zeros":
        return f'"-00{number[1:]}"' if number.startswith("-") else f'"00{number}"'
    if spelling == "escapes":
        return f'"\\u{ord(number[0]):04x}{number[1:]}"'
    return spelling % number


def fitting(places, is_unusual):
    usual = spelled(decimals(places, is_unusual)) | st.sampled_from(ZEROS)
    return quoted(usual | st.sampled_from(TINY + LARGEST) if is_unusual else usual, is_unusual)


rare_numbers = st.sampled_from(RARE_NUMBERS)
large_numbers = quoted(st.sampled_from(TOO_LARGE + LIMITLESS) | wrapping(), is_unusual=True)

# Text, as JSON spells it

ESCAPES = ['\\"', r"\\", r"\/", r"\b", r"\f", r"\n", r"\r", r"\t", r"\u0000", r"\u001F", r"\uFFFF"]
ESCAPES += [r"\u00e9", r"\ud83d\ude00", r"\uD834\udd1E"]
SIGNS = ["\x7f", "\x85", "\u2028", "\ufeff", "\u202eabc", "\ufffe", " ", "👩‍👩‍👧", "ß", "عربي"]
LONE_SURROGATES = [r"\ud800", r"\udc00", r"\uDBFFx", r"\ude00\ud83d", r"\ud83d\n", r"a\udfff"]
characters = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\')
texts = st.lists(characters | st.sampled_from(ESCAPES + SIGNS), max_size=5).map(
    lambda signs: f'"{"".join(signs)}"'
) | st.sampled_from(
    ['""', '"usd"', '"tokens"', '"parsecs"', '"null"', '"1.50"', '" a "', f'"{"aé" * 999}"']
)
NO_TEXTS = ["0", "-1.5", "1e5", "true", "false", "[]", "{}", "[null]", "NaN"]
NO_TEXTS += [f'"{lone}"' for lone in LONE_SURROGATES]

# Whole pages

NO_OBJECTS = ["0", "5", '"5"', '""', '"usd"', "true", "false", "[]", "[{}]", "NaN"]
gaps = st.sampled_from(["", "", " ", "\n", "\t ", "\r\n    "])
anything = st.recursive(
    st.sampled_from(["null", "true", "false", '"x"', "{}", "[]", "[" * 90 + "]" * 90])
    | spelled(decimals())
    | texts,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.tuples(texts, inner).map(lambda pair: f"{{{pair[0]}: {pair[1]}}}")
    ),
    max_leaves=4,
)
# More values of a field that is not requested, for pages that need the Python reader.
unusual_values = st.sampled_from(
    [f'"{LONE_SURROGATES[0]}"', f'{{"{LONE_SURROGATES[1]}": 1}}', "1e400", '{"x": 1, "x": []}']
)
days = st.integers(20_000, 20_400).map(lambda day: (EPOCH + timedelta(days=day)).date()) | (
    st.sampled_from([date(1970, 1, 1), date(2024, 2, 29), date(2038, 1, 19), date(9999, 12, 30)])
)


class PageWriter:
    """Writes a page: if `is_unusual`, it needs the Python reader; if `is_wild`, it may be wrong."""

    def __init__(self, draw, is_wild=False, texts=TEXTS):
        self.draw, self.is_wild, self.texts = draw, is_wild, texts
        self.is_unusual = draw(st.booleans())

    def sometimes(self, others):
        return self.draw(st.integers(0, others)) == others

    def goes_wrong(self):
        return self.is_wild and self.sometimes(20)

    def one_of(self, *choices):
        return self.draw(st.sampled_from(choices))

    def object(self, **fields):
        """A JSON object of the fields that are not None, rotated, with any space between them."""
        gap = self.draw(gaps)
        pairs = [(f'"{name}"', value) for name, value in fields.items() if value is not None]
        if self.sometimes(4):
            unknown = anything | unusual_values if self.is_unusual else anything
            pairs.append((self.draw(texts), self.draw(unknown)))
        first = self.draw(st.integers(0, max(0, len(pairs) - 1)))
        pairs = pairs[first:] + pairs[:first]
        if pairs and self.is_unusual and self.sometimes(8):
            # Repeat a key: the last value counts, so only a later value may be wrong.
            place = self.one_of(0, len(pairs)) if self.is_wild else 0
            pairs.insert(place, (self.one_of(*pairs)[0], self.draw(anything)))
        if pairs and pairs[0][0][1].isalpha() and self.sometimes(8):
            name, value = pairs[0]
            pairs[0] = f'"\\u{ord(name[1]):04x}{name[2:]}', value
        written = [f"{gap}{name}{gap}:{gap}{value}{gap}" for name, value in pairs]
        return f"{{{','.join(written) or gap}}}"

    def array(self, items):
        gap = self.draw(gaps)
        return f"[{gap}{f'{gap},{gap}'.join(items)}{gap}]"

    def text(self):
        if self.goes_wrong():
            return self.draw(st.sampled_from(NO_TEXTS) | anything)
        return "null" if self.sometimes(8) else self.draw(texts)

    def number(self, places):
        if self.goes_wrong():
            return self.draw(st.sampled_from(NO_NUMBERS) | anything | rare_numbers | large_numbers)
        return "null" if self.sometimes(8) else self.draw(fitting(places, self.is_unusual))

    def amount(self):
        if self.goes_wrong():
            return self.draw(st.sampled_from(NO_OBJECTS) | anything)
        if self.sometimes(8):
            return self.one_of("null", None, "{}")
        return self.object(value=self.number(18), currency=self.text())

    def result(self):
        if self.goes_wrong():
            return self.draw(st.sampled_from(["null", *NO_OBJECTS]) | anything)
        names = self.draw(st.sets(st.sampled_from(self.texts), max_size=3))
        quantity = self.number(9) if self.draw(st.booleans()) else None
        named = {name: self.text() for name in sorted(names)}
        return self.object(amount=self.amount(), quantity=quantity, **named)

    def bucket(self, day):
        if self.goes_wrong():
            return self.draw(anything)
        start = (day - EPOCH.date()).days * DAY_SECONDS
        end = start + self.one_of(DAY_SECONDS, DAY_SECONDS, 1, 3600)
        if self.goes_wrong():
            start = self.one_of(start + 1, -DAY_SECONDS, 10**30, 253_402_300_800, f'"{start}"')
        if self.goes_wrong():
            end = self.one_of(start, end + DAY_SECONDS, f"{end}.0", "null", f'"{end}"', "1e9", None)
        listed = self.array(
            [self.result() for _ in range(self.draw(st.integers(0, 3)))]
            * (2 if self.sometimes(8) else 1)
        )
        if self.goes_wrong():
            listed = self.draw(st.sampled_from(["null", "{}", None, '""', "0"]) | anything)
        return self.object(start_time=start, end_time=end, results=listed)

    def page(self, buckets, is_last=False):
        kind, listed = '"page"', self.array(buckets)
        if self.goes_wrong():
            kind = self.one_of('"list"', "null", None, '"Page"', "1", '"page\\u0000"')
        if self.goes_wrong():
            listed = self.draw(st.sampled_from(["null", "{}", None, "0", '""']))
        has_more = self.one_of("false", "null", None, *([] if is_last else ["true"]))
        if self.goes_wrong():
            has_more = self.draw(anything)
        page = self.object(object=kind, has_more=has_more, next_page=self.text(), data=listed)
        return self.one_of("%s", "%s\n", "\r\n\t %s \n\n", "\ufeff%s").replace("%s", page).encode()


@st.composite
def hostile_pages(draw, is_wild=False):
    writer = PageWriter(draw, is_wild)
    drawn = draw(st.lists(days, max_size=3, unique=True))
    buckets = [writer.bucket(day) for day in drawn]
    if drawn and writer.sometimes(8):
        buckets.append(writer.one_of(buckets[0], writer.bucket(drawn[0])))
    return writer.page(buckets)


def page_of(*results, start=START, end=START + DAY_SECONDS):
    listed = ", ".join(results)
    bucket = f'{{"start_time": {start}, "end_time": {end}, "results": [{listed}]}}'
    return f'{{"object": "page", "has_more": false, "data": [{bucket}]}}'.encode()


def page_of_amount(literal):
    return page_of(f'{{"amount": {{"value": {literal}, "currency": "usd"}}}}')


# Properties

slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@settings(slow)
@given(hostile_pages())
def test_valid_page_gives_exactly_its_rows(body):
    # The only possible fault here is a sum that is too large, of amounts that each fit.
    assert gives_exact_rows(body) == (expected_from(body).faults == [])


@settings(slow)
@given(hostile_pages(is_wild=True))
def test_invalid_page_gives_exact_rows_or_an_error_with_the_bucket(body):
    gives_exact_rows(body)


@settings(slow)
@given(
    st.lists(
        fitting(18, is_unusual=True) | fitting(9, is_unusual=False) | large_numbers | rare_numbers,
        min_size=1,
        max_size=6,
    )
)
@example([f'"-{WRAPPED}"', "1.5"])
@example(["1157920892373161954235709850086879178E3"])
def test_numbers_of_any_size_and_spelling_are_exact_or_refused_with_the_day(numbers):
    results = [f'{{"amount": {{"value": {number}}}, "quantity": {number}}}' for number in numbers]
    gives_exact_rows(page_of(*results))


@settings(slow)
@given(hostile_pages(), st.data())
def test_page_with_bytes_exchanged_gives_exact_rows_or_is_refused(body, data):
    place, length = data.draw(st.integers(0, len(body))), data.draw(st.integers(0, 3))
    put = data.draw(st.binary(max_size=3) | st.sampled_from([b'"', b"}", b"9", b",{}", b"null"]))
    gives_exact_rows(body[:place] + put + body[place + length :])


@settings(slow)
@given(hostile_pages(), st.data())
def test_truncated_page_is_refused(body, data):
    whole = body.rstrip()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(ValueError, match=NO_PAGE):
        read_page(cut)


@pytest.mark.parametrize(
    ("result", "wrong"),
    [
        ("%s", ["null", *NO_OBJECTS]),
        ('{"amount": %s}', NO_OBJECTS),
        ('{"amount": {"value": %s}}', NO_NUMBERS),
        ('{"quantity": %s}', NO_NUMBERS),
        ('{"amount": {"value": 1, "currency": %s}}', NO_TEXTS),
        *((f'{{"{name}": %s}}', NO_TEXTS) for name in TEXTS),
    ],
)
def test_wrong_type_at_any_place_is_refused_with_the_day(result, wrong):
    for value in wrong:
        assert not gives_exact_rows(page_of("{}", result % value))


@pytest.mark.parametrize("opening", ["[", '{"a": ', '[{"": ['])
@pytest.mark.parametrize("depth", [1, 2, 9, 100, 300, 900, 1000, 5000, 100_000])
@pytest.mark.parametrize("fields", ['"amount": {"value": %s}', '"line_item": %s', '"quantity": %s'])
def test_any_depth_of_nesting_is_safe(opening, depth, fields):
    closing = "".join({"[": "]", "{": "}"}.get(sign, "") for sign in opening[::-1])
    nested = opening * depth + "1" + closing * depth
    assert isinstance(outcome(page_of(f"{{{fields % nested}}}")), ValueError)
    read = outcome(page_of(f'{{"unknown": {nested}, "quantity": 2}}'))
    # Python's reader skips nesting up to its recursion limit; PyArrow has no limit.
    if depth <= 100 or not isinstance(read, ValueError):
        assert read[1]["quantity"].to_pylist() == [Decimal(2)]


@pytest.mark.parametrize("number", [*LIMITLESS, *(f'"{number}"' for number in LIMITLESS)])
def test_number_that_is_too_large_is_refused_with_its_day(number):
    with pytest.raises(ValueError, match=str(DAY)):
        read_page(page_of("{}", f'{{"quantity": {number}}}'))


@pytest.mark.parametrize("end", ["null", '"1765065600"', "1765065600.0", "true", "[]"])
def test_bucket_with_a_start_and_no_end_is_named_by_its_day(end):
    with pytest.raises(ValueError, match=str(DAY)):
        read_page(page_of("{}", end=end))


def test_exponent_that_crashes_pyarrow_is_safe_in_every_spelling():
    """In another process, because it could crash this one."""
    disguises = [
        "".join(
            f"\\u{ord(sign):04{letters}}" if is_hidden else sign
            for sign, is_hidden in zip(number, hidden, strict=True)
        )
        + "-99999999"
        for number in ["1.E", "05e", "-5E", "1.5e"]
        for letters in "xX"
        for hidden in itertools.product([False, True], repeat=len(number))
    ]
    code = (
        "import sys; from openai_costs_source.api.pages import read_page\n"
        "for page in sys.stdin.buffer:\n"
        "    try: print(read_page(page).results['amount'][0]['value'].as_py())\n"
        "    except ValueError as error: print(error)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        input=b"\n".join(page_of_amount(f'"{disguise}"') for disguise in disguises),
        capture_output=True,
        cwd=PROJECT,
        timeout=100,
    )
    lines = process.stdout.decode().splitlines()
    assert (process.returncode, len(lines)) == (0, len(disguises))
    assert {line for line in lines if str(DAY) not in line} <= {"0E-18"}


class Hostile(SimulatedApi):
    """Answers each request for costs with the same page."""

    page = b""

    def answer(self, method, target, authorization):
        status, body = super().answer(method, target, authorization)
        return (200, self.page.decode()) if "/costs" in target else (status, body)


@pytest.mark.parametrize("token", LONE_SURROGATES)
def test_invalid_page_token_is_one_clear_error(organization, token):
    with Hostile(organization) as api:
        api.page = page_of("{}").replace(b"false", f'true, "next_page": "{token}"'.encode())
        client = Client(DEMO_ADMIN_KEY, api.base_url, max_wait_seconds=0)
        with pytest.raises(OpenAICostsError, match="next_page"):
            list(client.pages("/organization/costs", {"start_time": START}, read_page))


# The warehouse

STORED = ["date", "bucket_end", "amount", "currency", "quantity", *NAMES]


@st.composite
def last_pages(draw):
    """Today and the two days before, in any order, without organization ids, which have rules."""
    writer = PageWriter(draw, texts=NAMES)
    drawn = draw(st.permutations([days_ago(n) for n in range(3)]))
    return writer.page([writer.bucket(day) for day in drawn], is_last=True)


@settings(slow, max_examples=4, phases=[Phase.generate])
@given(page=last_pages())
def test_warehouse_keeps_every_digit_and_every_character(organization, page):
    expected = expected_from(page)
    assume(expected.faults == [])
    with tempfile.TemporaryDirectory() as folder, Hostile(organization) as api:
        api.page = page
        warehouse = Warehouse(Path(folder))
        warehouse.load(api, resources=["costs"], since=days_ago(2), refetch_days=2)
        rows = warehouse.rows(f"select {', '.join(STORED)} from openai_raw.costs")
        sums = warehouse.rows("""
            select date, currency, row_amount, row_count from openai_raw.cost_days
            where row_amount is not null and row_count > 0
            union all
            select date, currency, row_amount, row_count from openai_raw.cost_days_by_currency
        """)
    expected_rows = [tuple(row[name] for name in STORED) for row in expected.rows]
    assert Counter(rows) == Counter(expected_rows)
    assert sorted(sums) == sorted(
        (day, currency, *day_sum)
        for day, day_sums in expected.sums.items()
        for currency, day_sum in day_sums.items()
    )
