"""The keys of a worker's range that pass the gates, and which of them still want a score: 17 bytes a key, whatever a table holds."""

import binascii
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

KEY_BYTES = 32  # of a SHA-256
# Of these the last ones are held: that any two of a billion keys are alike in them has a chance of 1e-21.
HELD_BYTES = 16


class Keys:
    """Content keys (64 hex digits), each once. A key is open until it has a score. Threads may ask and close at once."""

    def __init__(self, batches: Iterable[pa.Array]) -> None:
        held = bytearray()  # grows in place: of an array of arrays all would be there twice, and sorted three times
        for batch in batches:
            held += short(batch).tobytes()
        self._held = np.frombuffer(held, f"S{HELD_BYTES}")
        self._held.sort()
        self._is_open = np.ones(len(self._held), bool)

    def __len__(self) -> int:
        return len(self._held)

    @property
    def held_bytes(self) -> int:
        return int(self._held.nbytes + self._is_open.nbytes)

    @property
    def open_count(self) -> int:
        return int(self._is_open.sum())

    def are_ours(self, keys: pa.Array) -> np.ndarray:
        """Of each of these, whether it is of the range and passes the gates (bool)."""
        return self._places(keys)[1]

    def are_open(self, keys: pa.Array) -> np.ndarray:
        """Of each of these, also where it is none of ours (bool)."""
        places, is_ours = self._places(keys)
        is_ours[is_ours] = self._is_open[places]
        return is_ours

    def close(self, keys: pa.Array) -> None:
        """They have a score. Those that are none of ours do not matter."""
        places, _ = self._places(keys)
        self._is_open[places] = False

    def _places(self, keys: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """Places of those that are ours, and which are."""
        asked = short(keys)
        if not len(self._held):
            return np.empty(0, np.int64), np.zeros(len(asked), bool)
        places = np.minimum(np.searchsorted(self._held, asked), len(self._held) - 1)
        is_ours = self._held[places] == asked
        return places[is_ours], is_ours


def short(keys: pa.Array) -> np.ndarray:
    """The last HELD_BYTES of each key (fixed width, sortable). Raises ValueError for what is no key."""
    keys = keys.cast(pa.large_string())
    _, ends, digits = keys.buffers()
    bounds = np.frombuffer(ends, np.int64)[keys.offset : keys.offset + len(keys) + 1]
    if not len(keys):
        return np.empty(0, f"S{HELD_BYTES}")
    if set(np.diff(bounds)) != {2 * KEY_BYTES}:
        raise ValueError(f"keys of {2 * KEY_BYTES} hex digits were expected; {keys[0].as_py()!r} is among those that were found")
    whole = np.frombuffer(binascii.unhexlify(memoryview(digits)[bounds[0] : bounds[-1]]), np.uint8).reshape(-1, KEY_BYTES)
    return np.ascontiguousarray(whole[:, -HELD_BYTES:]).view(f"S{HELD_BYTES}").ravel()
