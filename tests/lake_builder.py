"""A small lake made of real files without Spark: every table as declared, every count true.

What stands for the jobs is small but real: texts are decoded as UTF-8, Python and C are parsed by tree-sitter, tokens are bytes.
"""

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import tree_sitter_language_pack
from deltalake import write_deltalake
from tree_sitter import Node

from jobs.runtime.job import parameters_json
from schemas import ALL_TABLES
from schemas.lake import Lake
from schemas.mix import KEPT_ID, SEQUENCES
from tests.lake_duplicates import PARAMS, add_duplicates
from tests.source_files import SourceFile
from tests.token_rows import with_values
from udfs.digests import digest

LANGUAGES = {".py": "Python", ".h": "C", ".c": "C", ".css": "CSS", ".bat": "Batchfile", ".md": "Markdown", ".toml": None}
GRAMMARS = {"Python": "python", "C": "c", "CSS": "css"}
POLICY, HELD_OUT, WINDOW, VERSION = "demo", "folder:zoneinfo", 2_048, "v1"
POLICY_HASH = "0123456789abcdef"
SCORER = "5c0e5c0e5c0e5c0e"
JOBS = (
    ("ingest.files", "ingest/files"),
    ("annotate.syntax", "annotate/syntax"),
    ("annotate.duplicates", "annotate/duplicates"),
    ("decide.verdicts", "decide/kept"),
    ("mix.sequences", "mix/sequences"),
)
Row = dict[str, Any]


@dataclass
class LakeRows:
    """Rows by table name; a table without an entry is not written."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def add(self, table: str, **row: Any) -> None:
        self.rows[table].append(row)

    def write(self, root: Path, leave_out: Iterable[str] = ()) -> Path:
        Lake.at(str(root)).create()
        for table in ALL_TABLES:
            if table.name not in leave_out:
                held = self.rows.get(table.name, [])
                rows = [with_values(row) for row in held] if table is SEQUENCES else held
                write_deltalake(str(root / table.name), pa.Table.from_pylist(rows, schema=table.arrow_schema))
        return root


def lake_rows(files: Sequence[SourceFile]) -> LakeRows:
    """All tables of a whole run over these files."""
    lake = LakeRows()
    texts = _ingest(lake, files)
    _annotate(lake, texts)
    add_duplicates(lake.rows, texts)
    _decide(lake, texts)
    _mix(lake, texts)
    _ledger(lake)
    return lake


def _ingest(lake: LakeRows, files: Sequence[SourceFile]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for file in files:
        reason = "binary" if b"\0" in file.data else None
        try:
            text = file.data.decode()
        except UnicodeDecodeError as error:
            reason, detail = reason or "undecodable", str(error)[:200]
        else:
            detail = "holds NUL bytes"
        if reason:
            named = {"source": file.repository, "locator": file.path, "origin": file.repository}
            lake.add("ingest/rejects", **named, reason=reason, detail=detail, size_bytes=len(file.data))
            continue
        key = hashlib.sha256(text.encode()).hexdigest()
        if key not in texts:
            lake.add("ingest/contents", content_sha256=key, text=text, size_bytes=len(file.data))
            texts[key] = text
        lake.add(
            "ingest/files",
            repository=file.repository,
            path=file.path,
            content_sha256=key,
            raw_sha256=hashlib.sha256(file.data).hexdigest(),
            encoding="utf-8",
            size_bytes=len(file.data),
            language=LANGUAGES.get(Path(file.path).suffix),
            origin=file.repository,
        )
    for repository in sorted({file.repository for file in files}):
        held = [row for row in lake.rows["ingest/files"] if row["repository"] == repository]
        refused = sum(row["source"] == repository for row in lake.rows["ingest/rejects"])
        size = sum(row["size_bytes"] for row in held)
        lake.add(
            "ingest/repositories", repository=repository, source_kind="folder", file_count=len(held), reject_count=refused, size_bytes=size
        )
    return texts


def _annotate(lake: LakeRows, texts: dict[str, str]) -> None:
    for key, text in texts.items():
        lines = text.encode().split(b"\n")
        lake.add(
            "annotate/text_facts",
            content_sha256=key,
            version=VERSION,
            line_count=text.count("\n") + (not text.endswith("\n")),
            longest_line_bytes=max(map(len, lines)),
            alphanumeric_share=sum(c.isalnum() for c in text) / len(text) if text else 0.0,
            has_generated_mark="generated" in text[:400].lower(),
        )
    for key, language in sorted({(row["content_sha256"], row["language"]) for row in lake.rows["ingest/files"] if row["language"]}):
        lake.add("annotate/syntax", content_sha256=key, language=language, version=VERSION, **_syntax(texts[key].encode(), language))


def _syntax(text: bytes, language: str) -> Row:
    if language not in GRAMMARS:
        return {"status": "no_grammar"}
    errors = _errors(tree_sitter_language_pack.get_parser(GRAMMARS[language]).parse(text).root_node)  # type: ignore[arg-type]
    size = sum(node.end_byte - node.start_byte for node in errors if node.is_error)
    return {
        "status": "parsed",
        "error_bytes_share": min(1.0, size / len(text)) if text else 0.0,
        "error_node_count": sum(node.is_error for node in errors),
        "missing_node_count": sum(node.is_missing for node in errors),
        "comment_share": sum(len(m) for m in re.findall(rb"#[^\n]*|/\*.*?\*/", text, re.DOTALL)) / len(text) if text else 0.0,
        "parse_us": 1_000,
    }


def _errors(node: Node) -> list[Node]:
    if node.is_error or node.is_missing:
        return [node]
    return [error for child in node.children if child.has_error for error in _errors(child)] if node.has_error else []


def _decide(lake: LakeRows, texts: dict[str, str]) -> None:
    facts = {row["content_sha256"]: row for row in lake.rows["annotate/text_facts"]}
    syntax = {(row["content_sha256"], row["language"]): row for row in lake.rows["annotate/syntax"]}
    occurrences: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(lake.rows["ingest/files"], key=lambda row: (row["repository"], row["path"])):
        seen = syntax.get((row["content_sha256"], row["language"]), {})
        occurrence = {name: row[name] for name in ("repository", "path", "language")}
        occurrence |= {"syntax_status": seen.get("status"), "error_bytes_share": seen.get("error_bytes_share")}
        occurrences[row["content_sha256"]].append(occurrence)
    for key, found in occurrences.items():
        size, first = len(texts[key].encode()), found[0]
        common = {"kind": "file", "candidate": key, "size_bytes": size, "token_estimate": size + 1}
        held_out = any(one["repository"] == HELD_OUT for one in found)
        cheap = {name: facts[key][name] for name in ("line_count", "longest_line_bytes", "alphanumeric_share", "has_generated_mark")}
        where = {"is_held_out": held_out, "occurrence_count": len(found), "occurrences": found[:32]}
        lake.add("decide/features", **common, **cheap, **where, has_text_facts=True, benchmark_count=0)
        verdict = common | {name: first[name] for name in ("repository", "path", "language")}
        reasons = _reasons(cheap, first)
        split = "held_out" if held_out else "train"
        gate = verdict | {"policy": POLICY, "gates_hash": "fedcba9876543210"}
        lake.add("decide/gates", **gate, split=split, reasons=reasons)
        verdict |= {"policy": POLICY, "policy_hash": POLICY_HASH}
        if reasons:
            lake.add("decide/dropped", **verdict, reasons=reasons)
        else:
            lake.add("decide/kept", **verdict, split=split)
    _drop_near_duplicates(lake)
    _judge_quality(lake)


def _drop_near_duplicates(lake: LakeRows) -> None:
    """Of each group the first by key of those that are kept stays."""
    group_of = {row["content_sha256"]: row["group_id"] for row in lake.rows["annotate/duplicates"]}
    survivors: dict[int, str] = {}
    kept = sorted(lake.rows["decide/kept"], key=lambda row: row["candidate"])
    gates = {row["candidate"]: row for row in lake.rows["decide/gates"]}
    for row in kept:
        survivors.setdefault(group_of[row["candidate"]], row["candidate"])
    for row in kept:
        survivor = survivors[group_of[row["candidate"]]]
        if survivor != row["candidate"]:
            verdict = {name: value for name, value in row.items() if name != "split"}
            lake.add("decide/dropped", **verdict, reasons=["near_duplicate"], survivor=survivor)
            gates[row["candidate"]] |= {"reasons": ["near_duplicate"], "survivor": survivor}
    lake.rows["decide/kept"] = [row for row in kept if row["candidate"] in survivors.values()]


def _judge_quality(lake: LakeRows) -> None:
    """Scores made of the key; about a tenth of what is kept so far is below the cut."""
    whole = lake.rows["decide/kept"]
    scores = {row["candidate"]: min(100, 20 + int(row["candidate"][:4], 16) % 83) for row in whole}
    cut = sorted(scores.values())[len(scores) // 10]
    low = sum(score < cut for score in scores.values())
    origin = {
        "policy": POLICY,
        "scorer": SCORER,
        "drop_worst": 0.1,
        "scope": "all",
        "language": "",
        "population": "files that passed the gates",
    }
    lake.add("decide/cuts", **origin, min_score_percent=cut, file_count=len(scores), below_count=low)
    lake.rows["decide/kept"] = []
    for row in whole:
        row |= {"scorer": SCORER, "score_percent": scores[row["candidate"]], "least_score_percent": cut}
        if scores[row["candidate"]] < cut:
            lake.add("decide/dropped", **{name: value for name, value in row.items() if name != "split"}, reasons=["low_score"])
        else:
            lake.rows["decide/kept"].append(row)


def _reasons(cheap: Row, first: Row) -> list[str]:
    reasons = {
        "generated": cheap["has_generated_mark"],
        "no_language": first["language"] is None,
        "no_grammar": first["syntax_status"] == "no_grammar",
        "syntax_errors": (first["error_bytes_share"] or 0) > 0.01,
        "too_few_lines": cheap["line_count"] < 3,
        "too_long_line": cheap["longest_line_bytes"] > 400,
    }
    return sorted(reason for reason, applies in reasons.items() if applies)


def _mix(lake: LakeRows, texts: dict[str, str]) -> None:
    tokens: dict[str, list[int]] = defaultdict(list)
    by_language: Counter[tuple[str, str, str]] = Counter()
    for row in sorted(lake.rows["decide/kept"], key=lambda row: row["candidate"]):
        text = texts[row["candidate"]].encode()
        document = {"kind": "file", "candidate": row["candidate"], "layout": "plain", "contents": [row["candidate"]]}
        lake.add("assemble/documents", **document, size_bytes=len(text), text_hash=row["candidate"][:16])
        tokens[row["split"]] += [*text, 256]
        for name, count in (("documents", 1), ("tokens", len(text) + 1), ("bytes", len(text))):
            by_language[row["split"], row["language"] or "none", name] += count
    for split, stream in tokens.items():
        for position, start in enumerate(range(0, len(stream), WINDOW)):
            window = stream[start : start + WINDOW]
            lake.add(
                "mix/sequences",
                sequence=f"{POLICY}/{split}/0/{position}",
                mixture=POLICY,
                split=split,
                hash_group=0,
                position=position,
                tokens=window,
                pieces=[],
                text_bytes=len(window) - window.count(256),
                tokens_version="0123456789abcdef",
            )
    for split, language in sorted({(split, language) for split, language, _ in by_language}):
        documents, count, size = (by_language[split, language, name] for name in ("documents", "tokens", "bytes"))
        lake.add(
            "mix/manifest",
            mixture=POLICY,
            policy=POLICY,
            policy_hash=POLICY_HASH,
            kept_digest=digest([pa.array(["\n".join(row[name] for name in KEPT_ID) for row in lake.rows["decide/kept"]], pa.string())]),
            sequences_hash="fe" * 8,
            recipe="demo",
            packing="concatenate",
            window=WINDOW,
            fim_rate=0.0,
            versions="{}",
            split=split,
            kind="file",
            language=language,
            document_count=documents,
            distinct_document_count=documents,
            fim_document_count=0,
            cut_document_count=0,
            token_count=count,
            text_bytes=size,
            epochs=1.0,
            tokenizer_sha256="ab" * 32,
        )


def _ledger(lake: LakeRows) -> None:
    started = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
    size = sum(row["size_bytes"] for row in lake.rows["ingest/files"])
    dropped = _by_reason(reason for row in lake.rows["decide/dropped"] for reason in row["reasons"])
    rejected = _by_reason(row["reason"] for row in lake.rows["ingest/rejects"])
    for place, (job, table) in enumerate(JOBS):
        lake.add(
            "ledger",
            run="20261123T180000Z-0a1b",
            job=job,
            status="done",
            started_at=started + timedelta(seconds=20 * place),
            elapsed_s=4.5 + place,
            read_rows=len(lake.rows["ingest/files"]),
            read_bytes=size,
            written_rows=len(lake.rows[table]),
            removed_rows=0,
            written=[{"name": table, "count": len(lake.rows[table])}],
            dropped=dropped if job == "decide.verdicts" else [],
            rejected=rejected if job == "ingest.files" else [],
            parameters=parameters_json(PARAMS)
            if job == "annotate.duplicates"
            else json.dumps({"profile": POLICY} if job == "mix.sequences" else {"source": ["stdlib"], "max_content_bytes": 16 << 20}),
            versions=json.dumps({"libraries": {"codemill": "0.1.0"}, "tables": {table: 0}}),
            fingerprint="00",
        )


def _by_reason(reasons: Iterable[str]) -> list[Row]:
    return [{"name": name, "count": count} for name, count in sorted(Counter(reasons).items())]
