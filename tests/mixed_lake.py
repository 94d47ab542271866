"""A small lake with documents of all kinds that hold files, real tokens, packed windows and shards, without Spark."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.mix import SHARD_ROW
from tests.lake_builder import LakeRows
from udfs import commit_layout, repository_layout
from udfs.commit_layout import CommitDocument, PathChange
from udfs.edits import Edit
from udfs.fim import encode_documents
from udfs.manifest import Manifest, Split
from udfs.repository_layout import FileText
from udfs.shards import write_manifest, write_shard
from udfs.tokenizer import Tokenizer, load, train

WINDOW = 48
MIXTURES = ("demo", "good")  # the second is filled in the middle
REPOSITORY, COMMIT = "folder:tools", "5" * 40
FILES = {
    name: "".join(f"def {name[0]}{line}(x):\n    return {line} * x  # {name}\n" for line in range(6)) for name in ("a.py", "b.py", "c.py")
}
FILES |= {"long.py": "".join(f"value_{line} = '{chr(945 + line % 20)}{line}'\n" for line in range(40))}
PARTS = {0: ["a.py", "b.py", "c.py"], 1: ["long.py"]}
CHANGED = FILES["a.py"].replace("return 3", "return 33")
EDIT = Edit("    return 3 * x  # a.py\n", "    return 33 * x  # a.py\n")
Row = dict[str, Any]


def key_of(name: str) -> str:
    return hashlib.sha256(FILES[name].encode()).hexdigest()


def part_text(part: int) -> str:
    return "".join(repository_layout.written(FileText(name, FILES[name])) for name in PARTS[part])


def commit_text() -> str:
    changes = (
        PathChange("modify", "a.py", edits=(EDIT,)),
        PathChange("create", "new.py", text=FILES["c.py"]),
        PathChange("delete", "b.py"),
    )
    files = (("a.py", FILES["a.py"]), ("c.py", FILES["c.py"]))
    return commit_layout.written(CommitDocument("Return more\n", ("README", "Tools.\n" * 20), "/\n", files, changes))


def documents() -> list[tuple[str, str, str]]:
    """(kind, candidate, text) of each document."""
    files = [("file", key_of(name), text) for name, text in FILES.items()]
    parts = [("repository", f"{REPOSITORY}#{part}", part_text(part)) for part in PARTS]
    return [*files, *parts, ("commit", f"{REPOSITORY}@{COMMIT}", commit_text())]


def tokenizer() -> Tokenizer:
    return load(train((text for _, _, text in documents()), 400))


def mixed_rows() -> LakeRows:
    rows, known = LakeRows(), tokenizer()
    kept = {"policy": "demo", "policy_hash": "x", "size_bytes": 9, "token_estimate": 3, "split": "train", "repository": REPOSITORY}
    counted = dict.fromkeys(("file_count", "reject_count", "size_bytes"), 4)
    rows.add("ingest/repositories", repository=REPOSITORY, source_kind="folder", **counted)
    for name, text in FILES.items():
        size = {"size_bytes": len(text.encode())}
        place = {"repository": REPOSITORY, "path": name, "content_sha256": key_of(name), "language": "Python"}
        rows.add("ingest/contents", content_sha256=key_of(name), text=text, **size)
        rows.add("ingest/files", **place, raw_sha256=key_of(name), encoding="utf-8", origin=REPOSITORY, **size)
        rows.add("decide/kept", kind="file", candidate=key_of(name), path=name, language="Python", **kept)
        part = next(number for number, names in PARTS.items() if name in names)
        position = {"layout": "repository/1", "part": part, "position": PARTS[part].index(name), "piece": 1, "pieces": 1}
        rows.add("assemble/repository_parts", **place, **position, **size, needs=[], island=part)
    counts = ("resolved_imports", "unresolved_imports", "ambiguous_imports", "edge_count", "island_count", "cycle_count", "cycle_files")
    context = dict.fromkeys((*counts, "largest_cycle", "cut_files", "crossing_edges", "size_bytes"), 0)
    rows.add("assemble/repository_contexts", repository=REPOSITORY, layout="repository/1", file_count=4, part_count=2, **context)
    rows.add("decide/kept", kind="repository", candidate=REPOSITORY, path="", **kept)
    rows.add("decide/kept", kind="commit", candidate=f"{REPOSITORY}@{COMMIT}", path="", **kept)
    flags = {"is_bot": False, "parents": [], "change_count": 3, "author_hash": "0", "author_time": 17, "message": "Return more\n"}
    changes = [{"status": status, "path": path} for status, path in (("M", "a.py"), ("A", "new.py"), ("D", "b.py"))]
    rows.add("ingest/commits", repository=REPOSITORY, commit=COMMIT, changes=changes, **flags)
    for kind, candidate, text in documents():
        own = {"contents": [candidate]} if kind == "file" else {"contents": [], "text": text}
        rows.add("assemble/documents", kind=kind, candidate=candidate, layout=f"{kind}/1", size_bytes=9, text_hash=hash_of(text), **own)
    frozen = {"tokenizer_sha256": known.sha256, "tokenizer_json": known.tokenizer_json, "vocabulary_size": known.vocabulary_size}
    rows.add("mix/tokenizers", name="default", origin="trained", sample_documents=1, sample_bytes=1, **frozen)
    for mixture in MIXTURES:
        add_sequences(rows, mixture, known)
    return rows


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def add_sequences(rows: LakeRows, mixture: str, known: Tokenizer) -> None:
    kinds, candidates, texts = zip(*documents(), strict=True)
    wanted = np.array([mixture == "good"] * len(texts))
    tokens, offsets, is_fim = encode_documents(known, pa.array(candidates), pa.array(texts), wanted)
    for position, start in enumerate(range(0, len(tokens), WINDOW)):
        end, pieces = min(start + WINDOW, len(tokens)), []
        for place, (kind, candidate, text) in enumerate(zip(kinds, candidates, texts, strict=True)):
            first, last = max(start, int(offsets[place])), min(end, int(offsets[place + 1]))
            if first < last:
                held = {"token_offset": first - int(offsets[place]), "token_count": last - first}
                held |= {"text_bytes": int(known.token_bytes[tokens[first:last]].sum()), "is_fim": bool(is_fim[place]), "epoch": 0}
                pieces.append({"kind": kind, "candidate": candidate, "text_hash": hash_of(text), "language": "none", **held})
        row = {"sequence": f"{mixture}/train/00000/{position:06d}", "tokens": tokens[start:end].tolist(), "pieces": pieces}
        row |= {"mixture": mixture, "split": "train", "hash_group": 0, "position": position, "tokens_version": "v"}
        rows.add("mix/sequences", **row, text_bytes=sum(piece["text_bytes"] for piece in pieces))
    counts = ("document_count", "distinct_document_count", "fim_document_count", "cut_document_count", "token_count", "text_bytes")
    origin = {
        "policy": "demo",
        "policy_hash": "x",
        "kept_digest": "k",
        "sequences_hash": mixture,
        "recipe": "demo",
        "packing": "concatenate",
    }
    origin |= {"window": WINDOW, "fim_rate": 0.0, "versions": "{}", "split": "train", "kind": "file", "language": "none", "epochs": 1.0}
    rows.add("mix/manifest", mixture=mixture, tokenizer_sha256=known.sha256, **origin, **dict.fromkeys(counts, 1))


def text_of(row: Row, piece: Row, known: Tokenizer) -> bytes:
    """What the tokens of a piece of a sequence say, marks and end tokens left out."""
    start = 0
    for other in row["pieces"]:
        if other is piece:
            break
        start += other["token_count"]
    ids = row["tokens"][start : start + piece["token_count"]]
    alphabet = byte_alphabet()
    return bytes(alphabet[one] for token in ids if known.token_bytes[token] for one in known.model.id_to_token(token))


def byte_alphabet() -> dict[str, int]:
    """The byte that each character of a byte-level vocabulary stands for."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + number): byte for number, byte in enumerate(others)}


def write_mixed_lake(root: Path, rows: LakeRows | None = None) -> Path:
    """The lake with the shards of both mixtures."""
    rows, known = rows or mixed_rows(), tokenizer()
    rows.write(root)
    for mixture in MIXTURES:
        folder = str(root / "mix" / ("shards" if mixture == "demo" else f"shards-{mixture}"))
        held = [{name: row[name] for name in SHARD_ROW.names} for row in rows.rows["mix/sequences"] if row["mixture"] == mixture]
        shard = write_shard(folder, "train-00000.parquet", pa.Table.from_pylist(held, SHARD_ROW).to_batches(), SHARD_ROW)
        ties = {"policy": "demo", "sequences_hash": mixture, "kept_digest": "k"}
        whole = (mixture, "x", WINDOW, known.vocabulary_size, known.end_token, known.sha256, {"train": Split((shard,), {})})
        write_manifest(folder, Manifest(*whole, **ties), known.tokenizer_json)
    return root
