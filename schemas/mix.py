"""Tables of the phase mix: what the trainer reads, and what it is made of."""

import pyarrow as pa

from schemas.table import Column, Table

TOKENIZERS = Table(
    name="mix/tokenizers",
    meaning="tokenizers, trained once on this lake and then frozen, or brought by the user",
    columns=(
        Column("name", pa.string(), "what a run asks for; `default` where it asks for nothing"),
        Column("tokenizer_sha256", pa.string(), "of tokenizer_json"),
        Column("tokenizer_json", pa.string(), "as the tokenizers library writes it"),
        Column("vocabulary_size", pa.int64(), "with special tokens"),
        Column("origin", pa.string(), "trained or given"),
        Column("sample_documents", pa.int64(), "that it was trained on; 0 where given"),
        Column("sample_bytes", pa.int64(), "that it was trained on; 0 where given"),
    ),
    key=("name",),
)

# A piece is a run of one document's tokens inside one sequence. Pieces of a sequence follow each other without gap.
PIECE = pa.struct(
    [
        pa.field("kind", pa.string(), False),
        pa.field("candidate", pa.string(), False),
        pa.field("token_offset", pa.int64(), False),  # of the piece inside its document
        pa.field("token_count", pa.int64(), False),  # the document's end token, if the piece holds it, included
        pa.field("text_bytes", pa.int64(), False),  # UTF-8 bytes that the piece's tokens stand for
        pa.field("is_fim", pa.bool_(), False),  # whether the document was filled in the middle: suffix, prefix, middle
        pa.field("epoch", pa.int32(), False),  # 0 where the document is read for the first time, 1 the second ...
        pa.field("text_hash", pa.string(), False),  # first 16 digits of the SHA-256 of the document's text
        pa.field("language", pa.string(), False),  # of the document; `none` where it is unknown
    ]
)

SEQUENCES = Table(
    name="mix/sequences",
    meaning="packed token sequences: the truth of which mix/shards is an export",
    columns=(
        Column("sequence", pa.string(), "`<mixture>/<split>/<hash_group>/<position>`"),
        Column("mixture", pa.string(), "name of what was mixed: the policy's name, unless it was given one"),
        Column("split", pa.string(), "train or held_out"),
        Column("hash_group", pa.int32(), "fixed group of documents by hash; packing never crosses it"),
        Column("position", pa.int32(), "of the sequence inside its group, from 0"),
        Column("tokens", pa.binary(), "ids, little-endian; at most the window; concatenated, only the last of a group is shorter"),
        Column("token_width_bytes", pa.int32(), "of each id in tokens: 2 where the tokenizer has at most 65,536 ids, else 4"),
        Column("pieces", pa.list_(PIECE), "documents inside, in order; their token counts add up to the ids in tokens"),
        Column("text_bytes", pa.int64(), "UTF-8 bytes that its tokens stand for: what bits per byte divides by"),
        Column("tokens_version", pa.string(), "hash of the tokenizer and of how it is applied: the same text has the same tokens"),
    ),
    key=("sequence",),
    writer="delta-rs",
    partitions=("mixture", "split", "hash_group"),
)

# A row of a shard: what a trainer reads.
SHARD_ROW = pa.schema(
    [
        pa.field("sequence", pa.string(), False),
        pa.field("tokens", pa.list_(pa.int32()), False),
        pa.field("pieces", pa.list_(PIECE), False),
        pa.field("text_bytes", pa.int64(), False),
    ]
)

# The columns of decide/kept that `kept_digest` is made of, one on a line.
KEPT_ID = ("kind", "candidate", "split")

MANIFEST = Table(
    name="mix/manifest",
    meaning="what the sequences are made of, by split, kind and language; a mixture without rows here is not finished",
    columns=(
        Column("mixture", pa.string(), "as in mix/sequences"),
        Column("policy", pa.string(), "whose kept documents were mixed"),
        Column("policy_hash", pa.string(), "of the policy's values when they were mixed"),
        Column("kept_digest", pa.string(), "of the keys and splits that the policy kept then, whatever the recipe took of them"),
        Column("sequences_hash", pa.string(), "of all that the sequences are made of and by: where it is the same, they are the same"),
        Column("recipe", pa.string(), "by which they were mixed (jobs/mix/recipes.py)"),
        Column("packing", pa.string(), "concatenate or best_fit"),
        Column("window", pa.int64(), "tokens of a sequence, at most"),
        Column("fim_rate", pa.float64(), "share of the training documents that was asked to be filled in the middle"),
        Column("versions", pa.string(), "of the libraries that made the sequences, as JSON"),
        Column("split", pa.string(), "as in mix/sequences"),
        Column("kind", pa.string(), "as in decide/kept"),
        Column("language", pa.string(), "of the documents; `none` where it is unknown"),
        Column("document_count", pa.int64(), "documents, each as often as it is repeated"),
        Column("distinct_document_count", pa.int64(), "documents, each once"),
        Column("fim_document_count", pa.int64(), "of document_count, those that are filled in the middle"),
        Column("cut_document_count", pa.int64(), "of document_count, those that lie in more than one sequence"),
        Column("token_count", pa.int64(), "tokens, end tokens and marks included"),
        Column("text_bytes", pa.int64(), "UTF-8 bytes of their texts, each as often as it is repeated"),
        Column("epochs", pa.float64(), "how often each document that there is was taken, on average; less than 1 where only a part was"),
        Column("tokenizer_sha256", pa.string(), "as in mix/tokenizers"),
    ),
    key=("mixture", "split", "kind", "language"),
    writer="delta-rs",
)

LOTS = Table(
    name="mix/lots",
    meaning="what a recipe asked for and what was drawn; no rows where each document is taken once",
    columns=(
        Column("mixture", pa.string(), "as in mix/sequences"),
        Column("lot", pa.string(), "documents that are weighed together: a share of the recipe, or a part of it"),
        Column("recipe", pa.string(), "as in mix/manifest"),
        Column("kind", pa.string(), "as in decide/kept"),
        Column("share", pa.float64(), "of the phase's tokens, as asked for"),
        Column("max_epochs", pa.float64(), "how often a document may be taken"),
        Column("document_count", pa.int64(), "training documents that there are"),
        Column("token_count", pa.int64(), "their tokens"),
        Column("epochs", pa.float64(), "how often their tokens are to be taken"),
        Column("wanted_token_count", pa.int64(), "tokens asked for"),
        Column("taken_token_count", pa.int64(), "tokens of the documents drawn, each as often as it is taken"),
        Column("whole_epochs", pa.int64(), "how often every document is taken"),
        Column("rate", pa.float64(), "documents whose draw is below it are taken once more"),
        Column("is_limit", pa.bool_(), "whether this lot's limit on epochs is what keeps the phase from more tokens"),
        Column("note", pa.string(), "why it misses its share by more than 0.1 % of it; empty where it does not"),
    ),
    key=("mixture", "lot"),
    writer="delta-rs",
)
