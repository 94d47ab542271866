"""What nothing refers to any more goes when it is asked for, and nothing else."""

import dataclasses
import json
import time
from pathlib import Path

from jobs.cli import main
from jobs.mix import sequences, shards
from jobs.mix.shards import ShardsParams
from schemas.assemble import DOCUMENTS, NOTEBOOKS
from schemas.mix import MANIFEST, SEQUENCES
from tests.spark.test_mixtures import rows_of
from tests.spark.test_sequences import PARAMS, TEXTS, keep, packed, put
from tests.spark.test_sequences import lakes as lakes


def test_a_mixture_an_old_layout_and_old_files_go_and_the_rest_stays(lakes, capsys):
    tables = lakes[0]
    keep(tables, TEXTS[:30])
    second = dataclasses.replace(PARAMS, mixture="second")
    for params in (PARAMS, dataclasses.replace(PARAMS, window=40), second):
        packed(tables, params)
    for mixture in ("", "second"):
        assert not list(shards.transform(tables, ShardsParams("demo", mixture=mixture)))
    put(
        tables, DOCUMENTS, [*(tuple(row) for row in tables[DOCUMENTS].collect()), ("commit", "r@1", "commit/1", [], 3, "two", "hash", None)]
    )
    notebook = dict.fromkeys(NOTEBOOKS.names) | {"content_sha256": "c", "reason": "not_json"}
    put(tables, NOTEBOOKS, [tuple((notebook | {"layout": layout}).values()) for layout in ("notebook/1", "notebook/2")])
    root, first = Path(tables.lake.root), rows_of(tables, "demo")
    leftover = root / SEQUENCES.name / f"{'0' * 32}.parquet"
    leftover.write_bytes(b"of a killed run")
    history = root / SEQUENCES.name / "repository" / "commit.bundle"
    history.parent.mkdir()
    history.write_bytes(b"no data of a table")
    time.sleep(0.1)
    assert main(["vacuum", "--lake", str(root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == {}  # all is younger than a week
    command = ["vacuum", "--lake", str(root), "--mixture", "second", "--layout", "commit=commit/1", "--layout", "file=notebook/1"]
    command += ["--retention-hours", "0", "--json"]
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert (
        told["folders"] == ["mix/shards-second"]
        and told["documents"] == {"commit=commit/1": 1, "file=notebook/1": 0}
        and told["files"][SEQUENCES.name] >= 4
    )
    assert leftover.exists() and (root / "mix/shards-second").exists() and tables[MANIFEST].where("mixture = 'second'").count() == 1
    versions = tables.lake.version(SEQUENCES)
    assert main([*command, "--yes"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == {}
    assert (
        history.exists()
        and not leftover.exists()
        and not (root / "mix/shards-second").exists()
        and (root / "mix/shards/manifest.json").exists()
    )
    assert tables[DOCUMENTS].where("kind = 'commit'").isEmpty() and tables[DOCUMENTS].where("kind = 'file'").count() == len(TEXTS)
    assert [row.layout for row in tables[NOTEBOOKS].collect()] == ["notebook/2"]  # else no notebook would be made again
    assert rows_of(tables, "demo") == first and not rows_of(tables, "second")[SEQUENCES.name]
    assert tables.lake.version(SEQUENCES) == versions + 1  # the rows of the mixture: that files go is no new version
    assert sequences.is_changed(tables.lake, second) and not sequences.is_changed(tables.lake, PARAMS)
    assert main(command) == 1
    assert "it has: demo" in capsys.readouterr().err
    assert main(["vacuum", "--lake", str(root), "--layout", "commit"]) == 2
