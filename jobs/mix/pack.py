"""Packs runs of tokens into files of mix/sequences, in Python workers: into packets where they are made, out of them where files are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby

import numpy as np
import pyarrow as pa

from jobs.mix.drawing import Drawn
from jobs.mix.group_files import WRITTEN, write_group
from jobs.mix.places import Order
from jobs.mix.tokens import loaded
from udfs.best_fit import pack_best_fit
from udfs.mixture import Phase
from udfs.packing import pack
from udfs.piece_counts import counted, summed
from udfs.token_packets import PACKETS, in_place, packed

PACKERS = {"concatenate": pack, "best_fit": pack_best_fit}


@dataclass
class Packets:
    """Rows of RUNS to packets of the groups in which they are: as often as they are taken, in the places that they have there."""

    order: Order
    taken: Drawn
    schema = PACKETS

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return packed(self.order.placed(self.taken.repeated(batch)) for batch in batches)


@dataclass
class Pack:
    """Packets, those of a group together, to files of mix/sequences, one per group; says what it wrote, as rows of WRITTEN.

    What it counts is counted in the very batches that go into the files.
    """

    tokenizer_json: str
    kind: np.dtype  # of the tokens in packets
    tokens_version: str
    mixture: str
    phase: Phase
    folder: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        tokenizer, packer = loaded(self.tokenizer_json), PACKERS[self.phase.packing]
        counts: list[pa.Table] = []

        def seen(rows: Iterable[pa.RecordBatch], split: str, group: int) -> Iterator[pa.RecordBatch]:
            for batch in rows:
                counts[:] = [summed([*counts, counted(batch, split, tokenizer.end_id)])]
                yield self.named(f"{self.mixture}/{split}/{group:05d}/", batch)

        for (split, group), packets in groupby(chain.from_iterable(map(_rows, batches)), key=lambda row: row[:2]):
            runs = in_place((packet.as_buffer() for _, _, packet in packets), self.kind)
            yield write_group(self.folder, split, group, seen(packer(runs, self.phase.window, tokenizer.token_bytes), split, group))
        yield pa.RecordBatch.from_pylist([{"counts": summed(counts).to_pylist()}], schema=WRITTEN)

    def named(self, start: str, packed: pa.RecordBatch) -> pa.RecordBatch:
        """Packed rows with the columns that packing cannot know."""
        names = [f"{start}{position:06d}" for position in packed.column("position").to_pylist()]
        version = pa.repeat(self.tokens_version, packed.num_rows)
        return packed.append_column("sequence", pa.array(names, pa.string())).append_column("tokens_version", version)


def _rows(packets: pa.RecordBatch) -> Iterator[tuple[str, int, pa.BinaryScalar]]:
    return zip(packets.column("split").to_pylist(), packets.column("hash_group").to_pylist(), packets.column("packet"), strict=True)
