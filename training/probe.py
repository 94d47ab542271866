"""The proof that the shards train: a small decoder, its falling loss, and held-out bits per byte beside a unigram baseline.

Reads only the shard folder. Writes OUT/checkpoint (for `transformers`) and, last, OUT/metrics.json. The same shards and parameters give
the same losses on one machine with one number of threads, as long as the time budget does not cut the steps. A run that was killed goes
on at the step of its last saved state; a run that is already there is not done again.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path

from training.record import METRICS_NAME, ProbeParams, ProbeResult, finished, run_id
from udfs.manifest import ShardError
from udfs.shards import MANIFEST_NAME, TOKENIZER_NAME, open_folder, verify
from udfs.tokenizer import TokenizerError, load


class NothingToTrainOn(Exception):
    """The manifest lists no training tokens."""


def train_probe(params: ProbeParams, say: Callable[[str], None] = print) -> ProbeResult:
    """Raises `ShardError` for altered shards, `NothingToTrainOn` for an empty train split. `say` gets lines of progress."""
    manifest = verify(params.shards)
    if "train" not in manifest.splits or not manifest.splits["train"].totals["tokens"]:
        raise NothingToTrainOn(f"the manifest in {params.shards} lists no training tokens: nothing was kept, or everything is held out")
    params = replace(params, context=min(params.context, manifest.window))
    manifest_sha256 = hashlib.sha256(_read(params.shards, MANIFEST_NAME)).hexdigest()
    run = run_id(params, manifest_sha256)
    if (done := finished(Path(params.out), run)) is not None:
        say(f"nothing to do: {Path(params.out) / METRICS_NAME} is of this very run")
        return done
    # Threads that spin while they wait make torch six times slower where other processes want the cores; read at torch's import.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from training.pretrain import pretrain  # torch and transformers: seconds that a finished run need not pay

    return pretrain(params, run, manifest, manifest_sha256, load(_read(params.shards, TOKENIZER_NAME).decode()), say)


def _read(folder: str, name: str) -> bytes:
    filesystem, root = open_folder(folder)
    return bytes(filesystem.open_input_file(f"{root}/{name}").readall())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.probe",
        description="Trains a small decoder on a folder of shards and measures it on the held-out ones.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for param in fields(ProbeParams):
        option = "--" + param.name.replace("_", "-")
        help_text = param.metadata["help"]
        if param.name in ("shards", "out"):
            parser.add_argument(option, required=True, default=argparse.SUPPRESS, metavar="FOLDER", help=help_text)
        elif param.name == "prompts":
            parser.add_argument(option, nargs="*", default=param.default, metavar="TEXT", help=help_text)
        else:
            parser.add_argument(option, type=type(param.default), default=param.default, metavar="N", help=help_text)
    parser.add_argument("--json", action="store_true", help="the last line printed is the result as one JSON object, without the log")
    return parser


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    chosen = vars(parser.parse_args(arguments))
    as_json = chosen.pop("json")
    try:
        params = ProbeParams(**{**chosen, "prompts": tuple(chosen["prompts"])})
    except ValueError as error:
        parser.error(str(error))
    try:
        result = train_probe(params, lambda line: print(line, flush=True))
    except (ShardError, NothingToTrainOn, TokenizerError) as error:
        print(f"probe: {error}", file=sys.stderr)
        return 1
    for prompt, text in result.completions.items():
        print(f"  {prompt!r} -> {text!r}")
    print(f"checkpoint: {result.checkpoint}")
    if as_json:
        print(json.dumps({name: value for name, value in asdict(result).items() if name != "log"}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
