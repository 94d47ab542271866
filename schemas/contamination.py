"""Tables of the phase annotate that say what texts share with benchmarks."""

import pyarrow as pa

from schemas.table import Check, Column, Table

_VERSION = Column("version", pa.string(), "annotator version: hash of its code version, of Unicode's, and of the benchmarks")

MATCH = pa.struct(
    [
        pa.field("benchmark", pa.string(), False),
        pa.field("item", pa.string(), False),
        pa.field("ngram", pa.string(), False),  # its words in lower case, one space between them, cut where it is very long
        pa.field("offset_bytes", pa.int64(), False),  # of its first word in the text
    ]
)

CONTAMINATION = Table(
    name="annotate/contamination",
    meaning="what a text shares with benchmarks; a row annotator, without rows where no benchmark was ever named",
    columns=(
        Column("content_sha256", pa.string(), "key of ingest/contents"),
        _VERSION,
        Column("matches", pa.list_(MATCH), "at most 16, by place: of each item of a benchmark the first n-gram that is shared"),
        Column("match_count", pa.int64(), "words of the text where a shared n-gram begins; 0 where it shares none"),
    ),
    key=("content_sha256", "version"),
    checks=(Check("matches_are_counted", "size(matches) <= match_count and (size(matches) = 0) = (match_count = 0)"),),
)

BENCHMARKS = Table(
    name="annotate/benchmarks",
    meaning="the benchmarks that texts are compared with now; one version, that of annotate/contamination",
    columns=(
        Column("benchmark", pa.string(), "its name, as given or of its file"),
        _VERSION,
        Column("sha256", pa.string(), "of its items, as in annotate/benchmark_items"),
        Column("item_count", pa.int64(), "its problems"),
        Column("ignored_count", pa.int64(), "of them, those with fewer words than an n-gram: nothing can be found of them"),
        Column("ngram_count", pa.int64(), "distinct n-grams that are looked for"),
    ),
    key=("benchmark", "version"),
    checks=(Check("ignored_are_items", "ignored_count between 0 and item_count"),),
)

BENCHMARK_ITEMS = Table(
    name="annotate/benchmark_items",
    meaning="texts of every benchmark that was ever named: later runs compare new texts with them without the file",
    columns=(
        Column("sha256", pa.string(), "of the benchmark's items together"),
        Column("position", pa.int64(), "in the benchmark, from 0"),
        Column("item", pa.string(), "name of the problem"),
        Column("text", pa.string(), "what a model must not have seen: the problem and its solution"),
    ),
    key=("sha256", "position"),
)
