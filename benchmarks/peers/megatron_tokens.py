"""What Megatron-LM's tools/preprocess_data.py does with a document, with Megatron's own writer, in `.venv-readers`.

    .venv-readers/bin/python benchmarks/peers/megatron_tokens.py INPUT.jsonl TOKENIZER_JSON OUTPUT_PREFIX

The tool itself is in no package; this is its inner loop with one worker: a line of JSON, the fast tokenizer of transformers on its text,
the end token, `IndexedDatasetBuilder.add_document`. Prints one JSON object: wall-clock seconds.
"""

import json
import sys
import time

import numpy as np
import torch
from megatron.core.datasets.indexed_dataset import IndexedDatasetBuilder  # type: ignore[import-not-found]
from transformers import PreTrainedTokenizerFast


def main() -> None:
    given, tokenizer_json, prefix = sys.argv[1:]
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=tokenizer_json, eos_token="<|endoftext|>")
    builder = IndexedDatasetBuilder(f"{prefix}.bin", dtype=np.uint16)
    start = time.perf_counter()
    with open(given, encoding="utf-8") as lines:
        for line in lines:
            ids = [*tokenizer(json.loads(line)["text"], add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
            builder.add_document(torch.IntTensor(ids), [len(ids)])
    builder.finalize(f"{prefix}.idx")
    print(json.dumps({"seconds": round(time.perf_counter() - start, 2)}))


if __name__ == "__main__":
    main()
