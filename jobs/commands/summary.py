"""What a run prints last: the phases, tokens by language, the probe, and what to try next."""

import json
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from jobs.commands.lots import lots_of, lots_told
from jobs.commands.options import console
from jobs.decide.page_quality import judge_told
from jobs.decide.quality import LOW_SCORE, oracle_of, oracle_told
from jobs.mix.mixtures import mixture_of
from jobs.runtime.ledger import JobRun
from schemas.decide import DROPPED, KEPT
from schemas.lake import PROBE_METRICS, Lake
from schemas.mix import MANIFEST


def print_summary(lake: Lake, rows: list[JobRun], profile: str) -> None:
    out = console()
    out.print(phase_table([row.to_arrow().to_pylist()[0] for row in rows]))
    if any(row.job.startswith(("decide", "mix", "train")) for row in rows):
        mixtures = list(dict.fromkeys(mixture_of(json.loads(row.parameters)) for row in rows if row.job == "mix.sequences"))
        for mixture in mixtures or [profile]:
            print_languages(out, lake, profile, mixture)
            for line in lots_told(mixture, lots_of(lake, mixture)):
                out.print(line, highlight=False, markup=False)
    print_probe(out, lake)


def phase_table(rows: list[dict[str, Any]]) -> RichTable:
    """The ledger's rows as a table."""
    table = RichTable("job", "status", "read", "written", "dropped by reason", "rejects", "seconds", "MB/s", box=box.SIMPLE_HEAD)
    table.columns[0].no_wrap = True
    table.columns[4].overflow = table.columns[5].overflow = "fold"
    for index in (2, 3, 6, 7):
        table.columns[index].justify = "right"
    for row in rows:
        speed = row["read_bytes"] / 1e6 / row["elapsed_s"] if row["read_bytes"] and row["elapsed_s"] else None
        table.add_row(
            row["job"],
            row["status"],
            f"{row['read_rows']:,}",
            f"{row['written_rows']:,}",
            listed(row["dropped"]),
            listed(row["rejected"]),
            f"{row['elapsed_s']:.1f}",
            f"{speed:.1f}" if speed else "",
        )
    return table


def listed(counts: list[dict[str, Any]]) -> str:
    ordered = sorted(counts, key=lambda c: (-c["count"], c["name"]))
    return "\n".join(f"{c['name']} {c['count']:,}" for c in ordered)


def print_languages(out: Console, lake: Lake, profile: str, mixture: str) -> None:
    rows = lake.read(MANIFEST, None, pc.field("mixture") == mixture).to_pylist()
    if not rows:
        return
    documents, tokens = Counter[str](), Counter[str]()
    for row in rows:
        name = row["language"] if row["kind"] == "file" else f"({row['kind']})"
        documents[name] += row["document_count"]
        tokens[name] += row["token_count"]
    table = RichTable("language", "documents", "tokens", box=box.SIMPLE_HEAD)
    table.columns[1].justify = table.columns[2].justify = "right"
    shown = tokens.most_common(12)
    for language, count in shown:
        table.add_row(language, f"{documents[language]:,}", f"{count:,}")
    rest = [name for name in tokens if name not in dict(shown)]
    if rest:
        table.add_row(f"{len(rest)} others", f"{sum(documents[n] for n in rest):,}", f"{sum(tokens[n] for n in rest):,}")
    table.add_section()
    table.add_row("all", f"{sum(documents.values()):,}", f"{sum(tokens.values()):,}")
    out.print(table)
    held = sum(row["token_count"] for row in rows if row["split"] == "held_out")
    is_file = (pc.field("kind") == "file") & (pc.field("policy") == profile)
    kept, dropped = (lake.read(table, ["scorer", "least_score_percent"], is_file) for table in (KEPT, DROPPED))
    out.print(
        f"{kept.num_rows + dropped.num_rows:,} distinct texts = {kept.num_rows:,} kept + {dropped.num_rows:,} dropped; "
        f"{held:,} tokens are held out of training.",
        highlight=False,
    )
    out.print(quality_told(lake, is_file, kept, dropped), highlight=False)
    if told := pages_told(lake, profile):
        out.print(told, highlight=False)


def pages_told(lake: Lake, profile: str) -> str | None:
    """What became of the texts of pages, and who rated them; None where there are none."""
    is_page = (pc.field("kind") == "page") & (pc.field("policy") == profile)
    kept, dropped = (lake.read(table, ["scorer"], is_page) for table in (KEPT, DROPPED))
    if not kept.num_rows + dropped.num_rows:
        return None
    scorer = next((one for table in (kept, dropped) for one in pc.unique(table.column("scorer")).to_pylist() if one), None)
    return (
        f"{kept.num_rows + dropped.num_rows:,} distinct texts of pages = {kept.num_rows:,} kept + {dropped.num_rows:,} dropped; rated by"
        f" {judge_told(scorer, oracle_of(lake, scorer))}."
    )


def quality_told(lake: Lake, is_file: pc.Expression, kept: pa.Table, dropped: pa.Table) -> str:
    scorers = {one for table in (kept, dropped) for one in pc.unique(table.column("scorer")).to_pylist()} - {None}
    if not scorers:
        return "Quality was not judged: no scorer was asked. `codemill label`, `train-scorer` and `run --scorer FOLDER` do it."
    reasons = lake.read(DROPPED, ["reasons"], is_file).column("reasons").combine_chunks().flatten()
    low = pc.sum(pc.equal(reasons, LOW_SCORE)).as_py() or 0
    limits = sorted({one for table in (kept, dropped) for one in pc.unique(table.column("least_score_percent")).to_pylist()} - {None})
    asked = f"{limits[0]} %" if len(set(limits)) == 1 else f"{limits[0]} to {limits[-1]} % by language"
    named = "; ".join(one + oracle_told(oracle_of(lake, one)) for one in sorted(scorers))
    return (
        f"Quality by scorer {named}: at least {asked if limits else 'nothing'} is asked; "
        f"{low:,} files fall short, {low / max(1, low + kept.num_rows):.1%} of those that pass all else."
    )


def print_probe(out: Console, lake: Lake) -> None:
    found = lake.read_json(PROBE_METRICS)
    if found is None:
        return
    held_out, unigram = found["held_out_bits_per_byte"], found["unigram_bits_per_byte"]
    compared = f"held-out bits per byte {held_out:.3f}, unigram baseline {unigram:.3f}" if held_out is not None else "nothing is held out"
    out.print(
        f"probe: loss {found['first_loss']:.2f} → {found['final_loss']:.2f} nats a token in {found['steps']:,} steps; {compared}",
        highlight=False,
    )
