"""Names in compiled code: a hash table from names (of tags, attributes, classes, character references) to numbers.

A name is known by its 64-bit hash alone. That no two known names share one is checked when a table is made; that an unknown name shares
one by accident has the odds of 2**-64 a name.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from udfs.compiled import compiled

SEED = np.uint64(0xCBF29CE484222325)  # FNV-1a
PRIME = np.uint64(0x100000001B3)


class Names(NamedTuple):
    """Open addressing over a power of two of places; hash 0 is an empty place."""

    hashes: np.ndarray  # uint64
    values: np.ndarray  # int64


def names_table(values: Mapping[bytes, int]) -> Names:
    """The table of `values`, which are not 0: 0 is what an unknown name has."""
    size = 16
    while size < 4 * len(values):
        size *= 2
    table = Names(np.zeros(size, np.uint64), np.zeros(size, np.int64))
    for name, value in values.items():
        key = int(name_hash(name))
        place = key & (size - 1)
        while table.hashes[place]:
            if table.hashes[place] == key:
                raise ValueError(f"{name!r} has the hash of another name")
            place = (place + 1) & (size - 1)
        table.hashes[place], table.values[place] = key, value
    return table


def name_hash(name: bytes) -> np.uint64:
    """The hash of a name, which is in lower case where names are told apart without case."""
    found = int(SEED)
    for byte in name:
        found = ((found ^ byte) * int(PRIME)) % 2**64
    return np.uint64(found)


@compiled
def value_of(names: Any, key: Any) -> Any:
    """What the name with this hash stands for; 0 where it is unknown."""
    last = np.uint64(len(names.hashes) - 1)
    place = key & last
    while names.hashes[place] != 0:
        if names.hashes[place] == key:
            return names.values[place]
        place = (place + np.uint64(1)) & last
    return 0


@compiled
def lower(byte: Any) -> Any:
    return byte + np.uint8(32) if 65 <= byte <= 90 else byte


@compiled
def hash_lower(data: Any, start: Any, end: Any) -> Any:
    """The hash of bytes, A-Z taken as a-z."""
    found = SEED
    for i in range(start, end):
        found = (found ^ np.uint64(lower(data[i]))) * PRIME
    return found


@compiled
def is_space(byte: Any) -> Any:
    """HTML's white space: tab, line feed, form feed, carriage return, space."""
    return byte == 32 or (9 <= byte <= 13 and byte != 11)


@compiled
def is_letter(byte: Any) -> Any:
    return 97 <= lower(byte) <= 122


@compiled
def is_digit(byte: Any) -> Any:
    return 48 <= byte <= 57
