"""Packs runs of tokens into files of mix/sequences, in Python workers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyarrow as pa

from jobs.mix.group_files import WRITTEN, write_group
from jobs.mix.tokens import loaded, with_lists
from udfs.best_fit import pack_best_fit
from udfs.mixture import Phase
from udfs.packing import pack, pack_groups
from udfs.piece_counts import counted, summed

GROUP = ("split", "hash_group")
PACKERS = {"concatenate": pack, "best_fit": pack_best_fit}


@dataclass
class Pack:
    """Sorted rows of RUNS, placed, to files of mix/sequences, one per group; says what it wrote, as rows of WRITTEN.

    What it counts is counted in the very batches that go into the files.
    """

    tokenizer_json: str
    kind: np.dtype  # of the tokens in RUNS
    tokens_version: str
    mixture: str
    phase: Phase
    folder: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        tokenizer = loaded(self.tokenizer_json)
        runs = (with_lists(batch, self.kind) for batch in batches)
        packed = pack_groups(runs, GROUP, self.phase.window, tokenizer.token_bytes, PACKERS[self.phase.packing])
        counts: list[pa.Table] = []

        def seen(rows: Iterable[pa.RecordBatch], split: str, group: int) -> Iterator[pa.RecordBatch]:
            for batch in rows:
                counts[:] = [summed([*counts, counted(batch, split, tokenizer.end_id)])]
                yield self.named(f"{self.mixture}/{split}/{group:05d}/", batch)

        for (split, group), rows in groupby(packed, key=lambda batch: tuple(batch.column(name)[0].as_py() for name in GROUP)):
            yield write_group(self.folder, split, group, seen(rows, split, group))
        yield pa.RecordBatch.from_pylist([{"counts": summed(counts).to_pylist()}], schema=WRITTEN)

    def named(self, start: str, packed: pa.RecordBatch) -> pa.RecordBatch:
        """Packed rows with the columns that packing cannot know."""
        names = [f"{start}{position:06d}" for position in packed.column("position").to_pylist()]
        version = pa.repeat(self.tokens_version, packed.num_rows)
        return packed.append_column("sequence", pa.array(names, pa.string())).append_column("tokens_version", version)
