"""The tables of the lake. Import a table from its phase's module; `ALL_TABLES` is every one of them."""

from schemas.annotate import (
    COMMIT_FACTS,
    DUPLICATE_PAIRS,
    DUPLICATES,
    LABELS,
    REPOSITORY_DUPLICATES,
    REPOSITORY_PAIRS,
    SCORES,
    SIGNATURES,
    SYNTAX,
    TEXT_FACTS,
)
from schemas.assemble import COMMIT_CONTEXTS, DOCUMENTS
from schemas.contamination import BENCHMARK_ITEMS, BENCHMARKS, CONTAMINATION
from schemas.decide import CUTS, DROPPED, FEATURES, GATES, KEPT
from schemas.ingest import COMMITS, CONTENTS, FILES, FINGERPRINTS, HISTORIES, PAGES, REJECTS, REPOSITORIES
from schemas.ledger import LEDGER
from schemas.mix import MANIFEST, SEQUENCES, TOKENIZERS

ALL_TABLES = (
    REPOSITORIES,
    FILES,
    CONTENTS,
    REJECTS,
    FINGERPRINTS,
    COMMITS,
    HISTORIES,
    PAGES,
    TEXT_FACTS,
    SYNTAX,
    SIGNATURES,
    DUPLICATES,
    DUPLICATE_PAIRS,
    REPOSITORY_DUPLICATES,
    REPOSITORY_PAIRS,
    COMMIT_FACTS,
    CONTAMINATION,
    BENCHMARKS,
    BENCHMARK_ITEMS,
    LABELS,
    SCORES,
    FEATURES,
    GATES,
    CUTS,
    KEPT,
    DROPPED,
    DOCUMENTS,
    COMMIT_CONTEXTS,
    TOKENIZERS,
    SEQUENCES,
    MANIFEST,
    LEDGER,
)
