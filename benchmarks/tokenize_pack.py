"""The job mix.sequences, from the lake's texts to packed sequences, beside the bare tokenizer after a bare Parquet scan of the same texts.

`python -m benchmarks.tokenize_pack [--megabytes N]`. Processor seconds of all processes, the JVM's included, the commits too. The bare
tokenizer is the same library's fastest call, `encode_batch_fast`, and its ids as NumPy. Also measured: packing alone of what is tokenized
already, by concatenation and best fit; and datatrove's tokenizer on the same texts, where .venv-peers is there.
"""

import argparse
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from pyspark.sql import functions as F

from benchmarks.code import copy_files, real_texts
from benchmarks.lakes import ingested
from benchmarks.measure import interleaved, report, result, tree_cpu_s
from jobs.assemble import documents
from jobs.assemble.documents import DocumentsParams
from jobs.mix import sequences
from jobs.mix.sequences import SequencesParams
from jobs.runtime.job import Insert
from jobs.runtime.session import start_session
from jobs.runtime.tables import Tables
from schemas.decide import KEPT
from schemas.ingest import CONTENTS
from schemas.mix import LOTS, MANIFEST, SEQUENCES, TOKENIZERS
from schemas.spark import spark_schema
from udfs.tokenizer import Tokenizer, load, train

PEERS = Path(__file__).parents[1] / ".venv-peers" / "bin" / "python"
PARAMS = SequencesParams(hash_groups=8)
CALL_BYTES = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--peers", default=str(PEERS), help="the Python of .venv-peers")
    arguments = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with tempfile.TemporaryDirectory() as folder:
        copy_files(Path(folder) / "code", arguments.megabytes << 20)
        tables = ingested(start_session("benchmark"), folder, f"folder:{folder}/code")
        tokenizer = load(train(iter(real_texts(8 << 20)), 32_768))
        keep_all(tables, tokenizer)
        contents = str(Path(folder, "lake", CONTENTS.name))
        Path(folder, "tokenizer.json").write_text(tokenizer.tokenizer_json)
        variants: dict[str, Callable[[], object]] = {
            "bare scan and tokenizer": lambda: bare(contents, tokenizer),
            "codemill": lambda: packed(tables, PARAMS),
            "concatenated again": lambda: packed(tables, replace(PARAMS, window=4096), is_fresh=False),
            "packed by best fit": lambda: packed(tables, replace(PARAMS, packing="best_fit"), is_fresh=False),
        }
        packed(tables, PARAMS)  # a warm session
        seconds = interleaved(variants, arguments.rounds, tree_cpu_s)
        if Path(arguments.peers).exists():
            command = [arguments.peers, "benchmarks/peers/datatrove_tokens.py", contents, f"{folder}/tokenizer.json", f"{folder}/out"]
            # Of ended processes alone: beside it Spark's workers end, of which nobody knows the time any more.
            seconds |= interleaved({"datatrove": lambda: subprocess.run(command, check=True, capture_output=True)}, 1, ended_cpu_s)
        waste(tables)
        documents_, size = tables[CONTENTS].agg(F.count("*"), F.sum("size_bytes")).first()  # type: ignore[misc]
    speeds = {name: size / 1e6 / spent for name, spent in seconds.items()}
    for name, speed in speeds.items():
        print(f"  {name}: {speed:.2f} MB/s of processor time, {speed / speeds['bare scan and tokenizer']:.2f} of the bare tokenizer")
    limit = ("the bare tokenizer after a bare Parquet scan", speeds["bare scan and tokenizer"])
    best = ("datatrove's DocumentTokenizer", speeds["datatrove"]) if "datatrove" in speeds else limit
    given = f"{documents_:,} texts, {size / 1e6:.0f} MB, 32,768 tokens"
    report(result("tokenize_pack", "MB/s of processor time", speeds["codemill"], best, limit, given))


def keep_all(tables: Tables, tokenizer: Tokenizer) -> None:
    """Every content is kept and a document; the tokenizer is the lake's."""
    known = {"kind": "file", "policy": "demo", "policy_hash": "x", "repository": "r", "path": "", "split": "train", "language": "Python"}
    kept = tables[CONTENTS].select(F.col("content_sha256").alias("candidate"), "size_bytes", F.lit(1).cast("long").alias("token_estimate"))
    kept = kept.withColumns({name: F.lit(value) for name, value in known.items()})
    kept = kept.withColumns({f.name: F.lit(None).cast(f.dataType) for f in spark_schema(KEPT) if f.name not in kept.columns})
    tables.apply(Insert(KEPT, kept.select(*KEPT.names)))
    for write in documents.transform(tables, DocumentsParams()):
        tables.apply(write)
    row = ("default", tokenizer.sha256, tokenizer.tokenizer_json, tokenizer.vocabulary_size, "trained", 0, 0)
    tables.apply(Insert(TOKENIZERS, tables.spark.createDataFrame([row], spark_schema(TOKENIZERS))))


def packed(tables: Tables, params: SequencesParams, is_fresh: bool = True) -> None:
    """The job, with a commit of every table; fresh: nothing is tokenized yet."""
    tables.spark.catalog.clearCache()
    for table in (SEQUENCES, MANIFEST, LOTS) if is_fresh else ():
        shutil.rmtree(tables.lake.path(table.name), ignore_errors=True)
    for write in sequences.transform(tables, params):
        tables.apply(write)


def ended_cpu_s() -> float:
    """Processor seconds of the processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def waste(tables: Tables) -> None:
    """What each packing cuts and pads, at both windows of the report."""
    for window in (8192, 32_768):
        for packing in ("concatenate", "best_fit"):
            packed(tables, replace(PARAMS, packing=packing, window=window), is_fresh=False)
            cut, count, tokens = tables[MANIFEST].agg(*(F.sum(f"{n}_count") for n in ("cut_document", "document", "token"))).first()  # type: ignore[misc]
            rows = tables[SEQUENCES].count()
            print(f"  window {window:,}, {packing}: {cut / count:.2%} of documents cut, {1 - tokens / (rows * window):.2%} padding")


def bare(folder: str, tokenizer: Tokenizer) -> int:
    count = 0
    for path in sorted(Path(folder).glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(1000, columns=["text"]):
            texts: list[str] = []
            held = 0
            for text in [*batch.column("text").to_pylist(), None]:
                if text is not None:
                    texts.append(text)
                    held += len(text)
                if texts and (text is None or held > CALL_BYTES):
                    encodings = tokenizer.model.encode_batch_fast(texts, add_special_tokens=False)
                    count += sum(len(np.array(encoding.ids, np.int32)) for encoding in encodings)
                    texts, held = [], 0
    return count


if __name__ == "__main__":
    main()
