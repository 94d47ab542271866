"""Says before a run what its draw of held-out repositories would lead to: nothing left to train on, a tokenizer that saw them."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from jobs.mix.tokenizer import check_frozen
from jobs.runtime.errors import UsageError
from jobs.runtime.job import Job
from jobs.sources import Source, parse_source, read_manifest
from schemas.ingest import PAGES, REPOSITORIES
from schemas.lake import Lake
from udfs.draws import uniform


def check_draw(lake: Lake, planned: Sequence[tuple[Job, Any]]) -> None:
    """Raises `UsageError` where the tokenizer that is to be used has seen what a job of the same run is about to hold out: hours before
    `mix.tokenizer` would say so."""
    params = {job.name: found for job, found in planned}
    if {"decide.features", "mix.tokenizer"} <= set(params) and lake.is_there():
        lake.check_format()
        features = params["decide.features"]
        check_frozen(lake, params["mix.tokenizer"], (features.held_out_rate, features.held_out_seed))


def check_that_something_is_left(lake: Lake, planned: Sequence[tuple[Job, Any]]) -> None:
    """Raises `UsageError` where a new lake would hold nothing but repositories that are held out, and be trained on.

    Which are held out is drawn by name, so that it never changes and does not depend on what else is there. Of a small rate that is one
    run in hundreds; of a rate for demonstrations and one repository it is often. What tables and web archives name is not known yet.
    """
    params = {job.name: found for job, found in planned}
    if not {"ingest.files", "decide.features", "mix.tokenizer"} <= set(params):
        return
    if "ingest.pages" in params and params["ingest.pages"].archive:
        return
    ingest = params["ingest.files"]
    manifest = read_manifest(ingest.manifest) if ingest.manifest else ()
    sources = [*map(parse_source, ingest.source), *(item for item in manifest if isinstance(item, Source))]
    names = [source.repository for source in sources]
    rate, seed = params["decide.features"].held_out_rate, params["decide.features"].held_out_seed
    if not names or any(source.kind == "table" for source in sources) or not (uniform(pa.array(names), seed) < rate).all():
        return
    if lake.has_rows(REPOSITORIES) or lake.has_rows(PAGES):
        return
    raise UsageError(
        f"nothing would be left to train on: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''} would be held out. Repositories are "
        f"held out by a draw of their names at decide.features.held_out_rate={rate:g}.\n"
        "Name more sources, give one another name (--source NAME=PATH), or hold out nothing: --set decide.features.held_out_rate=0"
    )
