"""Tables of the phase assemble: documents of all kinds, in one shape."""

import pyarrow as pa

from schemas.table import Column, Table

DOCUMENTS = Table(
    name="assemble/documents",
    meaning="what becomes training text: references to texts, or a text. A function of candidate and layout alone, not of a policy",
    columns=(
        Column("kind", pa.string(), "as in decide/kept"),
        Column("candidate", pa.string(), "as in decide/kept"),
        Column("layout", pa.string(), "name and version of how its parts are put together"),
        Column("contents", pa.list_(pa.string()), "content_sha256 of its texts, in order; empty where it is a text of its own"),
        Column("size_bytes", pa.int64(), "of all its texts"),
        Column("text", pa.string(), "of a commit or notebook; null where it is made of contents", True),
    ),
    key=("kind", "candidate", "layout"),
)

COMMIT_CONTEXTS = Table(
    name="assemble/commit_contexts",
    meaning="what is in the document of a commit, or why it has none",
    columns=(
        Column("repository", pa.string(), "key of ingest/commits"),
        Column("commit", pa.string(), "key of ingest/commits"),
        Column("layout", pa.string(), "as in assemble/documents"),
        Column(
            "reason",
            pa.string(),
            "why there is no document: too_long, not_text, cannot_be_applied or unreadable; null where there is",
            True,
        ),
        Column("snapshot_files", pa.int64(), "text files of the snapshot before the commit that a search looks through"),
        Column(
            "best_rank", pa.int64(), "rank, from 1, of the first changed file that the message finds; null for none of the first 20", True
        ),
        Column("message_bytes", pa.int64(), "of the section"),
        Column("readme_bytes", pa.int64(), "of the section"),
        Column("tree_bytes", pa.int64(), "of the section"),
        Column("files_bytes", pa.int64(), "of all sections of files"),
        Column("predicted_bytes", pa.int64(), "of what is to be predicted, which is never cut"),
        Column("cuts", pa.list_(pa.string()), "what of the context was cut or left out for the budget: readme, tree, changed, found"),
    ),
    key=("repository", "commit", "layout"),
)

NOTEBOOKS = Table(
    name="assemble/notebooks",
    meaning="what is in the document of a notebook, or why it has none",
    columns=(
        Column("content_sha256", pa.string(), "key of ingest/contents"),
        Column("layout", pa.string(), "as in assemble/documents"),
        Column("reason", pa.string(), "why there is no document, of udfs.notebooks.REASONS; where it is not null, the facts are", True),
        Column("language", pa.string(), "the kernel's, in lower case, as the notebook names it", True),
        Column("markdown_cells", pa.int64(), "that are in the document", True),
        Column("code_cells", pa.int64(), "that are in the document", True),
        Column("left_out_cells", pa.int64(), "raw ones, and those of white space", True),
        Column("left_out_outputs", pa.int64(), "that gave no text: images, widgets, the stream of errors", True),
        Column("markdown_bytes", pa.int64(), "of the document", True),
        Column("code_bytes", pa.int64(), "of the document, fences included", True),
        Column("output_bytes", pa.int64(), "of the document, fences included", True),
    ),
    key=("content_sha256", "layout"),
)
