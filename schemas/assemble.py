"""Tables of the phase assemble: documents of all kinds, in one shape."""

import pyarrow as pa

from schemas.table import Column, Table

DOCUMENTS = Table(
    name="assemble/documents",
    meaning="what becomes training text: references to texts, or a text. A function of candidate, layout and made_of",
    columns=(
        Column("kind", pa.string(), "as in decide/kept"),
        Column("candidate", pa.string(), "as in decide/kept; of a part of a repository: `repository#part`"),
        Column("layout", pa.string(), "name and version of how its parts are put together"),
        Column("contents", pa.list_(pa.string()), "content_sha256 of its texts, in order; empty where it is a text of its own"),
        Column("size_bytes", pa.int64(), "of all its texts"),
        Column("text", pa.string(), "of a commit, a notebook, or a part of a repository; null where it is made of contents", True),
        Column("text_hash", pa.string(), "first 16 digits of the SHA-256 of the text, wherever it lies"),
        Column("made_of", pa.string(), "of a part of a repository: hash of which files stand in it, in order; null of others", True),
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
            "why there is no document: too_long, patch_too_large (16 MiB), not_text (or a file over 1 MiB), submodule, cannot_be_applied, "
            "too_many_files, duplicate_path (in the tree, or two names that are one as text), unsafe_path (leads outside), "
            "secret (beside a change), or a flaw of ingest/commits (unreadable, many_changes, long_message); null where "
            "there is",
            True,
        ),
        Column("snapshot_files", pa.int64(), "text files of the snapshot before the commit that a search looks through"),
        Column(
            "best_rank", pa.int64(), "rank, from 1, of the first changed file that what asks finds; null for none of the first 20", True
        ),
        Column("subject_rank", pa.int64(), "as best_rank, for the first line of the message alone", True),
        Column("message_bytes", pa.int64(), "of the section"),
        Column("readme_bytes", pa.int64(), "of the section"),
        Column("tree_bytes", pa.int64(), "of the section"),
        Column("files_bytes", pa.int64(), "of all sections of files"),
        Column("predicted_bytes", pa.int64(), "of what is to be predicted, which is never cut"),
        Column(
            "cuts",
            pa.list_(pa.string()),
            "what of the context was cut or left out for the budget: readme, tree, changed, found; secret: a file, for "
            "the key that it shows; index: it had no room for all files",
        ),
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

REPOSITORY_CONTEXTS = Table(
    name="assemble/repository_contexts",
    meaning="what became of a repository that a policy keeps: its graph of imports and its parts, or why it has no document",
    columns=(
        Column("repository", pa.string(), "key of ingest/repositories"),
        Column("layout", pa.string(), "as in assemble/documents"),
        Column(
            "reason", pa.string(), "no_files, too_few_files, low_score or too_large: why there is no document; null where there is", True
        ),
        Column("file_count", pa.int64(), "files of it whose contents may be shown"),
        Column("size_bytes", pa.int64(), "of their texts"),
        Column("mean_score_percent", pa.float64(), "of the files that have a score; null where none has", True),
        Column("resolved_imports", pa.int64(), "that name a file of the repository"),
        Column("unresolved_imports", pa.int64(), "that name none: other packages, and files that are not kept"),
        Column("ambiguous_imports", pa.int64(), "of the resolved: several files fit, and the nearest was taken"),
        Column("edge_count", pa.int64(), "pairs of files of which one imports the other"),
        Column("island_count", pa.int64(), "weakly connected components"),
        Column("cycle_count", pa.int64(), "strongly connected components of several files"),
        Column("cycle_files", pa.int64(), "files in cycles"),
        Column("largest_cycle", pa.int64(), "files in the largest cycle"),
        Column("part_count", pa.int64(), "documents that it became"),
        Column("cut_files", pa.int64(), "files that are longer than a document and were cut"),
        Column("crossing_edges", pa.int64(), "edges between files of different parts"),
    ),
    key=("repository", "layout"),
)

REPOSITORY_PARTS = Table(
    name="assemble/repository_parts",
    meaning="which files stand in the documents of a repository, in order",
    columns=(
        Column("repository", pa.string(), "key of ingest/repositories"),
        Column("layout", pa.string(), "as in assemble/documents"),
        Column("part", pa.int64(), "from 0; the document's candidate is `repository#part`"),
        Column("position", pa.int64(), "in the document, from 0"),
        Column("path", pa.string(), "as in ingest/files"),
        Column("language", pa.string(), "as in ingest/files", True),
        Column("content_sha256", pa.string(), "key of ingest/contents"),
        Column("size_bytes", pa.int64(), "of the whole text; of a notebook, of what is shown of it"),
        Column("piece", pa.int64(), "from 1, of a file that is longer than a document; else 1"),
        Column("pieces", pa.int64(), "of the file; 1 where it is whole"),
        Column(
            "needs",
            pa.list_(pa.string()),
            "paths of the repository that the file imports, sorted: the edges of its graph; [] after piece 1",
        ),
        Column("island", pa.int64(), "weakly connected component, numbered in the order of the documents"),
        Column("cycle", pa.int64(), "the same of a strongly connected component of several files; null in none", True),
    ),
    key=("repository", "layout", "part", "position"),
)
