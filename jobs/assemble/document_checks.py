"""Looks for benchmarks, and for what is held out, in documents that have a text of their own: nothing before them has read these texts.

Reads   decide/kept, decide/dropped, decide/features, assemble/documents, annotate/signatures, annotate/benchmarks,
        annotate/benchmark_items
Writes  assemble/document_looks: a text is read where it has no row of now; assemble/document_checks: the policy's rows are replaced

A commit shows old versions of files, its message and its changes; a notebook is another text than its JSON. They are held against the
benchmarks that the lake remembers, and section by section against every text of what is held out: contents by the signatures there are,
held-out documents by their own sections. A commit whose repository is itself like one that is held out goes with it. `mix.sequences` takes
nothing that has a reason here, and nothing that was not looked at. The files of a repository's documents were judged one by one; of them
only notebooks, and likeness to held-out documents, are new. So it is with files and pages that are documents themselves: those that are
like a held-out document, an old version that only a commit shows, have a row too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.annotate import contamination, signatures
from jobs.annotate.duplicates import DuplicatesParams
from jobs.assemble.documents import is_made_for, is_notebook, layout_of
from jobs.assemble.held_out_likeness import likeness, likeness_of_many
from jobs.assemble.looked_documents import LEAST_SHINGLES, LOOKED, looked
from jobs.decide.profiles import PolicyParams
from jobs.decide.survivors import OF_HELD_OUT
from jobs.runtime.errors import CodemillError, CountsError
from jobs.runtime.job import Change, Job, Replace, Write, parameter, short_hash
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from schemas.annotate import SIGNATURES
from schemas.assemble import DOCUMENTS
from schemas.contamination import BENCHMARK_ITEMS, BENCHMARKS
from schemas.decide import DROPPED, FEATURES, KEPT
from schemas.document_checks import DOCUMENT_CHECKS, DOCUMENT_LOOKS
from schemas.lake import Lake
from udfs import document_sections, ngrams, words
from udfs.commit_layout import LAYOUT as COMMIT_LAYOUT
from udfs.contamination import Benchmark, wanted_of
from udfs.minhash import SignatureParams
from udfs.notebooks import LAYOUT as NOTEBOOK_LAYOUT
from udfs.notebooks import SUFFIX
from udfs.repository_layout import LAYOUT as REPOSITORY_LAYOUT

CONTAMINATED = "contaminated"
KEY = list(DOCUMENT_LOOKS.key)
LOOK = [*KEY, "text_hash", "version"]
DOCUMENT = [*KEY, "split", "text_hash"]


@dataclass(frozen=True)
class DocumentChecksParams(PolicyParams):
    threshold: float = parameter(DuplicatesParams().threshold, "similarity from which a section is like a held-out text", 0.5, 0.99)
    shingle_tokens: int = parameter(SignatureParams().shingle_tokens, "of the signatures to read")
    hashes: int = parameter(SignatureParams().hashes, "of the signatures to read")

    @property
    def duplicates(self) -> DuplicatesParams:
        return DuplicatesParams(threshold=self.threshold, shingle_tokens=self.shingle_tokens, hashes=self.hashes)

    def checked(self) -> None:
        self.resolved()
        signatures.check(self.duplicates.signatures)


def transform(tables: Tables, params: DocumentChecksParams) -> Iterator[Write]:
    benchmarks = contamination.remembered(tables.lake)
    look = partial(looked, wanted=wanted_of(benchmarks)[0] if benchmarks else None, params=params.duplicates.signatures)
    with Staging(tables.lake, tables.run) as staging:
        kept = staging.keep(tables.spark, own_texts(tables, params.profile, looks_version(params, benchmarks)), "kept")
        is_held_out_document = (F.col("split") == "held_out") & (F.col("kind") != "repository")
        own, held_out_documents = kept.agg(F.count("*"), F.count_if(is_held_out_document)).first()  # type: ignore[misc]
        new = kept if tables.is_forced else kept.join(tables[DOCUMENT_LOOKS].select(*LOOK), LOOK, "left_anti")
        new = staging.keep(tables.spark, new.select(*LOOK), "new")
        texts = new.join(tables[DOCUMENTS].select(*KEY, "text"), KEY)
        gone = tables[DOCUMENT_LOOKS].select(*KEY).join(tables[DOCUMENTS].select(*KEY), KEY, "left_anti")
        yield Change(DOCUMENT_LOOKS, texts.mapInArrow(look, from_arrow_schema(LOOKED)), new.select(*KEY), gone)
        seen = kept.join(tables[DOCUMENT_LOOKS], LOOK)
        documents, files = seen.drop("sections", "version"), 0
        found = seen.select(*DOCUMENT, F.explode("sections").alias("one")).select(*DOCUMENT, "one.*")
        alike = sections_like(tables, found, params).unionByName(repositories_like(tables, documents, params.profile))
        most = F.max_by(F.struct("section", "held_out", "similarity"), F.struct("similarity", "section", "held_out")).alias("most")
        if held_out_documents:
            alike_files = staging.keep(tables.spark, files_like(tables, staging, found, params), "alike_files")
            files = alike_files.count()
            documents = documents.unionByName(alike_files.select(*DOCUMENT), allowMissingColumns=True)
            documents = documents.withColumn("matches", F.coalesce("matches", F.array()))
            alike = alike.unionByName(alike_files.drop("split", "text_hash"))
        tables.account.read_rows = own + files
        alike = alike.groupBy(*KEY).agg(most).select(*KEY, "most.*")
        judged = documents.join(alike, KEY, "left")
        judged = judged.withColumns({"policy": F.lit(params.profile), "reasons": reasons(params.resolved().drop_contaminated)})
        judged = staging.keep(tables.spark, judged.select(*DOCUMENT_CHECKS.names), "judged")
        if (count := judged.count()) != tables.account.read_rows:
            raise CountsError(f"{tables.account.read_rows:,} documents were looked at, but {count:,} were judged")
        for row in judged.select("kind", F.explode("reasons").alias("reason")).groupBy("kind", "reason").count().collect():
            tables.account.dropped[f"{row.kind} {row.reason}"] = row["count"]
        yield Replace(DOCUMENT_CHECKS, judged, "policy", params.profile)


def looks_version(params: DocumentChecksParams, benchmarks: list[Benchmark]) -> str:
    """Where it is the same, the same text looks the same."""
    parts = (COMMIT_LAYOUT, REPOSITORY_LAYOUT, NOTEBOOK_LAYOUT, str(document_sections.VERSION), str(LEAST_SHINGLES))
    return short_hash(*parts, signatures.version(params.duplicates.signatures), contamination.version(benchmarks) if benchmarks else "")


def own_texts(tables: Tables, profile: str, version: str) -> DataFrame:
    """Rows (kind, candidate, layout, split, text_hash, version) of the documents of what is kept that have a text of their own."""
    kept = tables[KEPT].where(F.col("policy") == profile).select("kind", F.col("candidate").alias("kept"), "split")
    whole = F.when(F.col("kind") == "repository", F.regexp_replace("candidate", "#[^#]*$", "")).otherwise(F.col("candidate"))
    documents = tables[DOCUMENTS].where((F.size("contents") == 0) & is_made_for(profile)).withColumn("kept", whole)
    return documents.join(kept, ["kind", "kept"]).select(*DOCUMENT, F.lit(version).alias("version"))


def sections_like(tables: Tables, found: DataFrame, params: DocumentChecksParams) -> DataFrame:
    """Rows (kind, candidate, layout, section, held_out, similarity) of sections of training that are like a held-out text."""
    training, names = found.where("split = 'train'"), held_out_sections(found)
    contents, target = held_out_contents(tables, params), params.duplicates.target
    is_judged = (F.col("kind") == "repository") & ~F.lower("section").endswith(SUFFIX)  # file by file, before it was put together
    columns = ["kind", "candidate", "layout", "section", "node", "signature"]
    read_first = training.where(~is_judged).select(*columns)
    alike = read_first.join(likeness(read_first, contents.unionByName(names), target), "node")
    others = training.where(is_judged).select(*columns)
    alike = alike.unionByName(others.join(likeness(others, names, target), "node"))
    return alike.drop("node", "signature")


def held_out_sections(found: DataFrame) -> DataFrame:
    """Rows (node, signature, held_out) of the sections of held-out documents, files of repositories apart: they are held-out contents."""
    sections = found.where("split = 'held_out' and kind != 'repository'")
    return sections.select("node", "signature", F.concat_ws(" ", "kind", "candidate", "section").alias("held_out"))


def files_like(tables: Tables, staging: Staging, found: DataFrame, params: DocumentChecksParams) -> DataFrame:
    """Rows (kind, candidate, layout, split, text_hash, section, held_out, similarity) of kept files and pages that are documents themselves
    and like a section of a held-out document."""
    kept = tables[KEPT].where((F.col("policy") == params.profile) & (F.col("split") == "train"))
    kept = kept.where(F.col("kind").isin("file", "page") & ~is_notebook()).select("kind", "candidate", layout_of().alias("layout"))
    check_signed(kept.select(F.col("candidate").alias("content_sha256")), of_version(tables, params), "kept", params)
    signed = long_signatures(tables, params)
    alike = likeness_of_many(tables, staging, signed, held_out_sections(found), params.duplicates.target)
    alike = alike.join(signed.select("node", F.col("content_sha256").alias("candidate")), "node")
    rows = alike.join(kept, "candidate").join(tables[DOCUMENTS].select(*KEY, "text_hash"), KEY)
    return rows.select(*KEY, F.lit("train").alias("split"), "text_hash", F.lit("text").alias("section"), "held_out", "similarity")


def held_out_contents(tables: Tables, params: DocumentChecksParams) -> DataFrame:
    """Rows (node, signature, held_out) of the contents that occur in what is held out, whether kept or not."""
    keys = tables[FEATURES].where("is_held_out and kind in ('file', 'page')").select(F.col("candidate").alias("content_sha256")).distinct()
    check_signed(keys, of_version(tables, params), "held-out", params)
    long = long_signatures(tables, params).join(keys, "content_sha256", "left_semi")
    return long.select("node", "signature", F.col("content_sha256").alias("held_out"))


def check_signed(keys: DataFrame, signed: DataFrame, what: str, params: DocumentChecksParams) -> None:
    """Raises `CodemillError` where a text of `keys` (content_sha256) has no signature."""
    unsigned = keys.join(signed, "content_sha256", "left_anti").count()
    if unsigned:
        raise CodemillError(
            f"{unsigned:,} {what} texts have no signature of {params.shingle_tokens} tokens and {params.hashes} hashes, so nothing can "
            "be compared with them. `codemill annotate.signatures` makes them."
        )


def of_version(tables: Tables, params: DocumentChecksParams) -> DataFrame:
    return tables[SIGNATURES].where(F.col("version") == signatures.version(params.duplicates.signatures))


def long_signatures(tables: Tables, params: DocumentChecksParams) -> DataFrame:
    return of_version(tables, params).where(F.col("shingle_count") >= LEAST_SHINGLES)


def repositories_like(tables: Tables, documents: DataFrame, profile: str) -> DataFrame:
    """As `sections_like`, of commits whose repository is out because it is like one that is held out."""
    dropped = tables[DROPPED].where((F.col("policy") == profile) & (F.col("kind") == "repository"))
    dropped = dropped.where(F.array_contains("reasons", OF_HELD_OUT)).select(
        F.col("candidate").alias("repository"), F.coalesce("survivor", F.lit("a repository")).alias("held_out")
    )
    commits = documents.where("kind = 'commit' and split = 'train'").select("kind", "candidate", "layout")
    repository = F.regexp_replace("candidate", "@[^@]*$", "").alias("repository")
    found = commits.select("*", repository).join(dropped, "repository")
    nothing = F.lit(None)
    return found.select(
        "kind",
        "candidate",
        "layout",
        nothing.cast("string").alias("section"),
        "held_out",
        nothing.cast("double").alias("similarity"),
    )


def reasons(drop_contaminated: bool) -> Column:
    """What is held out may stay whatever it shares: it is never trained on."""
    is_training, leaks = F.col("split") == "train", F.col("held_out").isNotNull()
    shares = (F.coalesce("match_count", F.lit(0)) > 0) & F.lit(drop_contaminated)
    found = F.array(F.when(is_training & shares, CONTAMINATED), F.when(is_training & leaks, OF_HELD_OUT))
    return F.filter(found, lambda reason: reason.isNotNull())


def idle(lake: Lake, params: DocumentChecksParams) -> str | None:
    where = pc.field("kind").isin(["commit", "repository"]) | (pc.field("layout") == NOTEBOOK_LAYOUT)
    return None if lake.has_rows(DOCUMENTS, where) else "no document has a text of its own"


JOB = Job(
    "assemble.document_checks",
    "looks for benchmarks and for what is held out in documents with a text of their own",
    reads=(KEPT, DROPPED, FEATURES, DOCUMENTS, SIGNATURES, BENCHMARKS, BENCHMARK_ITEMS),
    writes=(DOCUMENT_LOOKS, DOCUMENT_CHECKS),
    transform=transform,
    params=DocumentChecksParams,
    version=3 + words.VERSION + ngrams.VERSION,
    check=DocumentChecksParams.checked,
    idle=idle,
    identity=lambda params: params.resolved().hash,
)
