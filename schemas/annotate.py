"""Tables of the phase annotate: what we know of what was ingested. An annotator never removes."""

import pyarrow as pa

from schemas.table import Check, Column, Table

_VERSION = Column("version", pa.string(), "annotator version: hash of its code version, libraries and parameters")

TEXT_FACTS = Table(
    name="annotate/text_facts",
    meaning="cheap facts of a text, whatever its language; a row annotator",
    columns=(
        Column("content_sha256", pa.string(), "key of ingest/contents"),
        _VERSION,
        Column("line_count", pa.int64(), "line feeds, plus one where the last line has none"),
        Column("longest_line_bytes", pa.int64(), "without its line feed"),
        Column(
            "alphanumeric_share",
            pa.float64(),
            "ASCII letters and digits, and bytes of non-ASCII characters, as a share of all bytes; 0 where empty",
        ),
        Column("has_generated_mark", pa.bool_(), "a comment near the top says that a program wrote the file"),
    ),
    key=("content_sha256", "version"),
    checks=(Check("share_is_a_share", "alphanumeric_share between 0 and 1"),),
)

SYNTAX_STATUSES = ("parsed", "no_grammar", "timeout", "crashed", "too_large")

SYNTAX = Table(
    name="annotate/syntax",
    meaning="how much of a text tree-sitter could not parse, per language that the text occurs as; a row annotator",
    columns=(
        Column("content_sha256", pa.string(), "key of ingest/contents"),
        Column("language", pa.string(), "as in ingest/files"),
        _VERSION,
        Column("status", pa.string(), "parsed, no_grammar, timeout, crashed or too_large; all facts but the first are null"),
        Column("error_bytes_share", pa.float64(), "bytes inside ERROR nodes as a share of all bytes", True),
        Column("error_node_count", pa.int64(), "ERROR nodes, outermost only", True),
        Column("missing_node_count", pa.int64(), "nodes that the parser had to invent", True),
        Column("comment_share", pa.float64(), "bytes of comments as a share of all bytes", True),
        Column("parse_us", pa.int64(), "processor time of the parse in microseconds", True),
    ),
    key=("content_sha256", "language", "version"),
    checks=(
        Check("status_is_known", "status in ('parsed', 'no_grammar', 'timeout', 'crashed', 'too_large')"),
        Check("error_is_a_share", "error_bytes_share is null or error_bytes_share between 0 and 1"),
    ),
    timings=("parse_us",),
)

IMPORTS = Table(
    name="annotate/imports",
    meaning="what a text imports, per language that it occurs as (Python, Java, C, C++, CUDA); a row annotator",
    columns=(
        Column("content_sha256", pa.string(), "key of ingest/contents"),
        Column("language", pa.string(), "as in ingest/files"),
        _VERSION,
        Column("imports", pa.list_(pa.string()), "in the order of the text, each once, in the words of udfs/imports.py"),
        Column("is_cut", pa.bool_(), "whether there are more than are listed"),
    ),
    key=("content_sha256", "language", "version"),
)

SIGNATURES = Table(
    name="annotate/signatures",
    meaning="MinHash signature of a text's token shingles, whatever its language; a row annotator",
    columns=(
        Column("content_sha256", pa.string(), "key of ingest/contents"),
        _VERSION,
        Column("shingle_count", pa.int64(), "shingles of tokens, repetitions counted; 0 where the text has no token"),
        Column("signature", pa.binary(), "little-endian uint32, one per hash; null where the text has no token", True),
        Column("node", pa.int64(), "64-bit hash of the signature, the name of all texts that have it; null where the signature is", True),
    ),
    key=("content_sha256", "version"),
    writer="delta-rs",
)

DUPLICATES = Table(
    name="annotate/duplicates",
    meaning="groups of near-duplicate texts; a corpus annotator, whose table holds one version",
    columns=(
        Column("content_sha256", pa.string(), "key of ingest/contents"),
        _VERSION,
        Column("node", pa.int64(), "the texts of one signature; as in annotate/signatures, and a hash of the key where that is null"),
        Column("component_id", pa.int64(), "least node that it is connected with; the node itself where nothing is like it"),
        Column("group_id", pa.int64(), "least node of the group, its centre: the component_id, unless the group was cut off as too far"),
        Column("group_size", pa.int64(), "contents in the group"),
        Column(
            "centre_similarity", pa.float64(), "estimated Jaccard similarity to the centre; far below the threshold at the end of a chain"
        ),
    ),
    key=("content_sha256", "version"),
    checks=(Check("has_members", "group_size > 0"),),
)

DUPLICATE_PAIRS = Table(
    name="annotate/duplicate_pairs",
    meaning="pairs of signatures that met and were near the threshold or above it: what the groups are made of; one version",
    columns=(
        Column("a", pa.int64(), "a node, less than b"),
        Column("b", pa.int64(), "a node"),
        _VERSION,
        Column("component_id", pa.int64(), "of a"),
        Column("similarity", pa.float64(), "Jaccard similarity of the shingle sets, estimated or true"),
        Column("is_true", pa.bool_(), "whether the sets were compared, because the estimate was too near the threshold"),
        Column("is_duplicate", pa.bool_(), "whether the similarity reaches the threshold: an edge of the groups"),
    ),
    key=("a", "b", "version"),
)

REPOSITORY_DUPLICATES = Table(
    name="annotate/repository_duplicates",
    meaning="repositories that are alike, or lie in another one; a corpus annotator, whose table holds one version",
    columns=(
        Column("repository", pa.string(), "key of ingest/repositories; one without files has no row"),
        _VERSION,
        Column("content_count", pa.int64(), "distinct contents of its files"),
        Column("content_hash", pa.string(), "SHA-256 of their sorted keys one after the other: equal where the contents are"),
        Column("group_count", pa.int64(), "groups of annotate/duplicates that its files are in"),
        Column("group_id", pa.int64(), "name of the group of repositories that are alike, directly or through others"),
        Column("group_size", pa.int64(), "repositories in the group"),
        Column(
            "container", pa.string(), "the repository of another group, larger than its own, that holds most of it; null for none", True
        ),
        Column("container_group", pa.int64(), "group_id of the container", True),
        Column("containment", pa.float64(), "share of its groups that the container has too", True),
    ),
    key=("repository", "version"),
    checks=(
        Check("has_members", "group_size > 0 and group_count > 0 and content_count >= group_count"),
        Check("container_is_whole", "(container is null) = (container_group is null) and (container is null) = (containment is null)"),
        Check("containment_is_a_share", "containment is null or containment between 0 and 1"),
        Check("container_is_another_group", "container_group is null or container_group <> group_id"),
    ),
)

REPOSITORY_PAIRS = Table(
    name="annotate/repository_pairs",
    meaning="pairs of repositories whose sets of groups were compared; of repositories with one set, the first by name stands for all",
    columns=(
        Column("smaller", pa.string(), "the repository with fewer groups"),
        Column("larger", pa.string(), "the other one"),
        _VERSION,
        Column("smaller_count", pa.int64(), "groups of annotate/duplicates that its files are in"),
        Column("larger_count", pa.int64(), "the same of the larger one"),
        Column("shared_count", pa.int64(), "groups that both are in"),
        Column("similarity", pa.float64(), "Jaccard similarity of the two sets of groups"),
        Column("containment", pa.float64(), "share of the smaller one's groups that the larger one has"),
        Column("is_duplicate", pa.bool_(), "whether the similarity reaches the threshold"),
    ),
    key=("smaller", "larger", "version"),
    checks=(Check("smaller_is_smaller", "smaller_count <= larger_count and shared_count <= smaller_count"),),
)

COMMIT_FACTS = Table(
    name="annotate/commit_facts",
    meaning="what tells commits worth learning from others; a row annotator",
    columns=(
        Column("repository", pa.string(), "key of ingest/commits"),
        Column("commit", pa.string(), "key of ingest/commits"),
        _VERSION,
        Column("flags", pa.list_(pa.string()), "sorted; names of udfs.commits.FLAGS that hold"),
        Column(
            "patch_hash", pa.string(), "names what is changed, wherever it is applied: equal for cherry-picks; null without a line", True
        ),
        Column("patch_bytes", pa.int64(), "of the patch without lines of context; null where it was not made", True),
    ),
    key=("repository", "commit", "version"),
)

PAGE_MODELS = Table(
    name="annotate/page_models",
    meaning="models that judge pages, trained once on this lake and then frozen, or brought by the user",
    columns=(
        Column("name", pa.string(), "what a run asks for; `default` where it asks for nothing"),
        Column("model_hash", pa.string(), "of the three models, the threshold, and how they are applied"),
        Column("origin", pa.string(), "trained or given"),
        Column("relevance_model", pa.binary(), "fastText: whether a page is about code"),
        Column("category_model", pa.binary(), "fastText: the category of its site"),
        Column("quality_model", pa.binary(), "fastText: the rating of the oracle, a class per whole one"),
        Column("threshold_percent", pa.int32(), "relevance_percent from which a page is taken to be about code"),
        Column("recall_wanted", pa.float64(), "that the threshold was chosen for, on the validation hosts"),
        Column("train_hosts", pa.int64(), "hosts that taught"),
        Column("validation_hosts", pa.int64(), "hosts that chose the threshold and measured"),
        Column("train_pages", pa.int64(), "pages that taught"),
        Column("card_json", pa.string(), "what it was trained on and how good it is"),
        Column("card_markdown", pa.string(), "the same for people"),
    ),
    key=("name",),
    checks=(Check("threshold_is_a_percent", "threshold_percent between 0 and 100"),),
)

PAGE_JUDGEMENTS = Table(
    name="annotate/page_judgements",
    meaning="what models say of a page by the words of its title and text; a row annotator",
    columns=(
        Column("record", pa.string(), "key of ingest/pages"),
        _VERSION,
        Column("content_sha256", pa.string(), "key of ingest/contents"),
        Column(
            "relevance_percent", pa.int32(), "0 to 100, rises with the odds that it is about code; the threshold is in annotate/page_models"
        ),
        Column("category", pa.string(), "of the page's site, by this page alone: one of udfs.page_categories.CATEGORIES"),
        Column("category_percent", pa.int32(), "how sure the classifier is, 0 to 100"),
        Column("quality_percent", pa.int32(), "0 to 100: the oracle's rating as predicted, times ten"),
    ),
    key=("record", "version"),
    checks=(
        Check("are_percents", "relevance_percent between 0 and 100 and category_percent between 0 and 100"),
        Check("quality_is_a_percent", "quality_percent between 0 and 100"),
    ),
)

PAGE_HOSTS = Table(
    name="annotate/page_hosts",
    meaning="of what kind a host's site is: the category of most of its pages, by how sure these are; a corpus annotator of one version",
    columns=(
        Column("host", pa.string(), "as in ingest/pages"),
        _VERSION,
        Column("page_count", pa.int64(), "pages of the host that were judged"),
        Column("category", pa.string(), "with the largest sum of category_percent; of equal ones the first by name"),
        Column("category_share", pa.float64(), "of that sum in the sum of all categories"),
    ),
    key=("host", "version"),
    checks=(Check("has_pages", "page_count > 0"), Check("share_is_a_share", "category_share between 0 and 1")),
)

LABEL_STATUSES = ("rated", "unusable", "failed")

LABELS = Table(
    name="annotate/labels",
    meaning="what an oracle said of the quality of a text: what a scorer is trained on",
    columns=(
        Column("content_sha256", pa.string(), "key of ingest/contents"),
        Column("language", pa.string(), "as in ingest/files; `(page)` of a page"),
        Column("kind", pa.string(), "as what the text was shown: file or page"),
        Column("version", pa.string(), "hash of the oracle, its prompt or rules, and what it is shown"),
        Column("turn", pa.int64(), "0; 1 and more where the same oracle is asked again, to see whether it agrees with itself"),
        Column("oracle", pa.string(), "`rubric`, or `judge MODEL`"),
        Column("status", pa.string(), "rated, unusable (an answer without one clear rating) or failed (no answer)"),
        Column("score", pa.float64(), "0 to 10; null unless rated", True),
        Column("is_relevant", pa.bool_(), "of a page: whether it is about code; null where that was left open", True),
        Column("category", pa.string(), "of a page: the kind of its site; null where that was left open", True),
        Column("reason", pa.string(), "why 0 where the rubric's zero policy applies; why unusable or failed", True),
        Column("explanation", pa.string(), "what was said beside the rating", True),
        Column("answer", pa.string(), "the raw answer of a judge", True),
        Column("prompt_tokens", pa.int64(), "as the endpoint counted them", True),
        Column("answer_tokens", pa.int64(), "as the endpoint counted them", True),
        Column("attempts", pa.int64(), "requests that were made for it; 0 without an endpoint"),
    ),
    key=("content_sha256", "language", "version", "turn"),
    checks=(
        Check("kind_is_known", "kind in ('file', 'page')"),
        Check("status_is_known", "status in ('rated', 'unusable', 'failed')"),
        Check("score_where_rated", "(status = 'rated') = (score is not null)"),
        Check("score_is_in_range", "score is null or score between 0 and 10"),
    ),
    writer="delta-rs",
)

SCORES = Table(
    name="annotate/scores",
    meaning="the score that a scorer gives a text; a row annotator that runs outside Spark",
    columns=(
        Column("content_sha256", pa.string(), "key of ingest/contents"),
        Column(
            "version",
            pa.string(),
            "hash of the model, its configuration, tokenizer, window and offset; and -bf16 where that was its precision",
        ),
        Column(
            "score_percent",
            pa.int32(),
            "0 to 100: the oracle's rating as predicted, times ten; whole, so that other devices seldom differ, and then by one; null where"
            " the model gives the text no finite number",
            True,
        ),
        Column("token_count", pa.int64(), "tokens that were read, the end of the document among them"),
        Column("is_truncated", pa.bool_(), "whether the text is longer than the window: its first tokens were scored"),
    ),
    key=("content_sha256", "version"),
    checks=(Check("score_is_in_range", "score_percent is null or score_percent between 0 and 100"), Check("has_tokens", "token_count > 0")),
    writer="delta-rs",
)
