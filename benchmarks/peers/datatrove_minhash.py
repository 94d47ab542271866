"""datatrove's MinHash deduplication over Parquet files (content_sha256, text), in an environment of its own (`make .venv-peers/.stamp`).

    .venv-peers/bin/python benchmarks/peers/datatrove_minhash.py INPUT_FOLDER OUTPUT.parquet [--workers 2] [--buckets 14] [--rows 8]

One task a file of INPUT_FOLDER, whose texts must not be empty. Writes (content_sha256, cluster) of what is in a cluster, and prints one
JSON object: wall-clock seconds of each stage.
"""

import argparse
import json
import struct
import tempfile
import time
from pathlib import Path
from typing import Any

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
    arguments = parser.parse_args()
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
        write_clusters(files, Path(folder, "clusters"), arguments.output)
    print(json.dumps(seconds))


def write_clusters(files: list[Path], clusters: Path, output: str) -> None:
    """Joins datatrove's (document number, cluster) per file with the keys of the file's rows."""
    rows: list[tuple[str, int]] = []
    for place, file in enumerate(files):
        found = clusters / f"{place:06d}.clusters"
        if found.exists():
            keys = pq.read_table(file, columns=["content_sha256"]).column(0).to_pylist()
            rows += [(keys[document], cluster) for document, cluster in struct.iter_unpack("<II", found.read_bytes())]
    columns = list(zip(*rows, strict=True)) or [(), ()]
    pq.write_table(pa.table({"content_sha256": pa.array(columns[0], pa.string()), "cluster": pa.array(columns[1], pa.int64())}), output)


if __name__ == "__main__":
    main()
