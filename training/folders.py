"""The shard folders that a plan's phases read: whole, and of one tokenizer. No torch here."""

import hashlib
from dataclasses import dataclass

from training.errors import NothingToTrainOn, PlanError
from training.loader import Source, joined_sequences
from training.plan import Phase, Plan
from udfs.manifest import Manifest, ShardError
from udfs.shards import MANIFEST_NAME, TOKENIZER_NAME, open_folder, read_manifest, verify
from udfs.tokenizer import Tokenizer, load


@dataclass(frozen=True)
class ShardFolder:
    """A folder with its manifest and tokenizer; `sha256` is the manifest's, which names every shard by its hash."""

    path: str
    manifest: Manifest
    sha256: str
    tokenizer: Tokenizer

    def source(self, split: str, window: int, seed: int | str, joined: int = 1) -> Source:
        return Source(self.path, self.manifest, split, window, self.tokenizer.end_id, seed, joined)


def opened(path: str, is_verified: bool = True) -> ShardFolder:
    """Raises `ShardError` where the folder is not what its manifest says; reads every shard for that, unless told not to."""
    manifest = verify(path) if is_verified else read_manifest(path)
    tokenizer = load(_read(path, TOKENIZER_NAME).decode())
    if tokenizer.vocabulary_size != manifest.vocabulary_size or tokenizer.sha256 != manifest.tokenizer_sha256:
        raise ShardError(
            f"{path}: the manifest names the tokenizer {manifest.tokenizer_sha256[:12]} with {manifest.vocabulary_size} entries, and "
            f"{TOKENIZER_NAME} is {tokenizer.sha256[:12]} with {tokenizer.vocabulary_size}. Export the shards again"
        )
    return ShardFolder(path, manifest, hashlib.sha256(_read(path, MANIFEST_NAME)).hexdigest(), tokenizer)


def folders_of(plan: Plan, path: str, is_verified: bool = True) -> dict[str, ShardFolder]:
    """The folder of each phase by its name. Raises where one has nothing to train on, a window that is too long, or another tokenizer."""
    by_path: dict[str, ShardFolder] = {}
    for phase in plan.phases:
        folder = phase.shards or path
        if folder not in by_path:
            by_path[folder] = opened(folder, is_verified)
        _check(phase, by_path[folder])
    found = {phase.name: by_path[phase.shards or path] for phase in plan.phases}
    tokenizers = {folder.tokenizer.sha256: folder.path for folder in found.values()}
    if len(tokenizers) > 1:
        raise PlanError(
            f"the phases' shards have other tokenizers: {', '.join(f'{sha[:12]} in {where}' for sha, where in tokenizers.items())}. "
            "Tokens would change their meaning between phases: export both mixtures with one tokenizer"
        )
    return found


def _check(phase: Phase, folder: ShardFolder) -> None:
    manifest = folder.manifest
    if "train" not in manifest.splits or not manifest.splits["train"].totals["tokens"]:
        raise NothingToTrainOn(f"the manifest in {folder.path} lists no training tokens: nothing was kept, or everything is held out")
    joined_sequences(manifest, phase.window, phase.joins_sequences, phase.name)
    if None not in (phase.fim_rate, manifest.fim_rate) and phase.fim_rate != manifest.fim_rate:
        raise PlanError(
            f"{phase.name}.fim_rate is {phase.fim_rate}; the mixture {manifest.mixture!r} in {folder.path} was filled in the middle at "
            f"{manifest.fim_rate}. Train on another mixture, or set {phase.name}.fim_rate to what it is"
        )


def _read(folder: str, name: str) -> bytes:
    filesystem, root = open_folder(folder)
    try:
        return bytes(filesystem.open_input_file(f"{root}/{name}").readall())
    except FileNotFoundError as error:
        raise ShardError(f"{folder} has no {name}: export the shards again") from error
