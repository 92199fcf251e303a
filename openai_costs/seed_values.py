"""Amounts, months and days in seeds, as people and spreadsheets write them.

An amount with three digits after its only comma or point has two meanings in a file that is
separated by semicolons or tabs, which a spreadsheet with any regional format may have written.
With commas between values, a point is the decimal point.
"""

from __future__ import annotations

import re
from datetime import date

AMOUNT, MONTH, DAY = "amount", "month", "day"

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def parse_value(kind: str, text: str, delimiter: str) -> str:
    """Return a value as the models read it, such as 1234.56, 2026-10 or 2026-10-01.

    `delimiter` is the one between the values of the file. Raises ValueError with the reason if the
    text has no meaning or more than one.
    """
    if text and kind == AMOUNT:
        return _amount(text, delimiter)
    if text and kind == MONTH:
        return _month(text)
    if text and kind == DAY:
        return _day(text)
    return text


def _amount(text: str, delimiter: str) -> str:
    if _matches(r"[-+]?[\d.,]+e[-+]?\d+", text):
        raise ValueError("may be rounded: format the cell as a number, and enter the amount again")
    if _matches(r"-?[1-9]\d{0,2}[.,]\d{3}", text) and (delimiter != "," or "," in text):
        raise ValueError("can be thousands or decimals: write an amount such as 1234.56")
    if delimiter != "," and _matches(r"-?\d+,\d+", text):
        return text.replace(",", ".")
    if not _matches(r"-?(\d+\.?\d*|\.\d+)", text):
        raise ValueError("is not an amount such as 1234.56")
    return text


def _month(text: str) -> str:
    if parts := _matches(r"(20\d\d)[-/](\d{1,2})", text):
        year, month = parts[1], int(parts[2])
    elif parts := _matches(r"(\d{1,2})[-/.](20\d\d)", text):
        year, month = parts[2], int(parts[1])
    elif (parts := _matches(r"([a-z]{3})-(\d\d)", text)) and parts[1].lower() in _MONTHS:
        # Excel turns 2026-10 into a date, and saves it as Oct-26.
        year, month = f"20{parts[2]}", _MONTHS.index(parts[1].lower()) + 1
    else:
        days = _days(text)
        if len(days) != 1 or days[0].day != 1:
            raise ValueError("is not a month such as 2026-10")
        return f"{days[0]:%Y-%m}"
    if not 1 <= month <= 12:
        raise ValueError("is not a month such as 2026-10")
    return f"{year}-{month:02}"


def _day(text: str) -> str:
    days = _days(text)
    if len(days) > 1:
        raise ValueError(f"can be {days[0]} or {days[1]}: write a day such as 2026-10-01")
    if not days:
        raise ValueError("is not a day such as 2026-10-01")
    return str(days[0])


def _days(text: str) -> list[date]:
    """Return the days that a text can mean; with points, the day of the month comes first."""
    if parts := _matches(r"(20\d\d)([-/.])(\d{1,2})\2(\d{1,2})( 00:00(:00)?)?", text):
        readings = [(parts[1], parts[3], parts[4])]
    elif parts := _matches(r"(\d{1,2})([-/.])(\d{1,2})\2(20\d\d)( 00:00(:00)?)?", text):
        readings = [(parts[4], parts[3], parts[1])]
        if parts[2] != ".":
            readings.append((parts[4], parts[1], parts[3]))
    else:
        readings = []
    days = []
    for year, month, day in readings:
        try:
            days.append(date(int(year), int(month), int(day)))
        except ValueError:
            continue
    return sorted(set(days))


def _matches(pattern: str, text: str) -> re.Match[str] | None:
    return re.fullmatch(pattern, text, re.ASCII | re.IGNORECASE)
