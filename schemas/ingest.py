"""Tables of the phase ingest: what was fetched, as it was fetched."""

import pyarrow as pa

from schemas.table import Check, Column, Table

REPOSITORIES = Table(
    name="ingest/repositories",
    meaning="one row per repository: its newest snapshot and what is known of it; an unknown fact is null",
    columns=(
        Column("repository", pa.string(), "`source-kind:name`, or the name that a manifest or a table gives; never an absolute path"),
        Column("source_kind", pa.string(), "folder, git, archive or table"),
        Column("commit", pa.string(), "commit id of the snapshot, where it comes from git", True),
        Column("history", pa.string(), "path of the git bundle that holds its history, relative to the lake", True),
        Column("stars", pa.int64(), "as the source gives it", True),
        Column("forks", pa.int64(), "as the source gives it", True),
        Column("commits", pa.int64(), "commits reachable from the snapshot's commit", True),
        Column(
            "maintained_days", pa.int64(), "days between first and last commit (or first and last activity, as the source gives it)", True
        ),
        Column("licence", pa.string(), "as the source gives it", True),
        Column("file_count", pa.int64(), "entries of the snapshot that became rows of ingest/files"),
        Column("reject_count", pa.int64(), "entries of the snapshot that became rows of ingest/rejects"),
        Column("size_bytes", pa.int64(), "raw bytes of its files"),
    ),
    key=("repository",),
)

FILES = Table(
    name="ingest/files",
    meaning="where a content occurs: one row per file of a repository's newest snapshot",
    columns=(
        Column("repository", pa.string(), "key of ingest/repositories"),
        Column("path", pa.string(), "inside the repository, `/` between parts; bytes that are not UTF-8 written as \\xNN"),
        Column("content_sha256", pa.string(), "key of ingest/contents"),
        Column("raw_sha256", pa.string(), "of the bytes before decoding, lower-case hex"),
        Column("git_blob_id", pa.string(), "where the file comes from git", True),
        Column("encoding", pa.string(), "what the bytes were decoded from: utf-8, utf-8-sig, utf-16-le, utf-16-be, ..."),
        Column("size_bytes", pa.int64(), "of the raw bytes"),
        Column("language", pa.string(), "one of the report's 89, by path and shebang; null where none fits", True),
        Column("origin", pa.string(), "source that it was read from, key of bookkeeping/fingerprints: tables may share a repository"),
    ),
    key=("repository", "path"),
)

CONTENTS = Table(
    name="ingest/contents",
    meaning="one row per distinct text; exact deduplication is its key",
    columns=(
        Column("content_sha256", pa.string(), "lower-case hex SHA-256 of the text as UTF-8"),
        Column("text", pa.string(), "decoded, byte-order mark removed, line ends untouched"),
        Column("size_bytes", pa.int64(), "of the text as UTF-8"),
    ),
    key=("content_sha256",),
    writer="delta-rs",
)

REJECTS = Table(
    name="ingest/rejects",
    meaning="what could not be read, and why: one row per entry of a source that is in no other table",
    columns=(
        Column("source", pa.string(), "repository, or the source as it was named where no repository could be made of it"),
        Column("locator", pa.string(), "path, line or range inside the source; empty for the source as a whole"),
        Column("reason", pa.string(), "one word of a fixed set: binary, too_large, symlink, submodule, lfs_pointer, corrupt, ..."),
        Column("detail", pa.string(), "what was found, for a person"),
        Column("size_bytes", pa.int64(), "where it is known", True),
        Column("origin", pa.string(), "source that was being read, key of bookkeeping/fingerprints"),
    ),
    key=("source", "locator"),
)

CHANGE = pa.struct(
    [
        pa.field("status", pa.string(), False),
        pa.field("path", pa.string(), False),
        pa.field("old_path", pa.string()),
        pa.field("old_mode", pa.string(), False),
        pa.field("new_mode", pa.string(), False),
        pa.field("old_blob", pa.string()),
        pa.field("new_blob", pa.string()),
        pa.field("added_lines", pa.int64()),
        pa.field("deleted_lines", pa.int64()),
    ]
)

COMMITS = Table(
    name="ingest/commits",
    meaning="one row per commit of a history that the lake keeps; old versions of files stay in git",
    columns=(
        Column("repository", pa.string(), "key of ingest/repositories"),
        Column("commit", pa.string(), "id in hex"),
        Column("parents", pa.list_(pa.string()), "ids; the first is the one that it is compared with"),
        Column("author_time", pa.int64(), "seconds since 1970; null where git cannot read it", True),
        Column("committer_time", pa.int64(), "seconds since 1970; null where git cannot read it", True),
        Column("author_hash", pa.string(), "first 16 hex digits of the SHA-256 of the author's address: who, without a name"),
        Column("is_bot", pa.bool_(), "whether the author's name or address is that of a program"),
        Column("message", pa.string(), "bytes that are not UTF-8 written as \\xNN; no line feed at its end"),
        Column(
            "changes",
            pa.list_(CHANGE),
            "status: added, modified, deleted, renamed, copied, mode or type; lines are null where a file is binary or over 16 MiB",
        ),
        Column("change_count", pa.int64(), "paths that changed, however many are listed"),
        Column("flaw", pa.string(), "unreadable, many_changes or long_message: what is not as it was in git", True),
    ),
    key=("repository", "commit"),
)

HISTORIES = Table(
    name="ingest/histories",
    meaning="one row per history whose commits are in ingest/commits, or why they are not",
    columns=(
        Column("repository", pa.string(), "key of ingest/repositories"),
        Column("commit", pa.string(), "the newest commit that was read"),
        Column("commit_count", pa.int64(), "commits that it reaches"),
        Column("reason", pa.string(), "why the history could not be read: corrupt; null where it was", True),
        Column("detail", pa.string(), "what was found, for a person", True),
    ),
    key=("repository",),
)

PAGES = Table(
    name="ingest/pages",
    meaning="one row per response of a web archive that is a page with text; its text, as it was extracted, is in ingest/contents",
    columns=(
        Column("record", pa.string(), "WARC-Record-ID without brackets and `urn:uuid:`; `ARCHIVE#OFFSET` where the record has none"),
        Column("archive", pa.string(), "name of the archive, as it was given"),
        Column("offset_bytes", pa.int64(), "where the record starts in the archive as it lies (compressed, where it is)"),
        Column("url", pa.string(), "WARC-Target-URI; bytes that are not UTF-8 written as \\xNN"),
        Column("host", pa.string(), "of the URL, lower case, without port; what is held out, split and judged together"),
        Column("canonical_url", pa.string(), "what the page names as its address", True),
        Column("fetched_time", pa.int64(), "WARC-Date, seconds since 1970; null where it cannot be read", True),
        Column("http_status", pa.int64(), "of the response; null where the archive holds no HTTP (resource, conversion)", True),
        Column("media_type", pa.string(), "as the header says, or as the body looks"),
        Column("charset", pa.string(), "what the body was decoded from, in lower case"),
        Column("html_bytes", pa.int64(), "of the body after transfer and content encodings"),
        Column("content_sha256", pa.string(), "key of ingest/contents"),
        Column("extractor", pa.string(), "version of what made the text"),
        Column("title", pa.string(), "empty where there is none"),
        Column("html_language", pa.string(), "as the page says, such as en or de-CH", True),
        Column("is_truncated", pa.bool_(), "whether the archive holds less of the page than was sent, or says so"),
        Column("has_code_tags", pa.bool_(), "whether <pre> or <code> holds text: the report's two streams"),
        Column("code_block_count", pa.int64(), "fenced blocks of the text"),
        Column("code_bytes", pa.int64(), "inside its blocks and inline code"),
        Column("code_languages", pa.list_(pa.string()), "sorted, as the page names them, in lower case"),
        Column("word_count", pa.int64(), "runs of visible characters outside code blocks"),
        Column("link_word_count", pa.int64(), "of them, inside links"),
        Column("repeated_share", pa.float64(), "bytes of lines that stood in the page before, as a share of those outside code blocks"),
        Column("cut_line_share", pa.float64(), "lines that end in dots as a share of those outside code blocks"),
    ),
    key=("record",),
    checks=(
        Check("links_are_words", "link_word_count between 0 and word_count"),
        Check("code_is_bytes", "code_bytes >= 0"),
        Check("lines_are_shares", "repeated_share between 0 and 1 and cut_line_share between 0 and 1"),
    ),
)

FINGERPRINTS = Table(
    name="bookkeeping/fingerprints",
    meaning="by what an unchanged source is recognised and skipped; not data: a lake without it gives the same tables, later",
    columns=(
        Column("source", pa.string(), "the source as it was named"),
        Column(
            "fingerprint",
            pa.string(),
            "hash of the commit, or of paths, sizes and times, and of the reader's version and options; empty while it is read, and where "
            "it has to be read again",
        ),
        Column("location", pa.string(), "where it lay: an absolute path or an address"),
    ),
    key=("source",),
    writer="delta-rs",
)
