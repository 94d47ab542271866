"""Groups of near-duplicate texts.

Reads   ingest/files, ingest/pages, ingest/contents, annotate/signatures
Writes  annotate/duplicate_pairs, annotate/duplicates; a corpus annotator. What is new or gone changes the groups that it touches, and
        the result is that of a run over everything.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.annotate import signatures
from jobs.annotate.candidates import Target, bucket_rows, in_buckets, pairs, part_count, sketch_rows
from jobs.annotate.chains import with_centres
from jobs.annotate.components import components
from jobs.annotate.duplicates_in_memory import Read, audited, is_seen, named, pairs_of, signature_count, tables_of, verified
from jobs.annotate.torn import JOB_NAME, is_torn
from jobs.annotate.touched import KEY, Touched, touched
from jobs.annotate.verification import true_similarities
from jobs.runtime.errors import CodemillError, UsageError
from jobs.runtime.job import Job, Replace, ReplaceRows, Snapshot, Write, parameter, short_hash
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from schemas.annotate import DUPLICATE_PAIRS, DUPLICATES, SIGNATURES
from schemas.ingest import CONTENTS, FILES, PAGES
from schemas.table import Table
from udfs.minhash import SignatureParams
from udfs.near_groups import groups

VERSION = 1


@dataclass(frozen=True)
class DuplicatesParams:
    threshold: float = parameter(0.7, "Jaccard similarity of shingle sets from which two texts are duplicates, 0.5 to 0.99")
    min_chance: float = parameter(0.985, "chance with which a pair at the threshold is looked at; more bands are compared for a higher one")
    check_within: float = parameter(2.0, "standard errors around the threshold within which texts are compared and not signatures")
    min_centre_similarity: float = parameter(
        0.0, "members less similar to their group's centre are cut off into groups of their own; 0: none"
    )
    most_edges_in_memory: int = parameter(5_000_000, "more pairs than that are grouped by Spark and not in the driver")
    most_texts_in_memory: int = parameter(
        500_000,
        "more signatures than that are compared by Spark and not in the driver; it makes only the groups again that a change touches",
        0,
    )
    shingle_tokens: int = parameter(SignatureParams().shingle_tokens, "of the signatures to read")
    hashes: int = parameter(128, "of the signatures to read")

    @property
    def signatures(self) -> SignatureParams:
        return SignatureParams(self.shingle_tokens, self.hashes)

    @property
    def target(self) -> Target:
        return Target(self.hashes, self.threshold, self.min_chance, self.check_within)


def version(params: DuplicatesParams) -> str:
    rules = (params.threshold, params.min_chance, params.check_within, params.min_centre_similarity)
    return short_hash("duplicates", str(VERSION), signatures.version(params.signatures), *map(str, rules))


def check(params: DuplicatesParams) -> None:
    signatures.check(params.signatures)
    limits = {
        "threshold": (0.5, 0.99),
        "min_chance": (0.1, 0.9999),
        "check_within": (0, 10),
        "min_centre_similarity": (0, params.threshold),
    }
    for name, (low, high) in limits.items():
        if not low <= getattr(params, name) <= high:
            raise UsageError(f"annotate.duplicates: {name}={getattr(params, name)}: expected {low} to {high}")


def transform(tables: Tables, params: DuplicatesParams) -> Iterator[Write]:
    with Staging(tables.lake, tables.run) as staging:
        is_whole = tables.is_forced or is_torn(tables.lake)
        writes = None
        if signature_count(tables.lake) <= params.most_texts_in_memory:
            writes = grouped_in_memory(tables, params, staging, is_whole)
        yield from grouped_by_spark(tables, params, staging, is_whole) if writes is None else writes


def grouped_in_memory(tables: Tables, params: DuplicatesParams, staging: Staging, is_whole: bool) -> list[Write] | None:
    """All groups, made again; nothing where nothing came or went. None where there are too many pairs.

    Texts that were compared in the last run are not read again, unless `is_whole`.
    """
    made, target = version(params), params.target
    read = Read(tables.lake, signatures.version(params.signatures), params.hashes)
    pairs = pairs_of(read, target, params.most_edges_in_memory)
    if not read.known_count and read.has_references:
        raise no_signatures(params)
    rows = read.rows()
    tables.account.read_rows = len(rows)
    if not is_whole and is_seen(tables, rows, made):
        return []
    if pairs is None:
        return None
    found = verified(tables, rows, pairs, target, params.shingle_tokens, staging, None if is_whole else made)
    a, b = (found.column(end).to_numpy()[found.column("is_duplicate").to_numpy()] for end in ("a", "b"))
    grouped = audited(groups(a, b, read.sketches.records(), params.min_centre_similarity), a, b)
    # The groups come last: they say what has been seen.
    made_tables = zip((DUPLICATE_PAIRS, DUPLICATES), tables_of(named(tables, rows), found, grouped, made), strict=True)
    return [ReplaceRows(table, rows, pc.scalar(True)) for table, rows in made_tables]


def grouped_by_spark(tables: Tables, params: DuplicatesParams, staging: Staging, is_whole: bool) -> Iterator[Write]:
    """The groups that new and gone texts touch, or all."""
    made, target = version(params), params.target
    known = known_nodes(tables, params)
    present = referred_to(tables, known, params, staging)
    again = None if is_whole else touched(tables, known, present, made, target.banding, staging)
    if again and again.nodes.isEmpty() and again.components.isEmpty():
        return
    judged, sketches = compared(tables, present, again, params, staging)
    edges = judged.where("is_duplicate").select("a", "b")
    labels = components(tables, edges, params.most_edges_in_memory, staging)
    labels = with_centres(tables, labels, edges, sketches, params.min_centre_similarity, params.most_edges_in_memory, staging)
    rows = staging.keep(tables.spark, grouped(present, again, labels, made), "groups")
    found = judged.join(labels.select(F.col("node").alias("a"), "component_id"), "a", "left")
    found = found.withColumns({"component_id": F.coalesce("component_id", "a"), "version": F.lit(made)}).select(*DUPLICATE_PAIRS.names)
    yield write(DUPLICATE_PAIRS, found, rows, again)
    yield write(DUPLICATES, rows, rows, again)


def no_signatures(params: DuplicatesParams) -> CodemillError:
    wanted = params.signatures
    return CodemillError(
        f"{JOB_NAME}: no text has a signature of {wanted.shingle_tokens} tokens and {wanted.hashes} hashes, so there is nothing to "
        f"group. `codemill annotate.signatures --shingle-tokens {wanted.shingle_tokens} --hashes {wanted.hashes}` makes them; in a run "
        "--set gives both jobs the same."
    )


def write(table: Table, rows: DataFrame, members: DataFrame, again: Touched | None) -> Write:
    if again is None:
        return Replace(table, rows)
    return Snapshot(table, rows, members.select("component_id").unionByName(again.components))


def known_nodes(tables: Tables, params: DuplicatesParams) -> DataFrame:
    """Rows (content_sha256, node, signature) of all signatures of the version to read. A text without tokens is a node of its own."""
    rows = tables[SIGNATURES].where(F.col("version") == signatures.version(params.signatures))
    return rows.select(KEY, F.coalesce("node", F.xxhash64(KEY)).alias("node"), "signature")


def referred_to(tables: Tables, known: DataFrame, params: DuplicatesParams, staging: Staging) -> DataFrame:
    """The rows of `known` whose content is a file's or a page's. Ingest leaves the others: what is gone would go on joining groups."""
    keys = tables[FILES].select(KEY).unionByName(tables[PAGES].select(KEY))
    known_count = known.count()
    if not known_count and not keys.isEmpty():
        raise no_signatures(params)
    gone = staging.keep(tables.spark, known.select(KEY).join(keys, KEY, "left_anti"), "gone")
    gone_count = gone.count()
    tables.account.read_rows = known_count - gone_count
    return known.join(gone, KEY, "left_anti") if gone_count else known


def compared(
    tables: Tables, present: DataFrame, again: Touched | None, params: DuplicatesParams, staging: Staging
) -> tuple[DataFrame, DataFrame]:
    """Rows (a, b, similarity, is_true, is_duplicate) of what met and is alike or nearly so; and (node, sketch) of all that is alike."""
    spark, target = tables.spark, params.target
    signed, rows = present.where("signature is not null"), None
    meeting = signed
    if again:
        wanted = bucket_rows(signed.join(again.nodes, "node", "left_semi"), target.banding).select("bucket").distinct()
        wanted = staging.keep(spark, wanted, "wanted-buckets")
        rows = staging.keep(spark, in_buckets(signed, target.banding, wanted), "buckets")
        meeting = signed.join(rows.select("node").distinct(), "node", "left_semi")
    parts = part_count(tables.account.read_rows, target, tables.cores)
    found = pairs(meeting, rows, target, parts)
    if again:
        found = found.join(again.nodes.withColumnRenamed("node", "a"), "a", "left_semi")
    found = staging.keep(spark, found, "pairs")
    checked = true_similarities(tables, found.where("not is_sure").select("a", "b"), signed, params.shingle_tokens, staging)
    sure = found.where("is_sure").select("a", "b", "similarity", F.lit(False).alias("is_true"))
    verified = sure.unionByName(checked.withColumn("is_true", F.lit(True)))
    verified = verified.withColumn("is_duplicate", ~F.col("is_true") | (F.col("similarity") >= params.threshold))
    verified = staging.keep(spark, verified, "verified")
    edges = verified.where("is_duplicate")
    grouped_nodes = edges.select(F.col("a").alias("node")).union(edges.select("b")).distinct()
    return verified, staging.keep(spark, sketch_rows(signed.join(grouped_nodes, "node", "left_semi")), "sketches")


def grouped(present: DataFrame, again: Touched | None, labels: DataFrame, made: str) -> DataFrame:
    """Rows of `annotate/duplicates` out of labels (node, component_id, group_id, centre_similarity) of the nodes that have company."""
    members = present.select(KEY, "node")
    if again:
        members = members.join(again.nodes, "node", "left_semi")
    rows = members.join(labels, "node", "left")
    rows = rows.withColumns({name: F.coalesce(name, "node") for name in ("component_id", "group_id")})
    sizes = rows.groupBy("group_id").agg(F.count("*").alias("group_size"))
    rows = rows.join(sizes, "group_id").withColumn("version", F.lit(made))
    return rows.withColumn("centre_similarity", F.coalesce("centre_similarity", F.lit(1.0))).select(*DUPLICATES.names)


JOB = Job(
    JOB_NAME,
    "groups near-duplicate texts",
    (FILES, PAGES, CONTENTS, SIGNATURES),
    (DUPLICATE_PAIRS, DUPLICATES),
    transform,
    DuplicatesParams,
    version=VERSION,
    check=check,
    is_changed=lambda lake, params: is_torn(lake),
    identity=version,
)
