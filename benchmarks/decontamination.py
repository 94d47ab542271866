"""The search for benchmarks' n-grams in real texts, on one core.

`python -m benchmarks.decontamination [--megabytes N] [--sets 1 10 100]`. Each set is as large as a usual benchmark: 1,000 problems of about
a kilobyte, cut out of real files that are not among the texts; HumanEval is one of them. Alternatives: datatrove's filter (`make
.venv-peers/.stamp`) with the same width, on part of the input, and a plain Python set of tuples, given the same words, which has to find
the same texts. The limit is the kernel that makes the words' hashes, without n-grams and without looking anything up.
"""

import argparse
import json
import os
import re
import subprocess
import sysconfig
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.code import text_files
from benchmarks.measure import interleaved, report, result
from tests.real_benchmark import problems
from udfs.compiled import compiled
from udfs.contamination import WIDTH, Benchmark, contamination, wanted_of
from udfs.shingles import text_buffers
from udfs.words import alphabet, hash_words

PEER = Path(__file__).parents[1] / ".venv-peers" / "bin" / "python"
PROBLEMS, PROBLEM_CHARACTERS = 1000, 1000
LOADED = 10
PART = 40  # the alternatives are given one text in so many
WORD = re.compile(r"\w+")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--sets", type=int, nargs="*", default=[1, LOADED, 100])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    scanned, cut = split(arguments.megabytes * 1_000_000)
    texts = pa.array(scanned, pa.large_string())
    part = pa.array([text for text in scanned[::PART] if text.isascii()], pa.large_string())
    data, offsets = text_buffers(texts)
    wanted = {count: wanted_of(benchmarks(cut, count))[0] for count in sorted({*arguments.sets, LOADED})}
    grams = plain_set(benchmarks(cut, LOADED))
    variants: dict[str, Any] = {f"codemill, {count} sets": lambda count=count: batches(texts, wanted[count]) for count in wanted}
    variants |= {"words alone": lambda: words_alone(data, offsets), "a Python set": lambda: plain_search(part, grams)}
    for variant in variants.values():
        variant()  # compiles
    found = np.asarray(contamination(part, wanted[LOADED])["match_count"]) > 0
    assert found.tolist() == plain_search(part, grams), "the plain search finds other texts"
    seconds = interleaved(variants, arguments.rounds)
    size, part_size = int(offsets[-1]), int(text_buffers(part)[1][-1])
    speeds = {name: (part_size if name == "a Python set" else size) / 1e6 / spent for name, spent in seconds.items()}
    speeds |= peer(part, benchmarks(cut, LOADED), part_size)
    for name, speed in speeds.items():
        print(f"  {speed:8.1f} MB/s  {name}")
    print(f"  of the alternatives' texts {sum(found):,} of {len(found):,} share an n-gram")
    for count, one in wanted.items():
        print(f"  {count} sets: {len(one.grams.hashes):,} n-grams, tables of {one.grams.size_bytes / 1e6:.0f} MB")
    best = max((name for name in speeds if "codemill" not in name and name != "words alone"), key=lambda name: speeds[name])
    given = f"{len(texts):,} real files, {size / 1e6:.0f} MB, {LOADED} benchmarks of {len(wanted[LOADED].grams.hashes):,} n-grams"
    ours, limit = speeds[f"codemill, {LOADED} sets"], ("the words' hashes alone", speeds["words alone"])
    report(result("decontamination", "MB/s on one core", ours, (best, speeds[best]), limit, given))


def split(size: int) -> tuple[list[str], list[str]]:
    """Texts to search, of so many characters together; and others to cut problems out of, of other distributions."""
    scanned: list[str] = []
    cut: dict[str, None] = {}
    held = 0
    for path in text_files():
        folder = path.parts[len(Path(sysconfig.get_path("stdlib")).parts) : -1][:2]
        is_cut = zlib.crc32("/".join(folder).encode()) % 3 == 0
        if path.stat().st_size <= 1 << 20 and (is_cut or held < size):
            text = path.read_bytes().decode(errors="replace")
            if is_cut:
                cut[text] = None
            else:
                scanned.append(text)
                held += len(text)
    return list(dict.fromkeys(scanned)), list(cut)


def benchmarks(cut: list[str], count: int) -> list[Benchmark]:
    """HumanEval, and pieces of files for the others, each once; not their first pages, where licences are."""
    starts = range(4 * PROBLEM_CHARACTERS, 1 << 20, 4 * PROBLEM_CHARACTERS)
    pieces = (text[start : start + PROBLEM_CHARACTERS] for text in cut for start in starts if start < len(text))
    found = [Benchmark("HumanEval", tuple((row["task_id"], row["prompt"] + row["canonical_solution"]) for row in problems()))]
    for number in range(1, count):
        items = tuple((f"{number}/{place}", piece) for place, piece in zip(range(PROBLEMS), pieces, strict=False))
        found.append(Benchmark(f"set {number}", items))
    return found


def batches(texts: pa.Array, wanted: Any) -> None:
    for start in range(0, len(texts), 1000):
        contamination(texts.slice(start, 1000), wanted)


def words_alone(data: np.ndarray, offsets: np.ndarray) -> int:
    hashes, starts = np.zeros(4098, np.uint64), np.zeros(4098, np.int64)
    return int(_words(data, offsets, alphabet(), hashes, starts))


@compiled
def _words(data: Any, offsets: Any, letters: Any, hashes: Any, starts: Any) -> Any:
    total = 0
    for row in range(len(offsets) - 1):
        text = data[offsets[row] : offsets[row + 1]]
        i = 0
        while i < len(text):
            count, i = hash_words(text, i, letters, hashes, starts, 0)
            total += count
    return total


def ngrams(text: str) -> list[tuple[str, ...]]:
    words = WORD.findall(text.lower())
    return list(zip(*(words[place:] for place in range(WIDTH)), strict=False))


def plain_set(found: list[Benchmark]) -> set[tuple[str, ...]]:
    grams = {gram for one in found for _, text in one.items for gram in ngrams(text)}
    return {gram for gram in grams if any(map(str.isalpha, "".join(gram)))}


def plain_search(texts: pa.Array, grams: set[tuple[str, ...]]) -> list[bool]:
    return [not grams.isdisjoint(ngrams(text)) for text in texts.to_pylist()]


def peer(texts: pa.Array, found: list[Benchmark], size: int) -> dict[str, float]:
    """datatrove's own filter in its own environment; without it, nothing."""
    if not PEER.exists():
        print("  datatrove is not there: make .venv-peers/.stamp")
        return {}
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(pa.table({"text": texts}), f"{folder}/texts.parquet")
        items = [text for one in found for _, text in one.items]
        pq.write_table(pa.table({"text": pa.array(items, pa.large_string())}), f"{folder}/items.parquet")
        script = Path(__file__).parent / "peers" / "datatrove_ngrams.py"
        done = subprocess.run([PEER, script, folder, str(WIDTH)], check=True, capture_output=True, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    return {"datatrove": size / 1e6 / told["seconds"]}


if __name__ == "__main__":
    main()
