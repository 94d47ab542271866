"""datatrove's n-gram filter over texts in memory, in an environment of its own (`make .venv-peers/.stamp`).

    .venv-peers/bin/python benchmarks/peers/datatrove_ngrams.py FOLDER WIDTH

FOLDER has texts.parquet and items.parquet (text). Prints one JSON object: seconds of processor time of the filter over all texts, the set
of n-grams being loaded, and how many texts it drops.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from datatrove.data import Document
from datatrove.pipeline.decont import NGramsDecontConfig, NGramsDecontFilter, NGramsDecontIndexer
from datatrove.pipeline.decont.n_grams import load_word_tokenizer
from datatrove.utils.hashing import create_hash_func


def main() -> None:
    folder, width = Path(sys.argv[1]), int(sys.argv[2])
    config = NGramsDecontConfig(n_grams=width)
    texts, items = (pq.read_table(folder / name).column("text").to_pylist() for name in ("texts.parquet", "items.parquet"))
    # The indexer's own method; its constructor asks for lighteval, which reads benchmarks from a hub.
    indexer = object.__new__(NGramsDecontIndexer)
    indexer.config, indexer.tokenizer, indexer.hash_func = config, load_word_tokenizer("eng"), create_hash_func(config.hash_config)
    hashes = sorted({found for item in items for found in indexer.compute_hashes(item)})
    with tempfile.TemporaryDirectory() as index:
        np.array(hashes, dtype=config.hash_config.np_descr).tofile(f"{index}/all.index.hashes")
        step = NGramsDecontFilter(index, config, language="eng")
        step.filter(Document("a", "0"))  # loads
        documents = [Document(text, str(number)) for number, text in enumerate(texts)]
        start = time.process_time()
        dropped = sum(step.filter(document) is not True for document in documents)
        print(json.dumps({"seconds": time.process_time() - start, "dropped": dropped}))


if __name__ == "__main__":
    main()
