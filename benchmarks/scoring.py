"""The scoring worker beside the plain loop of Transformers: same model, same device, same files, batches of as many texts.

`python -m benchmarks.scoring [--megabytes N] [--device cuda]`. Useful tokens per second, from the lake's texts to scores in the lake, and
for the plain loop from texts in memory to scores in memory: files in their order, padded to the longest of a batch. Scores of both are
compared. The feed, which is the worker with a model that does nothing, says how fast a device could be before it waits. On a GPU the
model is of the shape of the report's scorer (1.3B), in bf16, and the plain loop takes the first of the files only.
"""

import argparse
import copy
import resource
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
from transformers import LlamaConfig, LlamaForSequenceClassification, PreTrainedTokenizerFast

from benchmarks.code import real_texts
from benchmarks.measure import cores, interleaved, report, result
from gpu_scoring import worker
from gpu_scoring.device import chosen, dtype_of
from gpu_scoring.packed import NAME, pack
from gpu_scoring.scorer import Scorer, Shape, new_scorer
from gpu_scoring.worker import WorkerParams
from schemas.annotate import SCORES
from schemas.decide import GATES
from schemas.ingest import CONTENTS
from schemas.lake import Lake
from udfs.tokenizer import PADDING
from udfs.tokenizer import Tokenizer as OwnTokenizer

MOST_BYTES = 1 << 20
COMPARED = 100  # texts whose scores are compared before they are rounded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=12)
    parser.add_argument("--window", type=int, default=2048)
    parser.add_argument("--batch-tokens", type=int, default=16384)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--plain-files", type=int, help="of the plain loop; default: all on a processor, 300 on a GPU")
    arguments = parser.parse_args()
    torch.set_num_threads(cores())
    try:
        device = chosen(arguments.device)
    except ValueError as error:
        parser.exit(1, f"scoring on {arguments.device}: not measured, {error}\n--device cpu measures the worker and its feed here.\n")
    is_gpu = device.type == "cuda"
    texts = real_texts(arguments.megabytes << 20, MOST_BYTES)
    scorer = (report_scorer if is_gpu else small_scorer)(texts, arguments.window)
    size = f"{scorer.model.num_parameters():,} parameters"
    plain_scorer = replace(scorer, model=copy.deepcopy(scorer.model))
    plain_scorer.model.set_attn_implementation("sdpa")
    plain_scorer.model.to(device=device, dtype=dtype_of(device))
    scorer = scorer.on(device, dtype_of(device), arguments.batch_tokens)
    lengths = np.array([len(row) for row in scorer.tokens(texts)])
    params = WorkerParams(batch_tokens=arguments.batch_tokens)
    batch = max(1, round(arguments.batch_tokens / lengths.mean()))
    plain_files = min(len(texts), arguments.plain_files or (300 if is_gpu else len(texts)))
    idle = replace(scorer, model=Idle())
    with tempfile.TemporaryDirectory() as folder:
        lake = lake_of(folder, texts)
        found: dict[str, Any] = {}

        def ours(used: Scorer) -> None:
            shutil.rmtree(lake.path(SCORES.name), ignore_errors=True)
            found["worker"] = worker.run(lake, used, "v", "demo", params, lambda line: None)

        variants = {
            "plain loop": lambda: found.update(plain=plain_loop(plain_scorer, texts[:plain_files], batch)),
            "feed": lambda: ours(idle),
            "codemill": lambda: ours(scorer),
        }
        seconds = interleaved(variants, arguments.rounds)
        scored = {row["content_sha256"]: row["score_percent"] for row in lake.read(SCORES).to_pylist()}
    plain = np.clip(found["plain"], 0, 1)
    tolerance = 0.02 if is_gpu else 0.0001
    assert all(abs(scored[f"{n:064x}"] / 100 - value) < 0.005 + tolerance for n, value in enumerate(plain)), "rounded scores differ"
    compared = min(COMPARED, plain_files)
    worst = np.abs(scorer.predict(texts[:compared], arguments.batch_tokens) - plain[:compared]).max()
    speeds = {name: lengths.sum() / spent for name, spent in seconds.items()}
    speeds["plain loop"] = lengths[:plain_files].sum() / seconds["plain loop"]
    summary = found["worker"]
    print(f"  scores before rounding differ by {worst:.1e} at most")
    share, peak = summary.peak_share, summary.peak_flops / 1e12
    print(f"  useful operations: {share:.1%} of the {peak:,.1f} Tflop/s that one large matrix product reaches on this device")
    print(f"  memory of this process at its highest: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    if not is_gpu:
        there = "not asked for (--device cuda)" if torch.cuda.is_available() else "there is none here"
        print(f"  the report's 1.3B shape on a GPU: not measured, {there}")
    name = torch.cuda.get_device_name(device) if is_gpu else f"{cores()} cores"
    given = (
        f"{len(texts):,} files, {sum(len(text.encode()) for text in texts):,} bytes, {lengths.sum():,} tokens of at most"
        f" {arguments.window:,}, rows of {arguments.batch_tokens:,}, {size}, {name}"
    )
    best = ("the plain Transformers loop, padded batches", float(speeds["plain loop"]))
    report(result("scoring", "tokens/s", float(speeds["codemill"]), best, ("the feed: no model", float(speeds["feed"])), given))


def small_scorer(texts: list[str], window: int) -> Scorer:
    return new_scorer(Shape(128, 4, 8192), iter(texts[:500]), window, 0)


def report_scorer(texts: list[str], window: int) -> Scorer:
    """The report's 1.3B of Llama-2 structure, as far as it is known: random weights."""
    vocabulary = new_scorer(Shape(32, 1, 32000), iter(texts[:1500]), window, 0)
    config = LlamaConfig(
        vocab_size=32000, hidden_size=2048, intermediate_size=5504, num_hidden_layers=24, num_attention_heads=16, num_labels=1,
        max_position_embeddings=window, pad_token_id=vocabulary.tokenizer.padding_id,
    )  # fmt: skip
    with torch.device("cuda"):
        model = LlamaForSequenceClassification(config)
    with torch.no_grad():
        model.score.weight.mul_(0.1)  # as training begins: else random scores are spread far beyond [0, 1]
    pack(model)
    return replace(vocabulary, model=model, offset=0.5)


class Idle(torch.nn.Module):  # type: ignore[misc]
    """Stands for a model that takes no time."""

    config = SimpleNamespace(num_hidden_layers=0, hidden_size=0, _attn_implementation=NAME)

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
    assert isinstance(scorer.tokenizer, OwnTokenizer)  # which new_scorer trains
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(scorer.tokenizer.tokenizer_json), pad_token=PADDING, eos_token=scorer.tokenizer.end_token
    )
    found = []
    scorer.model.eval()
    with torch.inference_mode():
        for start in range(0, len(texts), batch):
            part = [text + scorer.tokenizer.end_token for text in texts[start : start + batch]]
            encoded = tokenizer(part, return_tensors="pt", padding=True, truncation=True, max_length=scorer.window, padding_side="right")
            encoded = encoded.to(scorer.model.device)
            logits = scorer.model(encoded["input_ids"], attention_mask=encoded["attention_mask"], use_cache=False).logits[:, 0]
            found.append(logits.float().cpu().numpy())
    return np.concatenate(found) + scorer.offset


if __name__ == "__main__":
    main()
