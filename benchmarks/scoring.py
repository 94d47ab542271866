"""The scoring worker beside the plain loop of Transformers, on the processor: same model, same files, batches of as many texts.

`python -m benchmarks.scoring [--megabytes N]`. Useful tokens per second, from the lake's texts to scores in the lake, and for the plain
loop from texts in memory to scores in memory: files in their order, padded to the longest of a batch. Scores of both are compared. The
feed, which is the worker with a model that does nothing, says how fast a device could be before it waits.
"""

import argparse
import shutil
import tempfile
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from deltalake import write_deltalake
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from benchmarks.code import real_texts
from benchmarks.measure import cores, interleaved, report, result
from gpu_scoring import worker
from gpu_scoring.scorer import Scorer, Shape, new_scorer
from gpu_scoring.worker import WorkerParams
from schemas.annotate import SCORES
from schemas.decide import GATES
from schemas.ingest import CONTENTS
from schemas.lake import Lake
from udfs.tokenizer import PADDING

MOST_BYTES = 1 << 20
COMPARED = 100  # texts whose scores are compared before they are rounded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=12)
    parser.add_argument("--window", type=int, default=2048)
    parser.add_argument("--batch-tokens", type=int, default=16384)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(cores())
    texts = real_texts(arguments.megabytes << 20, MOST_BYTES)
    scorer = new_scorer(Shape(128, 4, 8192), iter(texts[:500]), arguments.window, 0)
    lengths = np.array([len(row) for row in scorer.tokens(texts)])
    params = WorkerParams(batch_tokens=arguments.batch_tokens)
    batch = max(1, round(arguments.batch_tokens / lengths.mean()))
    idle = replace(scorer, model=Idle())
    with tempfile.TemporaryDirectory() as folder:
        lake = lake_of(folder, texts)
        found: dict[str, Any] = {}

        def ours(used: Scorer) -> None:
            shutil.rmtree(lake.path(SCORES.name), ignore_errors=True)
            found["worker"] = worker.run(lake, used, "v", "demo", params, lambda line: None)

        variants = {
            "plain loop": lambda: found.update(plain=plain_loop(scorer, texts, batch)),
            "feed": lambda: ours(idle),
            "codemill": lambda: ours(scorer),
        }
        seconds = interleaved(variants, arguments.rounds)
        scored = {row["content_sha256"]: row["score_percent"] for row in lake.read(SCORES).to_pylist()}
    plain = np.clip(found["plain"], 0, 1)
    assert all(abs(scored[f"{number:064x}"] / 100 - value) < 0.0051 for number, value in enumerate(plain)), "rounded scores differ"
    worst = np.abs(scorer.predict(texts[:COMPARED]) - plain[:COMPARED]).max()
    speeds = {name: lengths.sum() / spent for name, spent in seconds.items()}
    summary = found["worker"]
    padding = 1 - summary.tokens / summary.padded_tokens
    print(f"  scores before rounding differ by {worst:.1e} at most; {padding:.1%} of the worker's tokens are padding")
    print(f"  useful operations: {summary.peak_share:.0%} of what one large matrix product reaches on this device")
    given = (
        f"{len(texts):,} files, {lengths.sum():,} tokens of at most {arguments.window:,}, batches of about {batch} texts, {cores()} cores"
    )
    best = ("the plain Transformers loop, padded batches", float(speeds["plain loop"]))
    report(result("scoring", "tokens/s", float(speeds["codemill"]), best, ("the feed: no model", float(speeds["feed"])), given))


class Idle(torch.nn.Module):  # type: ignore[misc]
    """Stands for a model that takes no time."""

    config = SimpleNamespace(num_hidden_layers=0, hidden_size=0)

    def __init__(self) -> None:
        super().__init__()
        self.score, self.embedding = torch.nn.Linear(1, 1), torch.nn.Embedding(1, 1)

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.embedding

    def base_model(self, input_ids: torch.Tensor, **options: Any) -> Any:
        return SimpleNamespace(last_hidden_state=torch.zeros((*input_ids.shape, 1)))


def lake_of(folder: str, texts: list[str]) -> Lake:
    lake = Lake.at(folder)
    lake.create()
    keys = [f"{number:064x}" for number in range(len(texts))]
    sizes = [len(text.encode()) for text in texts]
    contents = pa.table({"content_sha256": keys, "text": texts, "size_bytes": sizes}).select(CONTENTS.names).cast(CONTENTS.arrow_schema)
    write_deltalake(lake.path(CONTENTS.name), contents)
    filled: dict[str, Any] = {"kind": "file", "policy": "demo", "gates_hash": "0", "repository": "r", "path": "p", "split": "train"}
    filled |= {"language": None, "licence": None, "token_estimate": 1, "reasons": [], "survivor": None}
    rows = [filled | {"candidate": key, "size_bytes": size} for key, size in zip(keys, sizes, strict=True)]
    write_deltalake(lake.path(GATES.name), pa.Table.from_pylist(rows, schema=GATES.arrow_schema))
    return lake


def plain_loop(scorer: Scorer, texts: list[str], batch: int) -> np.ndarray:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(scorer.tokenizer.tokenizer_json), pad_token=PADDING, eos_token=scorer.tokenizer.end_token
    )
    found = []
    scorer.model.eval()
    with torch.inference_mode():
        for start in range(0, len(texts), batch):
            part = [text + scorer.tokenizer.end_token for text in texts[start : start + batch]]
            encoded = tokenizer(part, return_tensors="pt", padding=True, truncation=True, max_length=scorer.window, padding_side="right")
            found.append(scorer.model(encoded["input_ids"], attention_mask=encoded["attention_mask"], use_cache=False).logits[:, 0].numpy())
    return np.concatenate(found) + scorer.offset


if __name__ == "__main__":
    main()
