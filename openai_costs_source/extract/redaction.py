"""Which names and e-mail addresses of people are stored: the setting `user_emails`.

Ids are always stored: they distinguish people, and mean nothing without OpenAI's listing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

USER_EMAILS = ("plain", "hashed", "none")
"""`hashed` is the SHA-256 of the address in lower case, in hexadecimal: it joins with tables that
hash the same way. Anyone who knows an address can compute its hash, so a hash is a pseudonym, not a
secret."""


def checked_user_emails(setting: object) -> str:
    """One of `USER_EMAILS`. Raises ValueError for another setting."""
    emails = str(setting or USER_EMAILS[0]).strip().lower()
    if emails not in USER_EMAILS:
        raise ValueError(f"user_emails is {setting}; it must be one of {', '.join(USER_EMAILS)}.")
    return emails


@dataclass(frozen=True)
class PersonalColumns:
    """The columns of a raw table that identify a person (`id`) and that name the person."""

    id: str
    names: tuple[str, ...]
    email: str | None

    @property
    def redacted(self) -> tuple[str, ...]:
        return (*self.names, self.email) if self.email else self.names


PERSONAL: Mapping[str, PersonalColumns] = MappingProxyType(
    {
        "costs": PersonalColumns("user_id", (), "user_email"),
        "costs_by_user": PersonalColumns("user_id", (), "user_email"),
        "users": PersonalColumns("id", ("name",), "email"),
        "service_accounts": PersonalColumns("id", ("name",), None),
        "api_keys": PersonalColumns("owner_id", ("owner_name",), "owner_email"),
    }
)


def redact(table_name: str, table: pa.Table, emails: str, forgotten: Collection[str]) -> pa.Table:
    """The rows with e-mail addresses as set by `emails`, and without names of `forgotten` ids."""
    personal = PERSONAL[table_name]
    for column in personal.redacted:
        values = table[column]
        if emails != "plain":
            is_hashed = emails == "hashed" and column == personal.email
            values = _mapped(values, hashed if is_hashed else blanked)
        if forgotten:
            is_forgotten = pc.is_in(table[personal.id], pa.array(sorted(forgotten), pa.string()))
            values = pc.if_else(is_forgotten, pa.scalar(None, pa.string()), values)
        table = table.set_column(table.column_names.index(column), column, values)
    return table


def hashed(text: str) -> str | None:
    """The hash of an e-mail address; other text, such as a hash, unchanged."""
    return hashlib.sha256(text.strip().lower().encode()).hexdigest() if "@" in text else text


def blanked(text: str) -> str | None:
    """None for an e-mail address, which OpenAI may also return as a name; other text unchanged."""
    return None if "@" in text else text


def _mapped(values: pa.ChunkedArray, change: Callable[[str], str | None]) -> pa.ChunkedArray:
    """The values after `change`, which is called once for each distinct value."""
    encoded = values.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    changed = [change(text) for text in encoded.dictionary.to_pylist()]
    return pa.chunked_array([pa.array(changed, pa.string()).take(encoded.indices)])
