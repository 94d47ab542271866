"""What a scorer is trained on: rated files that pass the gates as they are now, apart by whether their repository is held out."""

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import write_deltalake

from gpu_scoring.examples import ExamplesError, labelled
from schemas.annotate import LABELS
from schemas.decide import FEATURES, GATES
from schemas.ingest import CONTENTS
from schemas.lake import Lake

TRAIN, HELD_OUT = [f"train {n}" for n in range(4)], [f"held out {n}" for n in range(3)]


def key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def lake_of(folder: Path, reasons: dict[str, list[str]], policy: str = "demo") -> Lake:
    """All texts were rated; `reasons` are those of today's gates."""
    lake, texts = Lake.at(str(folder)), TRAIN + HELD_OUT
    lake.create()
    common: dict[str, Any] = {"kind": "file", "size_bytes": 1, "token_estimate": 1}
    gate = {"policy": policy, "gates_hash": "0", "repository": "r", "path": "p", "split": "train"}
    feature = {"has_text_facts": True, "benchmark_count": 0, "occurrence_count": 1, "occurrences": []}
    label = {"language": "C", "kind": "file", "version": "v", "turn": 0, "oracle": "judge m", "status": "rated", "attempts": 1}
    rows = {
        CONTENTS: [{"content_sha256": key(text), "text": text, "size_bytes": 1} for text in texts],
        GATES: [common | gate | {"candidate": key(text), "reasons": reasons.get(text, [])} for text in texts],
        FEATURES: [common | feature | {"candidate": key(text), "is_held_out": text in HELD_OUT} for text in texts],
        LABELS: [label | {"content_sha256": key(text), "score": float(place)} for place, text in enumerate(texts)],
    }
    for table, found in rows.items():
        write_deltalake(lake.path(table.name), pa.Table.from_pylist(found, schema=table.arrow_schema))
    return lake


def test_files_are_apart_by_repository_and_have_their_ratings(tmp_path: Path) -> None:
    found = labelled(lake_of(tmp_path, {}))
    assert (sorted(found.train.texts), sorted(found.held_out.texts), found.left_out) == (TRAIN, HELD_OUT, 0)
    assert found.asked_with == "of a version that was not kept when it was asked"
    scores = dict(zip(found.train.texts + found.held_out.texts, [*found.train.scores, *found.held_out.scores], strict=True))
    assert scores == {text: place / 10 for place, text in enumerate(TRAIN + HELD_OUT)}


def test_what_passed_when_it_was_rated_and_does_not_now_is_left_out(tmp_path: Path) -> None:
    found = labelled(lake_of(tmp_path, {TRAIN[1]: ["near_duplicate_of_held_out"], HELD_OUT[0]: ["syntax_errors"]}))
    assert sorted(found.train.texts) == [TRAIN[0], *TRAIN[2:]] and sorted(found.held_out.texts) == HELD_OUT[1:]
    assert found.left_out == 2


def test_what_has_no_features_or_no_text_is_neither_trained_nor_measured_on_and_is_counted(tmp_path: Path) -> None:
    """Of a text without features nobody knows whether its repository is held out."""
    lake = lake_of(tmp_path, {TRAIN[0]: ["syntax_errors"]})
    for table, column, gone in ((FEATURES, "candidate", HELD_OUT[2]), (CONTENTS, "content_sha256", TRAIN[3])):
        write_deltalake(lake.path(table.name), lake.read(table).filter(pc.field(column) != key(gone)), mode="overwrite")
    found = labelled(lake)
    assert (sorted(found.train.texts), sorted(found.held_out.texts)) == (TRAIN[1:3], HELD_OUT[:2])
    assert (found.left_out, found.unknown) == (1, 2)
    assert len(found.train) + len(found.held_out) + found.left_out + found.unknown == len(TRAIN + HELD_OUT)


def test_the_gates_of_another_profile_are_not_asked_and_none_is_an_error(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, {}, "paper")
    assert len(labelled(lake, profile="paper").train) == 4
    with pytest.raises(ExamplesError, match="0 in all; 7 others do not pass the gates of the profile demo"):
        labelled(lake)
