"""Where training may write a scorer: into a new or empty folder, or in place of a scorer. Without torch, so that it is told at once."""

from fnmatch import fnmatch
from pathlib import Path

SCORER_NAME, TOKENIZER_NAME, CARD_NAME, CALIBRATION_NAME = "scorer.json", "tokenizer.json", "README.md", "calibration.png"
# What a scorer's folder holds: ours, and what Transformers writes of a model.
KNOWN = (SCORER_NAME, TOKENIZER_NAME, CARD_NAME, CALIBRATION_NAME, "config.json", "model*.safetensors", "model.safetensors.index.json")
MOST_NAMED = 5


class OutFolderError(Exception):
    """A folder cannot become a scorer's: what it is, what was expected."""


def check_out(out: Path, checkpoint: str = "") -> None:
    """Raises OutFolderError unless all that `out` holds may go: nothing, or a scorer that is not the checkpoint to start from."""
    place, here = out.resolve(), Path.cwd()
    if place == here or place in here.parents:
        raise OutFolderError(f"{out} is the folder where you stand, or one above it. Expected the scorer's own, such as {out / 'scorer'}")
    start = Path(checkpoint).resolve()
    if checkpoint and (place == start or place in start.parents):
        raise OutFolderError(f"{out} would take the place of {checkpoint}, which training starts from. Expected another folder.")
    if out.exists() and not out.is_dir():
        raise OutFolderError(f"{out} is a file. Expected a new folder, or one that `codemill train-scorer` made.")
    names = sorted(path.name for path in out.iterdir()) if out.exists() else []
    strange = [name for name in names if SCORER_NAME not in names or not any(fnmatch(name, known) for known in KNOWN)]
    if strange:
        listed = ", ".join(strange[:MOST_NAMED]) + (f" and {len(strange) - MOST_NAMED} more" if len(strange) > MOST_NAMED else "")
        raise OutFolderError(
            f"{out} holds {listed}, which is no scorer's and would be deleted.\n"
            "Expected a new or empty folder, or one that `codemill train-scorer` made with nothing else in it; nothing was written."
        )
