"""`codemill mixture`: what a recipe would take of what is kept, and how often, without writing anything and without Spark.

Tokens are estimated from bytes: by kind and language as mix has counted them in this lake, else at the usual rate. `mix.sequences` solves
the same recipe on counted tokens, and writes what it found to mix/lots before it packs.
"""

import argparse
import json
from dataclasses import asdict
from typing import Any

from rich import box
from rich.table import Table as RichTable

from jobs.commands.lots import lots_of, lots_table, lots_told
from jobs.commands.options import add_json, add_lake, add_mixture, add_parser, console
from jobs.decide.features import BYTES_PER_TOKEN
from jobs.decide.profiles import PROFILES
from jobs.mix.recipes import RECIPES
from jobs.mix.sequences import JOB
from jobs.pipeline import parameters
from jobs.report.tables import LakeTables, literal
from jobs.runtime.errors import CodemillError
from schemas.assemble import DOCUMENTS
from schemas.decide import HIGH_QUALITY, KEPT
from schemas.document_checks import DOCUMENT_CHECKS
from schemas.lake import Lake
from schemas.mix import MANIFEST
from udfs.mixture import NO_LANGUAGE, MixtureError, Phase, Stock, Wish, lot_number, solve


def add(commands: Any) -> None:
    found = add_parser(commands, "mixture", mixture, "say what a recipe would take of each kind and how often, writing nothing")
    add_lake(found)
    help = f"{', '.join(sorted(RECIPES))}, or a Python file that sets RECIPE; default: the profile's (jobs/mix/recipes.py)"
    found.add_argument("--recipe", metavar="NAME|FILE.py", help=help)
    found.add_argument("--profile", default="demo", choices=sorted(PROFILES), help="whose kept documents are mixed (default: demo)")
    found.add_argument("--total-tokens", type=int, default=0, metavar="N", help="default: the recipe's, or as much as its shares leave")
    found.add_argument("--leave-out-empty", action="store_true", help="give shares of which there is nothing to the others")
    add_mixture(found, "none: what a recipe would take. With a name: what its recipe asked for and what was taken of it")
    add_json(found)


def mixture(arguments: argparse.Namespace) -> int:
    if arguments.mixture:
        return mixed(Lake.at(arguments.lake), arguments.mixture, arguments.json)
    asked = {"recipe": arguments.recipe, "total_tokens": arguments.total_tokens, "leave_out_empty": arguments.leave_out_empty}
    params = parameters(JOB, arguments.profile, {name: value for name, value in asked.items() if value})
    phase = params.phase()
    tables = LakeTables(Lake.at(arguments.lake))
    missing = tables.missing(KEPT, DOCUMENTS)
    if missing:
        raise CodemillError(f"the lake has no {' and no '.join(missing.names)} yet; `codemill run --until assemble` makes them")
    found = wishes(phase, stocks(tables, arguments.profile, phase), params.leave_out_empty)
    if arguments.json:
        lots = [{**asdict(wish), "lot": wish.lot.label, "kind": wish.lot.kind, "max_epochs": wish.lot.max_epochs} for wish in found]
        print(
            json.dumps({"recipe": phase.name, "window": phase.window, "fim_rate": phase.fim_rate, "packing": phase.packing, "lots": lots})
        )
    else:
        show(phase, found)
    return 0


def mixed(lake: Lake, name: str, is_json: bool) -> int:
    """What was taken, by mix/lots."""
    lake.check_format()
    there = sorted({row["mixture"] for row in lake.read(MANIFEST, ["mixture"]).to_pylist()})
    if name not in there:
        raise CodemillError(
            f"{lake.root} has no finished mixture {name!r}; it has: {', '.join(there) or 'none'}. `codemill mix` makes them"
        )
    rows = lots_of(lake, name)
    if is_json:
        print(json.dumps({"mixture": name, "lots": rows}))
    elif not rows:
        print(f"{name}: each document was taken once, so no share was asked for")
    else:
        out = console()
        out.print(lots_table(rows))
        out.print("\n".join(lots_told(name, rows)), highlight=False, markup=False)
    return 0


def stocks(tables: LakeTables, profile: str, phase: Phase) -> list[Stock]:
    """Training documents and estimated tokens, by lot."""
    rates = bytes_per_token(tables, profile)
    leaks, sets = "select '' as kind, '' as candidate where false", "select '' as kind, '' as candidate, '' as sets where false"
    if tables.has(DOCUMENT_CHECKS):
        leaks = f"""select kind, candidate from assemble_document_checks
            where policy = {literal(profile)} and cardinality(reasons) > 0"""
    if tables.has(HIGH_QUALITY):
        sets = f"""select kind, candidate, ',' || string_agg("set", ',') || ',' as sets from decide_high_quality
            where is_member and policy = {literal(profile)} group by kind, candidate"""
    rows = tables.rows(f"""
        with documents as (
            select kind, candidate, max(size_bytes) as size_bytes,
                case when kind = 'repository' then regexp_replace(candidate, '#[^#]*$', '') else candidate end as kept
            from assemble_documents
            where kind <> 'repository' or split_part(layout, '/', 3) in ('', {literal(profile)}) group by kind, candidate),
        leaks as ({leaks}),
        sets as ({sets}),
        facts as (
            select d.kind, d.size_bytes, k.split, coalesce(k.language, '{NO_LANGUAGE}') as language, k.repository, k.score_percent, s.sets
            from documents d join decide_kept k on d.kind = k.kind and d.kept = k.candidate
            left join sets s on d.kind = s.kind and d.candidate = s.candidate
            left join leaks l on d.kind = l.kind and d.candidate = l.candidate
            where k.policy = {literal(profile)} and l.kind is null)
        select {lot_number(phase)} as lot, kind, language, count(*) as documents, sum(size_bytes) as size_bytes
        from facts where split = 'train' group by 1, 2, 3""")
    found = [[0, 0.0] for _ in phase.lots]
    for row in rows:
        if row["lot"] is not None:
            rate = rates.get((row["kind"], row["language"]), BYTES_PER_TOKEN)
            found[row["lot"]][0] += row["documents"]
            found[row["lot"]][1] += row["documents"] + row["size_bytes"] / rate
    return [Stock(int(documents), round(tokens)) for documents, tokens in found]


def bytes_per_token(tables: LakeTables, profile: str) -> dict[tuple[str, str], float]:
    """By kind and language, as the mixtures of a policy were counted."""
    if not tables.has(MANIFEST):
        return {}
    rows = tables.rows(f"""
        select kind, language, sum(text_bytes) as size_bytes, sum(token_count - document_count) as tokens
        from mix_manifest where policy = {literal(profile)} group by kind, language""")
    return {(row["kind"], row["language"]): row["size_bytes"] / row["tokens"] for row in rows if row["tokens"] and row["size_bytes"]}


def wishes(phase: Phase, found: list[Stock], leave_out_empty: bool) -> list[Wish]:
    if phase.is_whole:
        total = sum(stock.tokens for stock in found) or 1
        lots = zip(phase.lots, found, strict=True)
        return [Wish(lot, stock, stock.tokens / total, stock.tokens, 1.0 if stock.tokens else 0.0, False) for lot, stock in lots]
    try:
        return solve(phase, found, leave_out_empty)
    except MixtureError as error:
        raise CodemillError(f"{error}\n(tokens are estimated; the job counts them)") from error


def show(phase: Phase, found: list[Wish]) -> None:
    out = console()
    table = RichTable("lot", "documents", "tokens there", "share", "tokens taken", "epochs", "at most", "", box=box.SIMPLE_HEAD)
    for index in range(1, 7):
        table.columns[index].justify = "right"
    for wish in found:
        most = "" if phase.is_whole else f"{wish.lot.max_epochs:g}"
        counts = (f"{wish.stock.documents:,}", f"{wish.stock.tokens:,}", f"{wish.share:.1%}", f"{wish.tokens:,.0f}", f"{wish.epochs:.3f}")
        table.add_row(wish.lot.label, *counts, most, "sets the total" if wish.is_limit else "")
    table.add_section()
    table.add_row("all", f"{sum(w.stock.documents for w in found):,}", f"{sum(w.stock.tokens for w in found):,}", "",
                  f"{sum(w.tokens for w in found):,.0f}")  # fmt: skip
    out.print(table)
    told = f"recipe {phase.name}: windows of {phase.window:,}, {phase.fim_rate:.0%} filled in the middle, packing {phase.packing}"
    out.print(told + ". Tokens are estimated; nothing was written.", highlight=False)
