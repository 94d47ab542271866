"""What the written sequences hold: counted from their pieces, so that nothing is claimed that is not there."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.runtime.errors import CountsError
from jobs.runtime.tables import Tables
from schemas.mix import MANIFEST, SEQUENCES
from udfs.mixture import Phase

BY = ["split", "kind", "language"]


def manifest_rows(tables: Tables, documents: DataFrame, phase: Phase, names: dict[str, str]) -> DataFrame:
    """Rows of mix/manifest; `names` are the mixture, the policy and the hash of the tokenizer."""
    sequences = tables[SEQUENCES].where(F.col("mixture") == names["mixture"])
    pieces = sequences.select("split", F.explode("pieces").alias("piece")).select("split", "piece.*")
    language = F.coalesce("language", F.lit("none")).alias("language")
    facts = documents.select("kind", "candidate", language)
    is_first = F.col("token_offset") == 0
    document = F.struct("candidate", "epoch")
    counted = pieces.join(facts, ["kind", "candidate"]).groupBy(*BY).agg(
        F.count(F.when(is_first, 1)).alias("document_count"),
        F.count(F.when(is_first & (F.col("epoch") == 0), 1)).alias("distinct_document_count"),
        F.count(F.when(is_first & F.col("is_fim"), 1)).alias("fim_document_count"),
        F.countDistinct(F.when(~is_first, document)).alias("cut_document_count"),
        F.sum("token_count").alias("token_count"),
        F.sum("text_bytes").alias("text_bytes"),
    )  # fmt: skip
    there = documents.groupBy("split", "kind", language).agg(F.count("*").alias("there"))
    known = names | {"recipe": phase.name, "packing": phase.packing}
    found = counted.join(there, BY).withColumn("epochs", F.col("document_count") / F.col("there"))
    found = found.withColumns({name: F.lit(value) for name, value in known.items()})
    return found.withColumn("window", F.lit(phase.window).cast("long")).select(*MANIFEST.names)


def expected(copies: Column) -> list[Column]:
    """Aggregates over documents: how many go into the sequences, and how many bytes, each document as often as it is taken."""
    return [F.coalesce(F.sum(one.cast("long")), F.lit(0)) for one in (copies, copies * F.col("size_bytes"))]


def check_counts(manifest: DataFrame, documents: int, size_bytes: int) -> None:
    """Raises `CountsError` unless the sequences hold every document and every byte as often as they should."""
    totals = [F.coalesce(F.sum(name), F.lit(0)) for name in ("document_count", "text_bytes")]
    found_documents, found_bytes = manifest.agg(*totals).first()  # type: ignore[misc]
    if (found_documents, found_bytes) != (documents, size_bytes):
        raise CountsError(
            f"{documents} documents of {size_bytes} bytes went into the sequences; "
            f"{found_documents} documents of {found_bytes} bytes came out"
        )
