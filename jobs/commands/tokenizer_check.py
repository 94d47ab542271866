"""Says before a run that its tokenizer lacks what its recipe needs: hours before `mix.sequences` would say so."""

from collections.abc import Sequence
from typing import Any

import pyarrow.compute as pc

from jobs.mix.tokenizer import loaded
from jobs.runtime.errors import UsageError
from jobs.runtime.job import Job
from schemas.lake import Lake
from schemas.mix import TOKENIZERS
from udfs.fim import marks_of
from udfs.tokenizer import Tokenizer, TokenizerError, load


def check_marks(lake: Lake, planned: Sequence[tuple[Job, Any]]) -> None:
    """Raises `UsageError` where documents are to be filled in the middle and the tokenizer that is given, or that the lake has, cannot."""
    params = {job.name: found for job, found in planned}
    if not {"mix.tokenizer", "mix.sequences"} <= set(params) or not params["mix.sequences"].phase().fim_rate:
        return
    tokenizer = tokenizer_of(lake, params["mix.sequences"].tokenizer, params["mix.tokenizer"])
    if tokenizer is not None:
        try:
            marks_of(tokenizer)
        except TokenizerError as error:
            raise UsageError(str(error)) from error


def tokenizer_of(lake: Lake, name: str, params: Any) -> Tokenizer | None:
    """That which sequences will be made with; None where it was trained here, or is still to be, which gives it the marks: to load one
    takes seconds. Raises `LakeError` where the lake's place cannot be reached."""
    is_name = pc.field("name") == name
    there = lake.read(TOKENIZERS, ["origin", "tokenizer_json"], is_name).to_pylist() if lake.is_there() else []
    if there:
        return load(there[0]["tokenizer_json"]) if there[0]["origin"] == "given" else None
    return loaded(params) if params.given and params.name == name else None
