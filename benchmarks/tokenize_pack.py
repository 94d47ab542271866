"""The job mix.sequences, from the lake's texts to packed sequences, beside the bare tokenizer after a bare Parquet scan of the same texts.

`python -m benchmarks.tokenize_pack [--megabytes N]`. Processor seconds of all processes, the JVM's included, the commits too. The bare
tokenizer is the compiled one at its best: 1,000 texts in one call, ids flat. The library that all call where there is no compiled one, and
datatrove's and Megatron's way of calling it, are run where .venv-peers and .venv-readers are there. A job has a fixed cost, so two sizes
are run: the second figure of each is that of a further byte, which is what a large corpus pays.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import awkward
import numpy as np
import pyarrow as pa
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

ROOT = Path(__file__).parents[1]
PARAMS = SequencesParams(hash_groups=8, window=8192)
CALL_BYTES = 1 << 20
PEER_MEGABYTES = 24  # what others are given: they are slow, and have no fixed cost to speak of
TOKENS_OF_THE_REPORT = 6e12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=256, help="of the larger input; the smaller has a quarter")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--no-peers", action="store_true", help="without what others have, which takes most of the time")
    parser.add_argument("--waste", action="store_true", help="what each packing cuts and pads, besides")
    arguments = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    tokenizer = load(train(iter(real_texts(8 << 20)), 32_768))
    sizes = (arguments.megabytes // 4, arguments.megabytes)
    found = [of_size(megabytes, tokenizer, arguments.rounds, arguments.waste) for megabytes in sizes]
    others: dict[str, float] = {}
    if not arguments.no_peers:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "tokenizer.json").write_text(tokenizer.tokenizer_json)
            others = peers(folder, tokenizer)
    told(found[0], found[1], others)


@dataclass(frozen=True)
class Found:
    """Of one size: what there was, and the processor seconds of each variant."""

    texts: int
    size: int
    tokens: int
    seconds: dict[str, float]


def of_size(megabytes: int, tokenizer: Tokenizer, rounds: int, shows_waste: bool) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        tables = lake(folder, megabytes, tokenizer)
        count, size, tokens = measured_texts(tables, tokenizer)
        seconds = interleaved(ours(tables, folder, tokenizer), rounds, tree_cpu_s)
        seconds |= interleaved(again(tables), 1, tree_cpu_s)
        if shows_waste:
            waste(tables)
    return Found(count, size, tokens, seconds)


def told(small: Found, large: Found, others: dict[str, float]) -> None:
    """All speeds; of what has a fixed cost, that of a further byte too."""
    more_mb = (large.size - small.size) / 1e6
    further = {name: more_mb / (spent - small.seconds[name]) for name, spent in large.seconds.items()}
    for name, spent in large.seconds.items():
        print(f"  {name}: {large.size / 1e6 / spent:.2f} MB/s of processor time, {further[name]:.2f} of a further byte")
    for name, speed in others.items():
        print(f"  {name}: {speed:.2f} MB/s of processor time")
    hours = TOKENS_OF_THE_REPORT * large.size / large.tokens / 1e6 / further["codemill"] / 3600
    each = f"{large.size / large.tokens:.2f} bytes a token"
    print(f"  {each}; {TOKENS_OF_THE_REPORT:.0e} tokens are {hours:,.0f} core-hours by the cost of a further byte")
    limit = ("the bare compiled tokenizer after a bare Parquet scan", further["bare, compiled"])
    best = max(others.items(), key=lambda one: one[1]) if others else limit
    given = f"{large.texts:,} texts, {large.size / 1e6:.0f} MB, 32,768 tokens; ours and the limit: a further byte"
    report(result("tokenize_pack", "MB/s of processor time", further["codemill"], best, limit, given))


def lake(folder: str, megabytes: int, tokenizer: Tokenizer) -> Tables:
    copy_files(Path(folder) / "code", megabytes << 20)
    tables = ingested(start_session("benchmark"), folder, f"folder:{folder}/code")
    keep_all(tables, tokenizer)
    return tables


def measured_texts(tables: Tables, tokenizer: Tokenizer) -> tuple[int, int, int]:
    """Texts, bytes, tokens; and a warm session."""
    count, size = tables[CONTENTS].agg(F.count("*"), F.sum("size_bytes")).first()  # type: ignore[misc]
    packed(tables, PARAMS)
    return count, size, tables[MANIFEST].agg(F.sum("token_count")).first()[0]  # type: ignore[index]


def ours(tables: Tables, folder: str, tokenizer: Tokenizer) -> dict[str, Callable[[], object]]:
    contents = str(Path(folder, "lake", CONTENTS.name))
    return {
        "bare, compiled": lambda: bare(contents, tokenizer, is_compiled=True),
        "codemill": lambda: packed(tables, PARAMS),
        "without fill-in-the-middle": lambda: packed(tables, replace(PARAMS, fim_rate=0.0)),
    }


def again(tables: Tables) -> dict[str, Callable[[], object]]:
    """What is tokenized already, whole."""
    return {
        "concatenated again": lambda: packed(tables, replace(PARAMS, fim_rate=0.0, window=4096), is_fresh=False),
        "packed by best fit": lambda: packed(tables, replace(PARAMS, fim_rate=0.0, packing="best_fit"), is_fresh=False),
    }


def peers(folder: str, tokenizer: Tokenizer) -> dict[str, float]:
    """MB/s of processor time of what others have, on PEER_MEGABYTES of the same texts."""
    texts = real_texts(PEER_MEGABYTES << 20)
    size = sum(len(text.encode()) for text in texts)
    Path(folder, "in").mkdir()
    with open(f"{folder}/in.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts)
    keys = [str(number) for number in range(len(texts))]
    pq.write_table(pa.table({"content_sha256": keys, "text": texts}), f"{folder}/in/texts.parquet", row_group_size=1000)
    variants: dict[str, Callable[[], object]] = {"bare, the library of all": lambda: bare(f"{folder}/in", tokenizer, is_compiled=False)}
    named = {
        "datatrove's DocumentTokenizer": (".venv-peers", "datatrove_tokens.py", f"{folder}/in"),
        "Megatron's loop": (".venv-readers", "megatron_tokens.py", f"{folder}/in.jsonl"),
    }
    for name, (environment, script, given) in named.items():
        python = ROOT / environment / "bin" / "python"
        if python.exists():
            command = [str(python), f"benchmarks/peers/{script}", given, f"{folder}/tokenizer.json", f"{folder}/{script}.out"]
            variants[name] = partial(subprocess.run, command, check=True, capture_output=True)
    seconds = interleaved({"bare, the library of all": variants.pop("bare, the library of all")}, 1, tree_cpu_s)
    # Of ended processes alone: beside it Spark's workers end, of which nobody knows the time any more.
    return {name: size / 1e6 / spent for name, spent in (seconds | interleaved(variants, 1, ended_cpu_s)).items()}


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


def bare(folder: str, tokenizer: Tokenizer, is_compiled: bool) -> int:
    """Tokens. No end tokens, no special tokens looked for, no cuts of long texts, nothing written."""
    count = 0
    for path in sorted(Path(folder).glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(1000, columns=["text"]):
            texts = batch.column("text").to_pylist()
            if is_compiled:
                count += len(np.asarray(awkward.flatten(tokenizer.compiled.encode_batch(texts, parallel=False))))
            else:
                count += called(texts, tokenizer)
    return count


def called(texts: list[str], tokenizer: Tokenizer) -> int:
    """Tokens by the library's fastest call, of about CALL_BYTES, and its ids as NumPy."""
    count = held = start = 0
    for end, text in enumerate(texts, start=1):
        held += len(text)
        if held > CALL_BYTES or end == len(texts):
            encodings = tokenizer.model.encode_batch_fast(texts[start:end], add_special_tokens=False)
            count += sum(len(np.array(encoding.ids, np.int32)) for encoding in encodings)
            start, held = end, 0
    return count


if __name__ == "__main__":
    main()
