"""Names in compiled code: one hash table from names (of tags, attributes, classes, character references) to numbers.

A name is known by its 64-bit hash alone; each kind of name begins its hashes with a number of its own, so that one table holds them all.
That no two known names share a hash is checked when the table is made; that an unknown name shares one by accident has the odds of 2**-64
a name.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from udfs.compiled import compiled

FIRST, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a, of 64 bits
# The kinds of names.
TAG_NAME, ATTRIBUTE, WHOLE, PART, ROLE, PROPERTY, PREFIX, SECOND_PREFIX, REFERENCE, STYLE = (
    np.uint64(int(FIRST) + 0x9E3779B1 * kind) for kind in range(10)
)


def names_table(groups: Mapping[np.uint64, Mapping[bytes, int]]) -> np.ndarray:
    """Rows of (hash, value), uint64: open addressing over a power of two of rows. Hash 0 is an empty row, value 0 an unknown name's."""
    size = 16
    while size < 4 * sum(map(len, groups.values())):
        size *= 2
    table = np.zeros((size, 2), np.uint64)
    for kind, values in groups.items():
        for name, value in values.items():
            key = int(name_hash(name, kind))
            place = key % size
            while table[place, 0]:
                if table[place, 0] == key:
                    raise ValueError(f"{name!r} has the hash of another name")
                place = (place + 1) % size
            table[place] = key, value
    return table


def name_hash(name: bytes, kind: np.uint64 = ATTRIBUTE) -> np.uint64:
    """The hash of a name, which is in lower case where names are told apart without case."""
    found = int(kind)
    for byte in name:
        found = ((found ^ byte) * int(PRIME)) % 2**64
    return np.uint64(found)


@compiled
def value_of(names: Any, key: Any) -> Any:
    """What the name with this hash stands for; 0 where it is unknown."""
    last = np.uint64(len(names) - 1)
    place = key & last
    while names[place, 0] != 0:
        if names[place, 0] == key:
            return np.int64(names[place, 1])
        place = (place + np.uint64(1)) & last
    return np.int64(0)


@compiled
def lower(byte: Any) -> Any:
    return byte + np.uint8(32) if 65 <= byte <= 90 else byte


@compiled
def hash_lower(data: Any, start: Any, end: Any, kind: Any) -> Any:
    """The hash of bytes as a name of this kind, A-Z taken as a-z."""
    found = kind
    for i in range(start, end):
        found = (found ^ np.uint64(lower(data[i]))) * PRIME
    return found


@compiled
def is_space(byte: Any) -> Any:
    """HTML's white space: tab, line feed, form feed, carriage return, space."""
    return byte <= 32 and (byte == 32 or byte == 10 or byte == 9 or byte == 13 or byte == 12)


@compiled
def is_letter(byte: Any) -> Any:
    return 97 <= lower(byte) <= 122


@compiled
def is_digit(byte: Any) -> Any:
    return 48 <= byte <= 57
