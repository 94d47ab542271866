"""What the trainer refuses, in words for the one who started it.

    TrainingError          says where, what was found, what was expected, what to do
      PlanError            the plan itself cannot be followed
      NothingToTrainOn     the manifest lists no training tokens

Altered or missing shards are a `udfs.manifest.ShardError`, tokenizers that lose text a `udfs.tokenizer.TokenizerError`.
"""


class TrainingError(Exception):
    """Training cannot start, or cannot go on."""


class PlanError(TrainingError):
    """A plan that contradicts itself, its shards or the number of processes."""


class NothingToTrainOn(TrainingError):
    """The manifest lists no training tokens."""
