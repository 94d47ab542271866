"""The languages that commits change, by the names of the changed paths: their texts stay in git."""

from dataclasses import dataclass

from jobs.report.languages import NO_LANGUAGE, SHOWN_LANGUAGES
from jobs.report.tables import LakeTables, literal, literals
from schemas.assemble import COMMIT_CONTEXTS
from udfs.language_table import NAMES
from udfs.languages import language_of

ENDINGS = 1_000  # the most frequent ones are looked at, so that the queries stay small whatever the lake holds
WHOLE_NAMES = sorted({name.lower() for names in NAMES.values() for name in names.split()})

# A path's ending is its last two suffixes, or its whole name where that has none or alone tells the language.
PATHS = f"""
    select repository, "commit", lines,
        case when name in {literals(WHOLE_NAMES)} then name else regexp_replace(name, '^.+?((\\.[^.]+)(\\.[^.]+)?)$', '\\1') end as ending
    from (select repository, "commit", regexp_replace(lower(change['path']), '^.*/', '') as name,
              coalesce(change['added_lines'], 0) + coalesce(change['deleted_lines'], 0) as lines
          from (select repository, "commit", unnest(changes) as change from ingest_commits))"""


@dataclass(frozen=True)
class CommitLanguage:
    """Commits that change a path of it, those of them with a document of any layout, and the lines that they add and delete in it.

    A commit that changes several languages counts in each.
    """

    name: str
    commits: int
    documents: int
    lines: int


def collect_commit_languages(tables: LakeTables) -> tuple[CommitLanguage, ...]:
    """Most commits first. `ingest/commits` is there."""
    endings = tables.rows(f"select ending, count(*) as n from ({PATHS}) group by ending order by n desc, ending limit {ENDINGS}")
    if not endings:
        return ()
    known = {row["ending"]: language_of(row["ending"], b"") or NO_LANGUAGE for row in endings}
    pairs = ", ".join(f"({literal(ending)}, {literal(language)})" for ending, language in known.items())
    documents = 'select distinct repository, "commit" from assemble_commit_contexts where reason is null'
    joined = f'left join ({documents}) d on c.repository = d.repository and c."commit" = d."commit"'
    has_documents = tables.has(COMMIT_CONTEXTS)
    rows = tables.rows(f"""
        select c.language as name, count(*) as commits, sum(c.lines) as lines, {'count(d."commit")' if has_documents else "0"} as documents
        from (select repository, "commit", language, sum(lines) as lines
              from ({PATHS}) p join (values {pairs}) as known(ending, language) on p.ending = known.ending
              group by repository, "commit", language) c
        {joined if has_documents else ""}
        group by c.language order by commits desc, name limit {SHOWN_LANGUAGES}""")
    return tuple(CommitLanguage(**row) for row in rows)
