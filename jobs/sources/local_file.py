"""A source that is one local file: opening it, and by what an unchanged one is recognised."""

import os
import stat
from typing import IO

from jobs.sources.source import Source, SourceError


def open_file(source: Source) -> IO[bytes]:
    """Raises `SourceError` where there is no regular file. A pipe under that name blocks nobody."""
    try:
        descriptor = os.open(source.location, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SourceError(
            f"{source.location} cannot be opened: {error.strerror}. Expected a file; check the path and run again."
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SourceError(f"{source.location} is no regular file. Expected one; check the path and run again.")
    return os.fdopen(descriptor, "rb")


def file_size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def file_state(source: Source) -> str:
    """Size and times. The time of last status change too: a program can set the other back."""
    with open_file(source) as file:
        found = os.fstat(file.fileno())
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"
