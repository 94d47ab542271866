"""A file whose own failures are told from those of what it holds.

Readers of archives go on behind a place that they cannot read. Where a disk or a network failed for a moment nothing is damaged, and what
would be passed over is lost for good: such an error is the whole archive's, which the next run reads again.
"""

from typing import Any

from jobs.sources.source import SourceError


class ArchiveFile:
    """What `file` does, for readers of archives. Raises `SourceError` where it cannot."""

    def __init__(self, file: Any, address: str) -> None:
        self._file, self._address = file, address

    def __enter__(self) -> "ArchiveFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def size(self) -> int:
        return int(self._tried(self._file.size))

    def read(self, count: int = -1) -> bytes:
        return bytes(self._tried(self._file.read, count))

    def seek(self, *place: int) -> int:
        return int(self._tried(self._file.seek, *place))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        self._file.close()

    def _tried(self, function: Any, *arguments: int) -> Any:
        try:
            return function(*arguments)
        except OSError as error:
            raise SourceError(f"{self._address} cannot be read: {error}") from error
