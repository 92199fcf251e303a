"""The files that people fill in, read as spreadsheets and browsers save them.

dbt reads UTF-8 with commas. A file in another format is converted if it has one meaning, and
refused otherwise. The user's own files are never changed.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from openai_costs.folders import SEEDS
from openai_costs.seed_values import AMOUNT, DAY, MONTH, parse_value
from openai_costs.terminal import Stop, first_lines

_TEXT = "text"
COLUMNS = {
    "teams": {
        "organization_id": _TEXT,
        "kind": _TEXT,
        "id": _TEXT,
        "team": _TEXT,
        "cost_center": _TEXT,
        "valid_from": DAY,
        "valid_to": DAY,
    },
    "invoices": {
        "organization_id": _TEXT,
        "month": MONTH,
        "amount_before_tax": AMOUNT,
        "credits": AMOUNT,
        "tax": AMOUNT,
        "currency": _TEXT,
    },
    "budgets": {
        "organization_id": _TEXT,
        "scope": _TEXT,
        "id": _TEXT,
        "month": MONTH,
        "from_month": MONTH,
        "to_month": MONTH,
        "amount": AMOUNT,
        "currency": _TEXT,
    },
    "credit_grants": {
        "organization_id": _TEXT,
        "granted_on": DAY,
        "amount": AMOUNT,
        "currency": _TEXT,
    },
}
"""By seed, its columns and what they contain."""
OPTIONAL = {"valid_from", "valid_to"}

_SPREADSHEETS = (".txt", ".tsv", ".xls", ".xlsx", ".ods", ".numbers")
"""The endings of files that may contain a seed which was not saved as CSV."""
_WESTERN = frozenset(
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüÿŒœ€£«»°ºª’–\N{NO-BREAK SPACE}"
)
"""The other characters of Windows-1252 are more likely letters of another encoding."""


@dataclass(frozen=True)
class Seed:
    """A seed: its content as dbt reads it, and whether the user's file differs or is missing."""

    name: str
    content: bytes
    converted: bool = False
    missing: bool = False


def read_seeds(folder: Path) -> list[Seed]:
    """Return the seeds of a folder; a missing one is empty.

    Raises Stop with the file, the row and the reason if a seed cannot be used.
    """
    if not folder.is_dir():
        raise Stop(f"{SEEDS} names {folder}, which is not a folder.", 2)
    try:
        return [_read(folder, name) for name in COLUMNS]
    except OSError as error:
        reason = f"{error.filename or folder} cannot be read: {error.strerror}"
        raise Stop(f"{reason}. The seeds must be files that you can read.", 2) from None


def dbt_can_read(folder: Path, seeds: Sequence[Seed]) -> bool:
    """Return whether the folder contains these seeds as dbt reads them, and no other ones."""
    files = sorted(folder.rglob("*.csv"))
    unchanged = not any(seed.converted or seed.missing for seed in seeds)
    return unchanged and files == sorted(folder / f"{seed.name}.csv" for seed in seeds)


def write_seeds(seeds: Sequence[Seed], folder: Path) -> Path:
    """Write the seeds for dbt into a folder, and return the folder. Raises Stop.

    A file with the same content is not touched, so that dbt does not parse it again.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            file = folder / f"{seed.name}.csv"
            if not file.is_file() or file.read_bytes() != seed.content:
                # Replaces the file at once: another run may be reading it.
                new = folder / f"{seed.name}.{os.getpid()}"
                new.write_bytes(seed.content)
                new.replace(file)
    except OSError as error:
        raise Stop(f"The seeds for dbt cannot be written to {folder}: {error.strerror}.") from None
    return folder


def hash_of_seeds(seeds: Sequence[Seed]) -> str:
    """Return a hash of the seeds as dbt reads them."""
    digest = hashlib.sha256()
    for seed in seeds:
        digest.update(seed.name.encode() + seed.content)
    return digest.hexdigest()


def _read(folder: Path, name: str) -> Seed:
    columns = COLUMNS[name]
    file = _file(folder, name)
    if file is None:
        return Seed(name, _as_csv([list(columns)]), missing=True)
    data = file.read_bytes()
    content = _as_csv(_rows(file, _decoded(file, data), columns))
    return Seed(name, content, converted=content != data or file.name != f"{name}.csv")


def _file(folder: Path, name: str) -> Path | None:
    """Return the only file for a seed; None without one. Raises Stop if it may be another file."""
    similar = sorted(file for file in folder.iterdir() if file.name.lower().startswith(name))
    files = [file for file in similar if file.suffix.lower() == ".csv"]
    files = files or [file for file in similar if file.suffix.lower() in _SPREADSHEETS]
    if len(files) > 1:
        names = f"{files[0].name} and {files[1].name}"
        raise Stop(f"{folder} has {names}: keep only one, as {name}.csv.", 2)
    if files and files[0].name.lower() != f"{name}.csv":
        raise Stop(f"{folder} has {files[0].name}, but no {name}.csv: save it as {name}.csv.", 2)
    return files[0] if files else None


def _decoded(file: Path, data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        with contextlib.suppress(UnicodeDecodeError):
            text = data.decode(encoding)
            if "\0" not in text and (encoding != "cp1252" or _is_western(text)):
                return text
    raise Stop(f"{file} is not UTF-8, UTF-16 or Windows-1252: save it as CSV UTF-8.", 2)


def _is_western(text: str) -> bool:
    """Return whether a text looks like a Western European language.

    Windows-1252 decodes nearly all bytes, and a word in another alphabet as several such letters.
    """
    in_a_row = 0
    for character in text:
        in_a_row = 0 if character.isascii() else in_a_row + 1
        if in_a_row > 2 or not (character.isascii() or character in _WESTERN):
            return False
    return True


def _rows(file: Path, text: str, columns: dict[str, str]) -> list[list[str]]:
    """Return the header and the rows that are not empty, with values as the models read them."""
    delimiter = max(",;\t", key=lambda each: len(columns.keys() & set(_header(file, text, each))))
    header = _header(file, text, delimiter)
    if not header:
        raise Stop(f"{file} is empty: its first row must be {','.join(columns)}.", 2)
    (first, _), *numbered = _numbered(file, text, delimiter)
    _check_header(f"{file}, row {first}", header, columns)
    rows = [
        _row(f"{file}, row {number}", cells, header, columns, delimiter)
        for number, cells in numbered
    ]
    return [header, *rows]


def _header(file: Path, text: str, delimiter: str) -> list[str]:
    """Return the names of the columns, without empty ones at the end; none in an empty file."""
    _, cells = next(_numbered(file, text, delimiter), (0, []))
    names = [cell.lower() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _numbered(file: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, with their numbers in a spreadsheet or an editor."""
    # With a line break at the end, a value without its closing quotation mark contains it.
    lines = io.StringIO(text + "\n", newline="")
    number = 0
    try:
        for cells in csv.reader(lines, delimiter=delimiter, skipinitialspace=True):
            number += 1
            if any("\n" in cell or "\r" in cell for cell in cells):
                reason = "a value contains a line break, or a quotation mark is missing"
                raise Stop(f"{file}, row {number}: {reason}.", 2)
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield number, stripped
    except csv.Error as error:
        raise Stop(f"{file}, row {number + 1} cannot be read: {first_lines(error)}.", 2) from None


def _check_header(position: str, header: list[str], columns: dict[str, str]) -> None:
    known = f"The columns are {', '.join(columns)}."
    for name in header:
        if name not in columns:
            raise Stop(
                f"{position}: there is no column {name[:60] or 'without a name'}. {known}", 2
            )
        if header.count(name) > 1:
            raise Stop(f"{position}: the column {name} occurs twice. {known}", 2)
    for name in columns:
        if name not in header and name not in OPTIONAL:
            raise Stop(f"{position}: the column {name} is missing. {known}", 2)


def _row(
    position: str, cells: list[str], header: list[str], columns: dict[str, str], delimiter: str
) -> list[str]:
    """Return a value for each column. A comment, which starts with #, is not parsed."""
    values = [*cells, *[""] * len(header)][: len(header)]
    if values[header.index("organization_id")].startswith("#"):
        return values
    if any(cells[len(header) :]):
        raise Stop(f"{position} has {len(cells)} values, but there are {len(header)} columns.", 2)
    if len(cells) == 1:
        name = {",": "commas", ";": "semicolons", "\t": "tabs"}[delimiter]
        raise Stop(f"{position} has only one value: separate values by {name}, as in row 1.", 2)
    for index, name in enumerate(header):
        try:
            values[index] = parse_value(columns[name], values[index], delimiter)
        except ValueError as error:
            raise Stop(f"{position}: {name} is {values[index][:60]}, which {error}.", 2) from None
    return values


def _as_csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
