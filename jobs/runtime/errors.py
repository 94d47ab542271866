"""What can go wrong, as a person meets it.

    CodemillError          the job failed; exit 1
    ├── UsageError         the command was wrong; exit 2
    └── CountsError        counts do not close: candidates are not kept + dropped, or documents are not those of the sequences
`schemas.table.ContractError`, `schemas.lake.LakeError` and `jobs.sources.source.SourceError` stand beside them, because they are raised
where nothing of jobs is imported. All of them say where, what was found, what was expected and what to do.
"""

import errno
import os

from jobs.sources.source import SourceError
from schemas.lake import LakeError
from schemas.table import ContractError


class CodemillError(Exception):
    """A job failed for a reason that is told."""


class UsageError(CodemillError):
    """The command cannot be carried out as it was given."""


class CountsError(CodemillError):
    """Rows were lost or doubled: a defect of codemill, never of the data."""


# As the system writes it, and as git, Spark and Arrow pass it on.
NO_SPACE = os.strerror(errno.ENOSPC)

TOLD = (CodemillError, ContractError, LakeError, SourceError)
