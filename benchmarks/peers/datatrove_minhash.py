"""datatrove's MinHash deduplication over Parquet files (content_sha256, text), in an environment of its own (`make .venv-peers/.stamp`).

    .venv-peers/bin/python benchmarks/peers/datatrove_minhash.py INPUT_FOLDER OUTPUT_FOLDER [--workers 2] [--buckets 14] [--rows 8]
    [--shingles]

One task a file of INPUT_FOLDER, whose texts must not be empty. Writes clusters.parquet (content_sha256, cluster) of what is in a cluster,
pairs.parquet (a, b) of what shares a bucket, with --shingles also shingles.parquet (content_sha256, shingles: list of uint64, distinct),
and prints one JSON object: wall-clock seconds of each stage.
"""

import argparse
import json
import struct
import tempfile
import time
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import ParquetReader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--buckets", type=int, default=14)
    parser.add_argument("--rows", type=int, default=8, help="hashes of a bucket")
    parser.add_argument("--shingles", action="store_true", help="write the shingles that texts are compared by")
    arguments = parser.parse_args()
    output = Path(arguments.output)
    output.mkdir(parents=True, exist_ok=True)
    files = sorted(Path(arguments.input).glob("*.parquet"))
    config = MinhashConfig(n_grams=5, num_buckets=arguments.buckets, hashes_per_bucket=arguments.rows)
    with tempfile.TemporaryDirectory() as folder:
        reader = ParquetReader(arguments.input, glob_pattern="*.parquet", text_key="text", id_key="content_sha256")
        stages: dict[str, tuple[list[Any], int]] = {
            "signatures": ([reader, MinhashDedupSignature(f"{folder}/signatures", config)], len(files)),
            "buckets": ([MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config)], arguments.buckets),
            "clusters": ([MinhashDedupCluster(f"{folder}/buckets", f"{folder}/clusters", config, save_cluster_id=True)], 1),
        }
        seconds = {}
        for name, (pipeline, tasks) in stages.items():
            start = time.perf_counter()
            LocalPipelineExecutor(
                pipeline, tasks=tasks, workers=min(arguments.workers, tasks), logging_dir=f"{folder}/logs/{name}", skip_completed=False
            ).run()
            seconds[name] = round(time.perf_counter() - start, 2)
        keys = [pq.read_table(file, columns=["content_sha256"]).column(0).to_pylist() for file in files]
        write_clusters(keys, Path(folder, "clusters"), output)
        write_pairs(keys, Path(folder, "buckets"), output)
    if arguments.shingles:
        with Pool(arguments.workers) as pool:
            pq.write_table(pa.concat_tables(pool.map(shingles_of, files)), output / "shingles.parquet")
    print(json.dumps(seconds))


def write_clusters(keys: list[list[str]], clusters: Path, output: Path) -> None:
    """Joins datatrove's (document number, cluster) per file with the keys of the file's rows."""
    rows: list[tuple[str, int]] = []
    for place, names in enumerate(keys):
        found = clusters / f"{place:06d}.clusters"
        if found.exists():
            rows += [(names[document], cluster) for document, cluster in struct.iter_unpack("<II", found.read_bytes())]
    columns = list(zip(*rows, strict=True)) or [(), ()]
    table = pa.table({"content_sha256": pa.array(columns[0], pa.string()), "cluster": pa.array(columns[1], pa.int64())})
    pq.write_table(table, output / "clusters.parquet")


def write_pairs(keys: list[list[str]], buckets: Path, output: Path) -> None:
    """Joins datatrove's (file, document, file, document) of neighbours in a bucket with their keys; each pair once."""
    pairs = {
        tuple(sorted((keys[file][document], keys[other_file][other])))
        for found in buckets.glob("*.dups")
        for file, document, other_file, other in struct.iter_unpack("<4I", found.read_bytes())
    }
    columns = list(zip(*sorted(pairs), strict=True)) or [(), ()]
    pq.write_table(
        pa.table({name: pa.array(column, pa.string()) for name, column in zip("ab", columns, strict=True)}), output / "pairs.parquet"
    )


def shingles_of(file: Path) -> pa.Table:
    step = MinhashDedupSignature(tempfile.gettempdir(), MinhashConfig(n_grams=5))
    texts = pq.read_table(file, columns=["content_sha256", "text"])
    sets = [np.unique(step.get_shingles(text)) for text in texts.column("text").to_pylist()]
    ends = np.cumsum([0, *map(len, sets)])
    shingles = pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), pa.array(np.concatenate(sets)))
    return texts.select(["content_sha256"]).append_column("shingles", shingles)


if __name__ == "__main__":
    main()
