"""Reading rows, grouping them, and the arithmetic of amounts and ratios."""

import csv
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

ZERO = Decimal(0)
MILLION = Decimal(10**6)
ONE_DAY = timedelta(days=1)


def read_raw(connection):
    """The rows of each raw table in a DuckDB file, by the name of the table."""
    tables = connection.execute("""
        select table_name from information_schema.tables
        where table_schema = 'openai_raw' and not starts_with(table_name, '_dlt')
    """).fetchall()
    return {
        name: connection.execute(f"from openai_raw.{name}").to_arrow_table().to_pylist()
        for (name,) in tables
    }


def read_csv(path):
    """The rows of a seed, without comments; values are trimmed, and empty ones are None."""
    with path.open(newline="") as file:
        rows = [
            {name: (value or "").strip() or None for name, value in row.items()}
            for row in csv.DictReader(file)
        ]
    return [row for row in rows if not str(next(iter(row.values()))).startswith("#")]


def currency_of(row):
    """The currency of a raw row, in capitals; dollars if the API returned none."""
    return (row["currency"] or "").strip().upper() or "USD"


def grouped(rows, key):
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def total(amounts):
    return sum(amounts, ZERO)


def ratio(part, whole):
    """The ratio of two exact numbers as a float; None without a whole."""
    return float(part) / float(whole) if whole else None


def only(values):
    """The single value; None if there is none, or several."""
    values = set(values)
    return values.pop() if len(values) == 1 else None


def lower_median(values):
    """The middle value by rank; of two middle values, the lower one."""
    return sorted(values)[(len(values) - 1) // 2]


def month_of(day):
    return day.replace(day=1)


def days_between(first, last):
    """The days from the first to the last one, both included."""
    return [first + ONE_DAY * n for n in range((last - first).days + 1)]


def days_of_month(month):
    return days_between(month, month_of(month + ONE_DAY * 31) - ONE_DAY)
