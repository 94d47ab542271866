"""The tables of the phase assemble that say what documents with a text of their own share with benchmarks and with what is held out."""

import pyarrow as pa

from schemas.contamination import MATCH
from schemas.table import Check, Column, Table

SECTION = pa.struct(
    [
        pa.field("section", pa.string(), False),
        pa.field("node", pa.int64(), False),  # as in annotate/signatures
        pa.field("signature", pa.binary(), False),  # as in annotate/signatures
    ]
)

DOCUMENT_LOOKS = Table(
    name="assemble/document_looks",
    meaning="what was seen of each document with a text of its own, whatever the policy: a text is read once",
    columns=(
        Column("kind", pa.string(), "as in assemble/documents"),
        Column("candidate", pa.string(), "as in assemble/documents"),
        Column("layout", pa.string(), "as in assemble/documents"),
        Column("text_hash", pa.string(), "as in assemble/documents, of the text that was looked at"),
        Column("version", pa.string(), "hash of the code, of the parameters of signatures, and of the benchmarks"),
        Column("matches", pa.list_(MATCH), "as in annotate/contamination, of the whole document"),
        Column("match_count", pa.int64(), "words where an n-gram of a benchmark begins; null where no benchmark is named", True),
        Column("sections", pa.list_(SECTION), "those that are long enough to be compared, with their signatures"),
    ),
    key=("kind", "candidate", "layout"),
)

DOCUMENT_CHECKS = Table(
    name="assemble/document_checks",
    meaning="of kept documents with a text of their own (commit, notebook, part of a repository) whether training may read them; "
    "files and pages are here where they are like a held-out document",
    columns=(
        Column("kind", pa.string(), "as in assemble/documents"),
        Column("candidate", pa.string(), "as in assemble/documents"),
        Column("layout", pa.string(), "as in assemble/documents"),
        Column("policy", pa.string(), "the profile's name"),
        Column("split", pa.string(), "train or held_out: what is held out is looked at, and has no reasons"),
        Column("text_hash", pa.string(), "first 16 digits of the SHA-256 of the text that was looked at"),
        Column("reasons", pa.list_(pa.string()), "contaminated, near_duplicate_of_held_out; sorted, empty where training may read it"),
        Column("matches", pa.list_(MATCH), "as in annotate/contamination, of the whole document"),
        Column("match_count", pa.int64(), "words where an n-gram of a benchmark begins; null where no benchmark is named", True),
        Column(
            "section",
            pa.string(),
            "the part of the document that is most like something held out (of a file or page: text); null where none is",
            True,
        ),
        Column(
            "held_out", pa.string(), "what it is like: a content's key, a document's section, or a repository; null where nothing is", True
        ),
        Column("similarity", pa.float64(), "of the two, estimated from signatures; null where it was not asked", True),
    ),
    key=("kind", "candidate", "layout", "policy"),
    checks=(Check("split_is_known", "split in ('train', 'held_out')"),),
)
