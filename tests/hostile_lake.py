"""A lake in which every text that can be hostile is: names, reasons, languages, versions, parameters, errors, texts."""

import json
from pathlib import Path
from typing import Any

from tests.lake_builder import LakeRows, lake_rows
from tests.lake_outputs import write_probe, write_shards_manifest
from tests.source_files import SourceFile

MARK = "codemill-was-here"
HOSTILE = (
    f"<script>document.title='{MARK}'</script>",
    f"<img src=x onerror=\"document.title='{MARK}'\">",
    f"\"><svg onload=document.title='{MARK}'>",
    f"</title></style></script></pre><iframe src='https://example.invalid/{MARK}'></iframe>",
    "'; drop table ingest_files; --",
    "{{ 7 * 7 }} {% include 'page.html' %}",
    "\u202egnp.exe\u202c \u2066\u200b\ufeff",
    "nul\x00bell\x07escape\x1b[31m line\nfeed\r\ttab",
    "Z" + "\u0300\u0316" * 200,
    "w" * 3_000,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "",
)


def hostile_lake(root: Path) -> Path:
    """Tables, shards manifest and probe metrics, all of them full of `HOSTILE`."""
    files = [
        SourceFile(f"folder:{name}", f"{name}/{index}.py", f"x = r'''{name}'''\n# {index}\n\ny = 1\n".encode())
        for index, name in enumerate(HOSTILE)
    ]
    files += [SourceFile(f"folder:{name}", f"{name}.bin", b"\0" + name.encode()) for name in HOSTILE]
    files += [
        SourceFile(f"folder:{name}", f"{name}/{side}.py", _twin(index, name, side)) for index, name in enumerate(HOSTILE) for side in "ab"
    ]
    rows = lake_rows(files)
    _spoil(rows)
    rows.write(root)
    write_shards_manifest(root, rows)
    write_probe(root, [5.0, float("nan")], {name: name for name in HOSTILE})
    return root


def _twin(index: int, name: str, side: str) -> bytes:
    """One of two near-duplicates that differ where they name something hostile."""
    same = "".join(f"value_{index}_{line} = made_{index}({line})\n" for line in range(30))
    return f"{same}s = r'''{name}{side}{name}{side}{name}'''\n{same}".encode()


def _spoil(lake: LakeRows) -> None:
    """Writes the hostile texts wherever a table holds a word of ours."""
    policy = HOSTILE[0] + HOSTILE[4]
    every = [row for found in lake.rows.values() for row in found]
    for index, row in enumerate(every):
        name = HOSTILE[index % len(HOSTILE)]
        row.update(
            {
                column: name
                for column in ("reason", "detail", "job", "status", "run", "error")
                if column in row or (column == "error" and "job" in row)
            }
        )
        row.update({column: policy for column in ("policy", "mixture") if column in row})
        if "language" in row:
            row["language"] = name
        if "reasons" in row:
            row["reasons"] = sorted(HOSTILE[:4])
        if "parameters" in row:
            row["parameters"], row["versions"] = json.dumps({name: name}), name
            row["dropped"] = row["rejected"] = [{"name": name, "count": 1}]
    for place, row in enumerate(lake.rows["ledger"]):
        row["job"] = f"{row['job']}{place}"
    for row in lake.rows["annotate/syntax"]:
        row["version"] = HOSTILE[3]
        row["status"] = "parsed" if row["status"] == "parsed" else HOSTILE[1]
    _drop_some(lake)


def _drop_some(lake: LakeRows) -> None:
    kept = lake.rows["decide/kept"]
    for row in kept[::2]:
        verdict: dict[str, Any] = {name: value for name, value in row.items() if name != "split"}
        lake.add("decide/dropped", **verdict, reasons=sorted([*HOSTILE, "near_duplicate"]))
    lake.rows["decide/kept"] = kept[1::2]
