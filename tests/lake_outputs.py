"""Files that a run leaves beside the tables: the metrics of a probe, and the manifest of shards."""

import json
from collections.abc import Sequence
from pathlib import Path

from tests.lake_builder import POLICY, WINDOW, LakeRows, Row

FIM = {"skipped": None, "documents": 8, "trained_on": 3, "bits_per_byte": 2.5, "without_suffix": 2.75, "in_another_document": 3.25}


def write_metrics(root: Path, steps: int = 60) -> None:
    """What the probe leaves: a loss that falls, bits per byte, completions."""
    loss = [5.6 * 0.97**step + 1.9 for step in range(steps)]
    write_probe(root, loss, {"def __init__(self": ", name):\n        self.name = name\n"})


def write_probe(root: Path, loss: Sequence[float], completions: dict[str, str]) -> None:
    """metrics.json as training.record writes it, for a probe with these losses at steps 0, 1, ..."""
    log = [
        {"step": step, "loss": value, "learning_rate": 1e-3, "tokens": 1_024 * step, "seconds": 0.1 * step}
        for step, value in enumerate(loss)
    ]
    counts = {"steps": len(loss), "tokens": 1_024 * len(loss), "parameters": 1_000_000, "training_s": 0.1 * len(loss)}
    held_out = {"held_out_bits_per_byte": 2.875, "unigram_bits_per_byte": 4.718, "held_out_text_bytes": 50_000}
    (root / "train/probe").mkdir(parents=True, exist_ok=True)
    metrics = json.dumps({"log": log, "completions": completions, **counts, **held_out, "phases": phases(), "fim": FIM})
    (root / "train/probe/metrics.json").write_text(metrics, encoding="utf-8")


def phases() -> list[Row]:
    """Two, of which the second alone has commits held out."""
    bits = {"bits_per_byte": 2.875, "tokens": 9_000, "text_bytes": 25_000}
    both: Row = {"steps": 30, "tokens": 30_720, "first_loss": 5.0, "final_loss": 2.5, "loss_by_kind": {"file": 2.5}}
    held_out = {"model": bits, "unigram": 4.718, "by_kind": {"file": bits}, "by_language": {"unknown": bits}}
    languages = {"C": bits | {"text_bytes": 5_000}, "Python": bits | {"bits_per_byte": 2.75}, "unknown": bits}
    later = {**held_out, "by_kind": {"file": bits, "commit": bits}, "by_language": languages}
    return [
        {"name": "regular", "window": 128, "learning_rate": 0.01, **both, "held_out": held_out},
        {"name": "continued", "window": 256, "learning_rate": 0.001, **both, "held_out": later},
    ]


def write_shards_manifest(root: Path, rows: LakeRows) -> None:
    """What the export says of itself: one shard a split."""
    splits: dict[str, Row] = {}
    for split in ("train", "held_out"):
        held = [row for row in rows.rows["mix/sequences"] if row["split"] == split]
        tokens = sum(len(row["tokens"]) for row in held)
        shard = {"file": f"{split}-00000.parquet", "sha256": "cd" * 32, "rows": len(held), "tokens": tokens, "text_bytes": tokens}
        splits[split] = {"shards": [shard] if held else [], "languages": {}}
    manifest = {"mixture": POLICY, "window": WINDOW, "vocabulary_size": 257, "tokenizer_sha256": "ab" * 32, "splits": splits}
    (root / "mix/shards").mkdir(parents=True, exist_ok=True)
    (root / "mix/shards/manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
