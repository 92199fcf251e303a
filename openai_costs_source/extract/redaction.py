"""What is stored of people: names and e-mail addresses, as the setting `user_emails` wants it.

An id stays in any case: it tells apart, and says nothing to who has no access to OpenAI's listing.
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
hash alike. Who knows an address can tell its hash, so a hash is a pseudonym and no secret."""


def chosen(setting: object) -> str:
    """One of `USER_EMAILS`. Raises ValueError where the setting is none of them."""
    emails = str(setting or USER_EMAILS[0]).strip().lower()
    if emails not in USER_EMAILS:
        raise ValueError(f"user_emails is {setting}; it is one of {', '.join(USER_EMAILS)}.")
    return emails


@dataclass(frozen=True)
class Personal:
    """Of a raw table: the column that tells who is meant, and those that name the person."""

    who: str
    names: tuple[str, ...]
    email: str | None

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.names, self.email) if self.email else self.names


PERSONAL: Mapping[str, Personal] = MappingProxyType(
    {
        "costs": Personal("user_id", (), "user_email"),
        "costs_by_user": Personal("user_id", (), "user_email"),
        "users": Personal("id", ("name",), "email"),
        "service_accounts": Personal("id", ("name",), None),
        "api_keys": Personal("owner_id", ("owner_name",), "owner_email"),
    }
)


def cover(table_name: str, table: pa.Table, emails: str, forgotten: Collection[str]) -> pa.Table:
    """The rows as they may be stored: e-mails as `emails` says, and nothing of the `forgotten`."""
    personal = PERSONAL[table_name]
    for column in personal.columns:
        values = table[column]
        if emails != "plain":
            is_hashed = emails == "hashed" and column == personal.email
            values = _each(values, hashed if is_hashed else blanked)
        if forgotten:
            is_forgotten = pc.is_in(table[personal.who], pa.array(sorted(forgotten), pa.string()))
            values = pc.if_else(is_forgotten, pa.scalar(None, pa.string()), values)
        table = table.set_column(table.column_names.index(column), column, values)
    return table


def hashed(text: str) -> str | None:
    """The hash of an e-mail address; a hash is given back."""
    return hashlib.sha256(text.strip().lower().encode()).hexdigest() if "@" in text else text


def blanked(text: str) -> str | None:
    """None for an e-mail address, which people without a name may bear in its place."""
    return None if "@" in text else text


def _each(values: pa.ChunkedArray, change: Callable[[str], str | None]) -> pa.ChunkedArray:
    """The values, each distinct one changed once."""
    encoded = values.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    changed = [change(text) for text in encoded.dictionary.to_pylist()]
    return pa.chunked_array([pa.array(changed, pa.string()).take(encoded.indices)])
