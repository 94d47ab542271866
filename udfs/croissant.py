"""A data card in Croissant 1.0 (JSON-LD), for readers that are programs: every file by hash, and for Parquet what its columns are.

    http://mlcommons.org/croissant/1.0

Addresses are relative: the card lies beside the files. What Croissant asks for and a lake does not know is what its publisher says
(`codemill card --license ...`), and is left out otherwise.
"""

import json
from collections.abc import Iterable
from typing import Any

from udfs.exports import Export
from udfs.manifest import Manifest
from udfs.shards import TOKENIZER_NAME

Facts = dict[str, Any]
PARQUET, BINARY, JSON = "application/x-parquet", "application/octet-stream", "application/json"
# The format's own terms; its specification wants all of them in the context, used or not.
_TERMS = (
    "citeAs column equivalentProperty extract field fileObject fileProperty fileSet format includes isLiveDataset jsonPath key md5 "
    "parentField path recordSet references regex repeated replace samplingRate separator source subField transform"
)
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
} | {term: f"cr:{term}" for term in _TERMS.split()}
COLUMNS = (
    ("sequence", "sc:Text", False, "name of the sequence"),
    ("tokens", "sc:Integer", True, "ids of the tokens, in order"),
    ("text_bytes", "sc:Integer", False, "UTF-8 bytes that the tokens stand for"),
)


def of_shards(facts: Facts, manifest: Manifest) -> str:
    """The card of a folder of Parquet shards. A split without shards has no record set."""
    files = [file_object(TOKENIZER_NAME, manifest.tokenizer_sha256, JSON)]
    sets, records = [], []
    for name, split in sorted(manifest.splits.items()):
        files += [file_object(shard.file, shard.sha256, PARQUET) for shard in split.shards]
        if split.shards:
            sets.append(file_set(name))
            records.append(record_set(name, split.totals))
    return as_json(dataset(facts, [*files, *sets]) | {"recordSet": records})


def of_export(facts: Facts, export: Export) -> str:
    """The card of an export: its files are for their own readers, so there are no record sets."""
    files = [file_object(TOKENIZER_NAME, export.tokenizer_sha256, JSON)]
    for split in export.splits.values():
        files += [file_object(f.file, f.sha256, JSON if f.file.endswith(".json") else BINARY, f.size_bytes) for f in split.all_files()]
    return as_json(dataset(facts, files, f" in the format {export.format}"))


def dataset(facts: Facts, distribution: Iterable[Facts], form: str = "") -> Facts:
    totals = facts["splits"].values()
    tokens, documents = (sum(split[name] for split in totals) for name in ("tokens", "documents"))
    found = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"codemill-{facts['mixture']}",
        "description": (
            f"Token sequences for training code models{form}: {documents} documents, {tokens} tokens, windows of at most {facts['window']} "
            f"tokens. Chosen by policy {facts['policy']} ({facts['policy_hash']}), made by codemill. data_card.md says more."
        ),
        "distribution": list(distribution),
    }
    licences = sorted({row["licence"] for row in facts["kept"]})
    return found | ({"license": licences} if licences and "unknown" not in licences else {}) | said(facts.get("publication", {}))


def said(publication: Facts) -> Facts:
    """What the publisher says, by Croissant's names."""
    publisher = publication.get("publisher")
    return publication | ({"publisher": {"@type": "sc:Organization", "name": publisher}} if publisher else {})


def file_object(file: str, sha256: str, form: str, size_bytes: int | None = None) -> Facts:
    size = {} if size_bytes is None else {"contentSize": f"{size_bytes} B"}
    return {"@type": "cr:FileObject", "@id": file, "name": file, "contentUrl": file, "encodingFormat": form, "sha256": sha256} | size


def file_set(split: str) -> Facts:
    return {
        "@type": "cr:FileSet",
        "@id": f"files-{split}",
        "name": f"files-{split}",
        "encodingFormat": PARQUET,
        "includes": f"{split}-*.parquet",
    }


def record_set(split: str, totals: dict[str, int]) -> Facts:
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"{split}/{name}",
            "name": name,
            "description": meaning,
            "dataType": kind,
            "source": {"fileSet": {"@id": f"files-{split}"}, "extract": {"column": name}},
        }
        | ({"repeated": True} if is_list else {})
        for name, kind, is_list, meaning in COLUMNS
    ]
    told = f"{totals['rows']} sequences of {totals['tokens']} tokens"
    return {"@type": "cr:RecordSet", "@id": split, "name": split, "description": told, "field": fields}


def as_json(record: Facts) -> str:
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"
