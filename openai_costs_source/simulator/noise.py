"""Reproducible variation: numbers that look random and follow from a key."""

import hashlib
import struct


def noise(*key: object) -> tuple[float, float, float, float]:
    """Return four numbers in [0, 1) that depend on the key alone, on any machine."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
    a, b, c, d = (part / 2**32 for part in struct.unpack("<4I", digest))
    return a, b, c, d
