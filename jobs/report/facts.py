"""All that the report says, as plain values."""

import posixpath
from dataclasses import dataclass

from jobs.report.commits import Commits, collect_commits
from jobs.report.duplicate_groups import LargeGroup, collect_largest
from jobs.report.duplicate_pairs import Pairs, collect_pairs
from jobs.report.duplicates import Groups, Removed, collect_groups, collect_removed, find_grouping
from jobs.report.examples import Example, ReasonExamples, ReasonRejects, collect_dropped, collect_kept, collect_rejects
from jobs.report.funnel import Funnel, SizeBin, collect_funnel, collect_sizes
from jobs.report.languages import Language, collect_languages
from jobs.report.mixtures import Mixtures, collect_mixtures
from jobs.report.pages import Pages, collect_pages
from jobs.report.probe import Probe, collect_probe
from jobs.report.quality import Quality, collect_quality
from jobs.report.repositories import Repositories, collect_repositories
from jobs.report.runs import JobRun, collect_runs
from jobs.report.syntax import Syntax, collect_syntax
from jobs.report.tables import LakeTables, Missing
from jobs.report.tokens import Shards, SplitTokens, collect_shards, collect_tokens
from jobs.report.verdicts import Policy, find_policy
from schemas.lake import Lake


@dataclass(frozen=True)
class ReportFacts:
    """One value per section of the page; `Missing` where the lake does not have what it needs.

    `pairs` are None where the parameters of the search are not known, `quality` where no scorer was asked, `commits`
    where no history was kept, `pages` where no archive was read.
    """

    lake_name: str
    policy: Policy | None
    funnel: Funnel
    runs: tuple[JobRun, ...] | Missing
    languages: tuple[Language, ...] | Missing
    sizes: tuple[SizeBin, ...] | Missing
    syntax: Syntax | Missing
    groups: Groups | Missing
    removed: Removed | Missing
    pairs: Pairs | Missing | None
    largest: tuple[LargeGroup, ...] | Missing
    repositories: Repositories | Missing
    quality: Quality | Missing | None
    commits: Commits | Missing | None
    pages: Pages | Missing | None
    kept: tuple[Example, ...] | Missing
    dropped: tuple[ReasonExamples, ...] | Missing
    rejects: tuple[ReasonRejects, ...] | Missing
    tokens: tuple[SplitTokens, ...] | Missing
    mixtures: Mixtures | Missing
    shards: Shards | Missing
    probe: Probe | Missing


def collect(lake_path: str) -> ReportFacts:
    """Raises `LakeError` where there is no lake, `ContractError` where a table is not as declared.

    `lake_name` is the last part of the path, so that the page does not depend on where the lake lies.
    """
    lake = Lake.at(lake_path)
    tables = LakeTables(lake)
    policy, grouping = find_policy(tables), find_grouping(tables)
    return ReportFacts(
        lake_name=posixpath.basename(posixpath.normpath(lake.root)),
        policy=policy,
        funnel=collect_funnel(tables, policy),
        runs=collect_runs(tables),
        languages=collect_languages(tables, policy),
        sizes=collect_sizes(tables, policy),
        syntax=collect_syntax(tables),
        groups=collect_groups(tables, grouping),
        removed=collect_removed(tables, policy),
        pairs=collect_pairs(tables, grouping),
        largest=collect_largest(tables, grouping, policy),
        repositories=collect_repositories(tables, policy),
        quality=collect_quality(tables, policy),
        commits=collect_commits(tables, policy),
        pages=collect_pages(tables, policy),
        kept=collect_kept(tables, policy),
        dropped=collect_dropped(tables, policy),
        rejects=collect_rejects(tables),
        tokens=collect_tokens(tables, policy),
        mixtures=collect_mixtures(tables),
        shards=collect_shards(tables, policy),
        probe=collect_probe(tables),
    )
