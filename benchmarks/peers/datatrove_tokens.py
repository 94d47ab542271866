"""datatrove's DocumentTokenizer over Parquet files (content_sha256, text), in an environment of its own (`make .venv-peers/.stamp`).

    .venv-peers/bin/python benchmarks/peers/datatrove_tokens.py INPUT_FOLDER TOKENIZER_JSON OUTPUT_FOLDER [--workers 1]

Writes its own format, unshuffled, with the end token after each document, and prints one JSON object: wall-clock seconds.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.tokens import DocumentTokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input")
    parser.add_argument("tokenizer")
    parser.add_argument("output")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    files = len(list(Path(arguments.input).glob("*.parquet")))
    reader = ParquetReader(arguments.input, glob_pattern="*.parquet", text_key="text", id_key="content_sha256")
    writer = DocumentTokenizer(
        arguments.output, tokenizer_name_or_path=arguments.tokenizer, eos_token="<|endoftext|>", shuffle_documents=False
    )
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as logs:
        LocalPipelineExecutor(
            [reader, writer], tasks=files, workers=min(arguments.workers, files), logging_dir=logs, skip_completed=False
        ).run()
    print(json.dumps({"seconds": round(time.perf_counter() - start, 2)}))


if __name__ == "__main__":
    main()
