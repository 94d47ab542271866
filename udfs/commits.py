"""What a commit says of itself: facts that tell changes worth learning from those that are not. Over messages and paths; no git.

The report says nothing of this; the choices and their shares on real histories are in docs/decisions/0012.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

VERSION = 3
MOST_PATHS = 100
MOST_LINES = 2_000

FLAGS = {
    "merge": "it has several parents: what it changed stands in other commits",
    "revert": "its message says that it takes back another one",
    "bot": "a program wrote it",
    "poor_message": "its message has fewer than two words, or says nothing of what changed",
    "no_changes": "it changes no file",
    "renames_only": "it renames files or changes modes, and no line",
    "binary_only": "git sees no text in what it changes",
    "vendored_only": "all its paths are other people's code, or made by a program",
    "data_only": "all its paths are lock files or data",
    "oversized": f"it changes more than {MOST_PATHS} paths or {MOST_LINES:,} lines, or its patch is too large to be looked at",
    "submodules_only": "it moves submodules and nothing else",
    "formatting_only": "it changes nothing but white space, or files whose syntax trees stay the same",
    "secret": "its message, or a line that it adds or removes, holds what looks like a key",
    "unreadable": "its patch cannot be made: an object is corrupt or missing",
}

_BOT = re.compile(
    r"\[bot\]|\b(?:dependabot|renovate|greenkeeper|pyup|snyk|github-actions|pre-commit-ci|mergify|bors|weblate|transifex)\b|-bot\b|\bbot@",
    re.I,
)
_REVERT = re.compile(r'\s*(?:Revert\s+"|Revert\s+[0-9a-f]{7,}|This reverts commit [0-9a-f]{7,})', re.I)
_TRAILER = re.compile(r"^(?:[A-Z][A-Za-z-]+-by|Change-Id|Reviewed-on|Cc|Bug|git-svn-id|Co-authored-by):.*$", re.M | re.I)
# Chinese and Japanese have no spaces: two characters are about a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]{2}|[^\W\d_\u3040-\u30ff\u3400-\u9fff]{2,}")
# What says nothing of what changed, whatever stands beside it being of the same kind.
_EMPTY_WORDS = frozenset(re.findall(r"\w+", """
    wip tmp temp todo update updates updated fix fixes fixed minor misc cleanup cleanups clean change changes changed more stuff test tests
    commit initial init first version bump release merge branch of into from the and some small code file files work save checkpoint again
    final done ok typo typos tweak tweaks edit edits added add remove removed refactor main
    master dev develop trunk
"""))  # fmt: skip
_VENDORED = re.compile(
    r"(?:^|/)(?:vendor|vendored|_vendor|third[_-]?party|thirdparty|node_modules|bower_components|external|externals|dist|build|generated|"
    r"site-packages|Godeps|Pods|Carthage)/|\.min\.(?:js|css)$|_pb2(?:_grpc)?\.py$|\.pb\.(?:go|cc|h)$|\.generated\.\w+$|(?:^|/)configure$",
    re.I,
)
_DATA = re.compile(
    r"(?:^|/)(?:package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|Cargo\.lock|Gemfile\.lock|poetry\.lock|Pipfile\.lock|uv\.lock|"
    r"composer\.lock|go\.sum|flake\.lock|mix\.lock|pubspec\.lock|gradle\.lockfile)$|"
    r"\.(?:lock|csv|tsv|po|pot|mo|svg|json|jsonl|geojson|xml|plist|dat|log|ipynb|snap|out|map|sum|png|jpe?g|gif|ico|pdf|woff2?|ttf)$",
    re.I,
)
_SECRET = re.compile(
    rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----|\bA[KS]IA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|"
    rb"\bgithub_pat_[A-Za-z0-9_]{22,}|\bglpat-[A-Za-z0-9_-]{20,}|\bnpm_[A-Za-z0-9]{36}\b|\bpypi-AgEI[A-Za-z0-9_-]{50,}|"
    rb"\bhf_[A-Za-z]{34}\b|\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bAIza[0-9A-Za-z_-]{35}\b|"
    rb"\b[rs]k_live_[0-9A-Za-z]{24,}|\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{40,}|"
    rb"\beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{15,}"
)  # fmt: skip
# What each of them begins with or holds, to be looked for first: that is ten times as fast as the pattern.
_SECRET_WORDS = (
    b"PRIVATE KEY", b"AKIA", b"ASIA", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_", b"glpat-", b"npm_", b"pypi-AgEI", b"hf_",
    b"SG.", b"xox", b"AIza", b"k_live_", b"sk-", b"eyJ",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChangedPath:
    """status as in ingest/commits; lines are None where git sees a binary file."""

    status: str
    path: str
    old_mode: str
    new_mode: str
    old_blob: str | None
    new_blob: str | None
    added_lines: int | None
    deleted_lines: int | None


def is_vendored_or_data(path: str) -> bool:
    """Whether a path tells of other people's code, of what a program made, of a lock file or of data."""
    return bool(_VENDORED.search(path) or _DATA.search(path))


def is_bot(name: str, email: str) -> bool:
    return bool(_BOT.search(name) or _BOT.search(email))


def has_poor_message(message: str) -> bool:
    """Whether, trailers aside, fewer than two words are left, or none that says something."""
    words = [word.lower() for word in _WORD.findall(_TRAILER.sub("", message))]
    return len(words) < 2 or all(word in _EMPTY_WORDS for word in words)


def flags_of_facts(parents: int, is_by_bot: bool, message: str, changes: Sequence[ChangedPath], change_count: int) -> list[str]:
    """The flags that need no patch, in the order of FLAGS."""
    lines = sum((one.added_lines or 0) + (one.deleted_lines or 0) for one in changes)
    found = {
        "merge": parents > 1,
        "revert": bool(_REVERT.match(message)),
        "bot": is_by_bot,
        "poor_message": has_poor_message(message),
        "no_changes": change_count == 0,
        "oversized": change_count > MOST_PATHS or lines > MOST_LINES,
    }
    if changes:
        found |= {
            "renames_only": all(
                one.status in ("renamed", "copied", "mode") and not lines_of(one) and one.added_lines is not None for one in changes
            ),
            "binary_only": all(one.added_lines is None for one in changes),
            "vendored_only": all(_VENDORED.search(one.path) for one in changes),
            "data_only": all(_DATA.search(one.path) for one in changes),
            "submodules_only": all("160000" in (one.old_mode, one.new_mode) for one in changes),
        }
    return [name for name in FLAGS if found.get(name)]


def lines_of(one: ChangedPath) -> int:
    return (one.added_lines or 0) + (one.deleted_lines or 0)


def has_secret(text: bytes) -> bool:
    """Whether a message, a patch or a file holds a key, of the kinds that can be told from other text.

    What a patch removes counts: a model would be asked to find it in the file, and it stands in the history for good.
    """
    return any(word in text for word in _SECRET_WORDS) and _SECRET.search(text) is not None
