"""Tables of the phase decide: what policies see, and what a policy said."""

import pyarrow as pa

from schemas.table import Check, Column, Table

OCCURRENCE = pa.struct(
    [
        pa.field("repository", pa.string(), False),
        pa.field("path", pa.string(), False),
        pa.field("language", pa.string()),
        pa.field("licence", pa.string()),
        pa.field("stars", pa.int64()),
        pa.field("forks", pa.int64()),
        pa.field("commits", pa.int64()),
        pa.field("maintained_days", pa.int64()),
        pa.field("syntax_status", pa.string()),
        pa.field("error_bytes_share", pa.float64()),
        pa.field("syntax_flaw_count", pa.int64()),  # error nodes and missing nodes
        pa.field("comment_share", pa.float64()),
    ]
)

FEATURES = Table(
    name="decide/features",
    meaning="all that policies read of a candidate, in one narrow row",
    columns=(
        Column("kind", pa.string(), "file, repository, commit or page"),
        Column(
            "candidate", pa.string(), "kinds file and page: content_sha256; kind repository: its name; kind commit: `repository@commit`"
        ),
        Column("size_bytes", pa.int64(), "of the text; of a repository: of its distinct texts; of a commit: of message and patch"),
        Column("token_estimate", pa.int64(), "tokens, from bytes per token of its language until mix has counted them"),
        Column("has_text_facts", pa.bool_(), "whether annotate/text_facts has seen it"),
        Column("line_count", pa.int64(), "see annotate/text_facts", True),
        Column("longest_line_bytes", pa.int64(), "see annotate/text_facts", True),
        Column("alphanumeric_share", pa.float64(), "see annotate/text_facts", True),
        Column("has_generated_mark", pa.bool_(), "see annotate/text_facts", True),
        Column(
            "duplicate_group",
            pa.int64(),
            "group_id of annotate/duplicates or repository_duplicates; commits of one patch_hash; null where not seen yet",
            True,
        ),
        Column(
            "duplicate_group_size",
            pa.int64(),
            "contents, repositories or commits in the group, whatever becomes of them; a content that is a file and a page counts twice",
            True,
        ),
        Column("container", pa.string(), "the repository that holds most of this one, see repository_duplicates; null for none", True),
        Column("container_group", pa.int64(), "duplicate_group of the container", True),
        Column("containment", pa.float64(), "share of its files' groups that the container has", True),
        Column("flags", pa.list_(pa.string()), "of a commit: see annotate/commit_facts; null for what is none", True),
        Column("word_count", pa.int64(), "of a page: see ingest/pages; null for what is none", True),
        Column("link_share", pa.float64(), "of a page: words inside links as a share of its words", True),
        Column("repeated_share", pa.float64(), "of a page: see ingest/pages", True),
        Column("cut_line_share", pa.float64(), "of a page: see ingest/pages", True),
        Column("code_share", pa.float64(), "of a page: bytes of code as a share of its text", True),
        Column("has_code_tags", pa.bool_(), "of a page: see ingest/pages", True),
        Column("relevance_percent", pa.int64(), "of a page: see annotate/page_judgements; null where no model has judged it", True),
        Column("relevance_least_percent", pa.int64(), "the threshold that the models came with", True),
        Column("page_category", pa.string(), "of a page: that of its host, see annotate/page_hosts", True),
        Column("page_quality_percent", pa.int64(), "of a page: see annotate/page_judgements", True),
        Column("benchmark_count", pa.int64(), "benchmarks that its text has to be compared with; 0 where none is named, or it is no text"),
        Column("contamination_count", pa.int64(), "match_count of annotate/contamination; null where it was not compared", True),
        Column("is_held_out", pa.bool_(), "whether one of its occurrences is in a held-out repository, or on a held-out host"),
        Column("occurrence_count", pa.int64(), "repositories or hosts that hold it, however many are listed; 1 for a repository"),
        Column(
            "occurrences",
            pa.list_(OCCURRENCE),
            "at most 32, one per repository and language, best first by a total order; that of a repository or commit has an empty "
            "path, that of a page its host as repository and its address as path",
        ),
    ),
    key=("kind", "candidate"),
)

_JUDGED = (
    Column("kind", pa.string(), "as in decide/features"),
    Column("candidate", pa.string(), "as in decide/features"),
    Column("policy", pa.string(), "the profile's name"),
    Column("repository", pa.string(), "of the occurrence that was picked: the first that passes, else the first"),
    Column("path", pa.string(), "of the occurrence that was picked; empty for a repository"),
    Column("language", pa.string(), "of the occurrence that was picked", True),
    Column("licence", pa.string(), "of the occurrence that was picked", True),
    Column("size_bytes", pa.int64(), "of the text"),
    Column("token_estimate", pa.int64(), "see decide/features"),
)
_SPLIT = Column("split", pa.string(), "train or held_out")
_SPLIT_IS_KNOWN = Check("split_is_known", "split in ('train', 'held_out')")
_SURVIVOR = Column("survivor", pa.string(), "the candidate that stands in its place, where it is a near-duplicate or contained", True)

GATES = Table(
    name="decide/gates",
    meaning="what the cheap rules and the groups of duplicates leave: those without a reason are what expensive annotators look at",
    columns=(
        *_JUDGED,
        Column("gates_hash", pa.string(), "of the policy's values that were asked here: all but those on quality"),
        _SPLIT,
        Column("reasons", pa.list_(pa.string()), "sorted; empty for what passes"),
        _SURVIVOR,
    ),
    key=("kind", "candidate", "policy"),
    checks=(_SPLIT_IS_KNOWN,),
)

CUTS = Table(
    name="decide/cuts",
    meaning="the scores below which a share of the files lay when it was asked first: frozen, until a new cut is asked for",
    columns=(
        Column("policy", pa.string(), "the profile's name"),
        Column("scorer", pa.string(), "version of annotate/scores"),
        Column("drop_worst", pa.float64(), "the share that was asked for"),
        Column("scope", pa.string(), "all: one cut; language: each language has its own"),
        Column("language", pa.string(), "empty for all languages together, and for those with too few files of their own"),
        Column("min_score_percent", pa.int64(), "least score that is kept"),
        Column("file_count", pa.int64(), "files of the population"),
        Column("below_count", pa.int64(), "of them, below the cut"),
        Column("population", pa.string(), "what was counted"),
    ),
    key=("policy", "scorer", "drop_worst", "scope", "language"),
    checks=(Check("score_is_in_range", "min_score_percent between 0 and 100"),),
)

_VERDICT = (
    *_JUDGED,
    Column("policy_hash", pa.string(), "of the profile's values"),
    Column("scorer", pa.string(), "version of annotate/scores that was asked; null where quality was not judged", True),
    Column("score_percent", pa.int64(), "0 to 100, by that scorer; null for what does not pass the gates", True),
    Column("least_score_percent", pa.int64(), "what the policy asked of it; null where nothing was", True),
)

KEPT = Table(
    name="decide/kept",
    meaning="candidates that the policy keeps",
    columns=(*_VERDICT, _SPLIT),
    key=("kind", "candidate", "policy"),
    checks=(_SPLIT_IS_KNOWN,),
)

DROPPED = Table(
    name="decide/dropped",
    meaning="candidates that the policy drops, each with every reason that applied",
    columns=(
        *_VERDICT,
        Column("reasons", pa.list_(pa.string()), "sorted; never empty"),
        _SURVIVOR,
    ),
    key=("kind", "candidate", "policy"),
    checks=(Check("has_a_reason", "size(reasons) > 0"),),
)

HIGH_QUALITY = Table(
    name="decide/high_quality",
    meaning="what the classifiers of the high-quality sets say of each kept file that a set may have",
    columns=(
        Column("kind", pa.string(), "as in decide/kept; file"),
        Column("candidate", pa.string(), "as in decide/kept"),
        Column("policy", pa.string(), "the profile's name"),
        Column("set", pa.string(), "a name of jobs.decide.high_quality_sets"),
        Column("percent", pa.int64(), "how like the set's positives it is, by the model of the last round"),
        Column("is_member", pa.bool_(), "whether that is enough, and the file is in the set"),
        Column("round", pa.int64(), "the first round whose model found it; null where none did", True),
        Column("models", pa.string(), "hash of the set's rule and of the models of its rounds"),
    ),
    key=("kind", "candidate", "policy", "set"),
    checks=(Check("percent_is_in_range", "percent between 0 and 100"),),
)

HIGH_QUALITY_MODELS = Table(
    name="decide/high_quality_models",
    meaning="the classifiers behind the sets, one per round: frozen, until they are asked for anew; or why a set has none",
    columns=(
        Column("policy", pa.string(), "the profile's name"),
        Column("set", pa.string(), "a name of jobs.decide.high_quality_sets"),
        Column("round", pa.int64(), "from 1; 0 where no model could be trained"),
        Column("rule_hash", pa.string(), "of the set's rule and of what trains it: another rule trains another model"),
        Column("reason", pa.string(), "why there is none: few_seeds or few_negatives; null where there is", True),
        Column("model", pa.binary(), "as fastText writes it", True),
        Column("model_hash", pa.string(), "of the model", True),
        Column("least_percent", pa.int64(), "what a member must reach"),
        Column("card", pa.string(), "JSON: what it was trained on, and what the round gained"),
    ),
    key=("policy", "set", "round"),
    writer="delta-rs",  # models of megabytes, which the driver holds
)
