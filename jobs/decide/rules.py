"""The rules of a policy, over Arrow batches of `decide/features`. No Spark: `decide.verdicts` and what-if call the same function.

A rule says for each occurrence, or for each candidate, whether it fails. A candidate is kept if no rule of its own fails and one of its
occurrences fails none; the first such occurrence is picked, else the first. A dropped candidate carries every reason that applies to it
and to its picked occurrence.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.decide import page_rules, quality, survivors
from jobs.decide.page_quality import LOW_PAGE_QUALITY
from jobs.decide.policy import Policy
from udfs.commits import FLAGS

Mask = np.ndarray
Columns = Callable[[str], pa.Array]


@dataclass(frozen=True)
class Rule:
    """`fails(policy, column)` gives a mask of rows; `column(name)` is a field of an occurrence, or a column of the features.

    A rule is asked of candidates of its kinds only.
    """

    reason: str
    meaning: str
    fails: Callable[[Policy, Columns], Mask | None]
    kinds: tuple[str, ...] = ("file",)


IN_REPOSITORIES = ("file", "repository", "commit")
TEXTS = ("file", "page")
PAGE = ("page",)
ALL = ("file", "repository", "commit", "page")


def _true(array: pa.Array) -> Mask:
    return np.asarray(pc.fill_null(array, False), dtype=bool)


def _below(policy: Policy, column: Columns, name: str, limit: int | None) -> Mask | None:
    if limit is None:
        return None
    values = column(name)
    return _true(pc.fill_null(pc.less(values, limit), not policy.keep_unknown_repository_facts))


def _language_not_wanted(policy: Policy, column: Columns) -> Mask | None:
    if not policy.languages:
        return None
    language = column("language")
    return _true(pc.and_(pc.is_valid(language), pc.invert(pc.is_in(language, value_set=pa.array(policy.languages, pa.string())))))


def _syntax_errors(policy: Policy, column: Columns) -> Mask | None:
    if policy.max_error_share is None:
        return None
    limits = dict(policy.max_error_share_by_language)
    languages = column("language").dictionary_encode()
    by_code = [limits.get(name, policy.max_error_share) for name in languages.dictionary.to_pylist()] + [policy.max_error_share]
    codes = np.asarray(pc.fill_null(languages.indices, len(by_code) - 1))
    limit = np.array(by_code)[codes]
    share = np.asarray(pc.fill_null(column("error_bytes_share"), -1.0))
    # A missing semicolon is an error without bytes: where nothing is allowed, nodes count and not their bytes.
    has_flaw = np.asarray(pc.fill_null(column("syntax_flaw_count"), 0)) > 0
    return np.asarray((share > limit) | (has_flaw & (limit == 0)))


def _status_is(*statuses: str) -> Callable[[Policy, Columns], Mask]:
    return lambda policy, column: _true(pc.is_in(column("syntax_status"), value_set=pa.array(statuses)))


def _contaminated(policy: Policy, column: Columns) -> Mask | None:
    if not policy.drop_contaminated:
        return None
    return _true(pc.greater(column("contamination_count"), 0)) & ~_true(column("is_held_out"))


def _not_compared(policy: Policy, column: Columns) -> Mask | None:
    if not policy.drop_contaminated:
        return None
    is_missing = pc.and_(pc.greater(column("benchmark_count"), 0), pc.is_null(column("contamination_count")))
    return _true(is_missing) & ~_true(column("is_held_out"))


def _has_flag(flag: str) -> Callable[[Policy, Columns], Mask | None]:
    def fails(policy: Policy, column: Columns) -> Mask | None:
        if flag not in policy.drop_commits:
            return None
        lists = column("flags")
        rows = pc.list_parent_indices(lists).filter(pc.equal(pc.list_flatten(lists), flag))
        mask = np.zeros(len(lists), bool)
        mask[np.asarray(rows)] = True
        return mask

    return fails


OCCURRENCE_RULES = (
    Rule("few_stars", "the repository has fewer stars than min_stars", lambda p, c: _below(p, c, "stars", p.min_stars), IN_REPOSITORIES),
    Rule("few_forks", "the repository has fewer forks than min_forks", lambda p, c: _below(p, c, "forks", p.min_forks), IN_REPOSITORIES),
    Rule(
        "few_commits",
        "the repository has fewer commits than min_commits",
        lambda p, c: _below(p, c, "commits", p.min_commits),
        IN_REPOSITORIES,
    ),
    Rule(
        "short_maintenance",
        "the repository was maintained for fewer days than min_maintained_days",
        lambda p, c: _below(p, c, "maintained_days", p.min_maintained_days),
        IN_REPOSITORIES,
    ),
    Rule("unknown_language", "no language by path or shebang", lambda p, c: _true(pc.is_null(c("language")))),
    Rule("language_not_wanted", "the language is not among the policy's", _language_not_wanted),
    Rule("syntax_errors", "more bytes in error nodes than max_error_share allows", _syntax_errors),
    Rule("parser_failed", "the parser hung, crashed or was given too much", _status_is("timeout", "crashed", "too_large")),
    Rule("no_grammar", "no grammar for the language", lambda p, c: None if p.keep_without_grammar else _status_is("no_grammar")(p, c)),
    Rule(
        "not_evaluated",
        "an annotator that the policy needs has not seen it",
        lambda p, c: _true(pc.and_(pc.is_valid(c("language")), pc.is_null(c("syntax_status")))),
    ),
)

CANDIDATE_RULES = (
    Rule(
        "empty",
        "shorter than min_size_bytes",
        lambda p, c: None if p.min_size_bytes is None else _true(pc.less(c("size_bytes"), p.min_size_bytes)),
        ("file", "repository", "page"),
    ),
    Rule(
        "too_long",
        "longer than max_size_bytes",
        lambda p, c: None if p.max_size_bytes is None else _true(pc.greater(c("size_bytes"), p.max_size_bytes)),
        TEXTS,
    ),
    Rule(
        "long_line",
        "a line longer than max_longest_line_bytes",
        lambda p, c: None if p.max_longest_line_bytes is None else _true(pc.greater(c("longest_line_bytes"), p.max_longest_line_bytes)),
    ),
    Rule(
        "few_alphanumerics",
        "a smaller share of letters and digits than min_alphanumeric_share",
        lambda p, c: None if p.min_alphanumeric_share is None else _true(pc.less(c("alphanumeric_share"), p.min_alphanumeric_share)),
        TEXTS,
    ),
    Rule("generated", "says that a program wrote it", lambda p, c: None if p.keep_generated else _true(c("has_generated_mark"))),
    Rule("not_evaluated", "an annotator that the policy needs has not seen it", lambda p, c: _true(pc.invert(c("has_text_facts"))), TEXTS),
    Rule(
        "not_evaluated",
        "an annotator that the policy needs has not seen it",
        lambda p, c: _true(pc.is_null(c("duplicate_group"))) if p.deduplicate else None,
        ALL,
    ),
    Rule("contaminated", "shares ten words in a row with a benchmark", _contaminated, TEXTS),
    Rule("not_evaluated", "an annotator that the policy needs has not seen it", _not_compared, TEXTS),
    *(Rule(flag, meaning, _has_flag(flag), ("commit",)) for flag, meaning in FLAGS.items()),
    Rule("few_words", "the page has fewer words outside code than min_page_words", page_rules.few_words, PAGE),
    Rule("mostly_links", "a larger share of the page's words is inside links than max_page_link_share", page_rules.mostly_links, PAGE),
    Rule("repetitive", "a larger share of the page's lines stood in it before than max_page_repeated_share", page_rules.repetitive, PAGE),
    Rule("mostly_teasers", "a larger share of the page's lines ends in dots than max_page_cut_line_share", page_rules.mostly_teasers, PAGE),
    Rule("irrelevant", "the page has no code tags, and is not about code by the models of pages", page_rules.irrelevant, PAGE),
    Rule("not_evaluated", "an annotator that the policy needs has not seen it", page_rules.not_judged, PAGE),
    Rule(LOW_PAGE_QUALITY, "the page is rated below what the policy asks of its kind of site", page_rules.low_page_quality, PAGE),
    Rule("not_sampled", "of its kind of site the policy takes a share only, and the draw left it out", page_rules.not_sampled, PAGE),
)

REASONS = {rule.reason: rule.meaning for rule in (*OCCURRENCE_RULES, *CANDIDATE_RULES)} | survivors.REASONS | quality.REASONS


@dataclass(frozen=True)
class Verdicts:
    """Of each candidate: the picked occurrence, as a position among all of the batch, and the reasons, sorted, empty where kept."""

    picked: np.ndarray
    reasons: pa.ListArray

    @property
    def is_kept(self) -> Mask:
        return np.asarray(pc.list_value_length(self.reasons)) == 0


def flat_occurrences(features: pa.RecordBatch) -> pa.StructArray:
    return features.column("occurrences").flatten()


def judge(policy: Policy, features: pa.RecordBatch) -> Verdicts:
    """Applies all rules to a batch of `decide/features`. Every candidate has at least one occurrence."""
    flat = flat_occurrences(features)
    lengths = np.asarray(pc.list_value_length(features.column("occurrences"))).astype(np.int64)
    starts = np.cumsum(lengths) - lengths
    kinds = features.column("kind")
    of_occurrences = kinds.take(pa.array(np.repeat(np.arange(features.num_rows), lengths)))
    by_occurrence = _masks(OCCURRENCE_RULES, policy, of_occurrences, lambda name: pc.struct_field(flat, name))
    failed = np.zeros(len(flat), bool)
    for mask in by_occurrence.values():
        failed |= mask
    picked = _first_passing(failed, starts)
    masks = {reason: mask[picked] for reason, mask in by_occurrence.items()}
    for reason, mask in _masks(CANDIDATE_RULES, policy, kinds, features.column).items():
        masks[reason] = masks.get(reason, False) | mask
    return Verdicts(picked, _reason_lists(masks, features.num_rows))


def _masks(rules: tuple[Rule, ...], policy: Policy, kinds: pa.Array, column: Columns) -> dict[str, Mask]:
    """By reason, which rows fail a rule that is asked of their kind."""
    asked = {rule.kinds: _true(pc.is_in(kinds, value_set=pa.array(rule.kinds))) for rule in rules}
    found: dict[str, Mask] = {}
    for rule in rules:
        mask = rule.fails(policy, column)
        if mask is not None:
            found[rule.reason] = found.get(rule.reason, False) | (mask & asked[rule.kinds])
    return found


def _first_passing(failed: Mask, starts: np.ndarray) -> np.ndarray:
    if not len(starts):
        return starts
    position = np.where(failed, len(failed), np.arange(len(failed)))
    first = np.minimum.reduceat(position, starts)
    return np.where(first == len(failed), starts, first)


def _reason_lists(masks: dict[str, Mask], rows: int) -> pa.ListArray:
    names = sorted(masks)
    table = np.array([masks[name] for name in names], bool).reshape(len(names), rows).T
    row, code = np.nonzero(table)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=rows))])
    values = pa.array(names, pa.string()).take(pa.array(code))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)
