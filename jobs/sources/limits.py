"""When an archive or a tree is a bomb: far more comes out of it than lies there.

Choices, not measurements: deflate cannot exceed 1032:1, source code reaches 4:1 to 10:1, and a tree of one repository that holds the
same file many times can honestly exceed that. What is small may have any ratio.
"""

MAX_RATIO = 200
SMALL_BYTES = 256 << 20
MAX_UNPACKED_BYTES = 1 << 40
MAX_ENTRIES = 10_000_000


def bomb_detail(unpacked_bytes: int, packed_bytes: int, entry_count: int = 0) -> str | None:
    """Says which limit is passed; None where none is."""
    if entry_count > MAX_ENTRIES:
        return f"more than {MAX_ENTRIES} entries"
    if unpacked_bytes > MAX_UNPACKED_BYTES:
        return f"more than {MAX_UNPACKED_BYTES} bytes unpacked"
    if unpacked_bytes > SMALL_BYTES and unpacked_bytes > MAX_RATIO * packed_bytes:
        return f"{packed_bytes} bytes unpack to more than {MAX_RATIO} times as many"
    return None
