"""The models of pages as a folder: what a user brings, or takes along. One file per model, and the card.

FOLDER/relevance.bin, category.bin, quality.bin   fastText models
FOLDER/card.json                                  with `threshold_percent` and `recall_wanted` at least
FOLDER/card.md                                    the same for people; not read
"""

import json
from pathlib import Path
from typing import Any

from jobs.runtime.errors import UsageError
from udfs.page_categories import CATEGORIES
from udfs.page_evaluation import RATINGS
from udfs.page_models import IRRELEVANT, MODELS, RELEVANT, PageModels, labels_of

CARD = "card.json"
_LABELS = {
    "relevance": frozenset({RELEVANT, IRRELEVANT}),
    "category": frozenset(CATEGORIES),
    "quality": frozenset(map(str, range(RATINGS))),
}


def read_folder(folder: Path) -> tuple[PageModels, dict[str, Any]]:
    """The models and their card. Raises UsageError with what is wrong."""
    lacks = [name for name in (*(f"{model}.bin" for model in MODELS), CARD) if not (folder / name).is_file()]
    if lacks:
        raise UsageError(f"{folder} holds no models of pages: it has no {', no '.join(lacks)}. Expected what `write_folder` leaves.")
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    threshold, recall = card.get("threshold_percent"), card.get("recall_wanted")
    if not isinstance(threshold, int) or not 0 <= threshold <= 100 or not isinstance(recall, int | float):
        raise UsageError(
            f"{folder / CARD} has threshold_percent {threshold!r} and recall_wanted {recall!r};"
            " expected a whole number from 0 to 100, and a share"
        )
    models = PageModels(threshold, **{name: (folder / f"{name}.bin").read_bytes() for name in MODELS})
    for name in MODELS:
        try:
            found = set(labels_of(models.loaded[name]))
        except ValueError as error:
            raise UsageError(f"{folder / name}.bin is no fastText model: {error}") from error
        if not found <= _LABELS[name] or (name == "relevance" and found != _LABELS[name]):
            raise UsageError(f"{folder / name}.bin knows {', '.join(sorted(found))}; expected {', '.join(sorted(_LABELS[name]))}")
    return models, card


def write_folder(folder: Path, models: PageModels, card: dict[str, Any], markdown: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        (folder / f"{name}.bin").write_bytes(getattr(models, name))
    (folder / CARD).write_text(card_json(card) + "\n", encoding="utf-8")
    (folder / "card.md").write_text(markdown, encoding="utf-8")


def card_json(card: dict[str, Any]) -> str:
    return json.dumps(card, sort_keys=True, ensure_ascii=False)
