"""Documents of a policy's kept candidates, with the place of their texts."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.assemble.documents import FILE_LAYOUT
from jobs.runtime.tables import Tables
from jobs.runtime.texts import located
from schemas.assemble import DOCUMENTS
from schemas.decide import KEPT
from schemas.ingest import CONTENTS


def kept_documents(tables: Tables, profile: str) -> DataFrame:
    """One row per document, whose text is one content: kind, candidate, split, content_sha256, size_bytes, text_file, text_block."""
    kept = tables[KEPT].where(F.col("policy") == profile).select("kind", "candidate", "split")
    documents = tables[DOCUMENTS].where(F.col("layout") == FILE_LAYOUT)
    documents = documents.select("kind", "candidate", F.col("contents")[0].alias("content_sha256"))
    return kept.join(documents, ["kind", "candidate"]).join(located(tables[CONTENTS]), "content_sha256")
