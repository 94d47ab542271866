"""Repositories: copies, forks, additions and vendored code are found by what they hold, as comparing all pairs finds them."""

import hashlib
import random
from itertools import combinations

import networkx
import pytest

from jobs.annotate import repository_duplicates
from jobs.annotate.repository_duplicates import RepositoryDuplicatesParams
from jobs.annotate.repository_pairs import MOST_HOLDERS, largest_holders
from schemas.annotate import DUPLICATES, REPOSITORY_DUPLICATES, REPOSITORY_PAIRS
from schemas.ingest import FILES
from tests.job_runs import run_job
from tests.table_rows import put_rows


def key(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


def put(tables, repositories, group_of):
    """The lake holds these repositories {name: contents} and no others; a content's group is `group_of(content)`."""
    files = [
        (name, f"{place}.py", key(content), key(content), None, "utf-8", 1, "Python", name)
        for name, contents in repositories.items()
        for place, content in enumerate([*contents, *contents[:1]])  # the first twice, at two paths
    ]
    contents = {content for held in repositories.values() for content in held}
    groups = [(key(content), "v", 0, group_of(content), group_of(content), 1, 1.0) for content in contents]
    for table, rows in ((FILES, files), (DUPLICATES, groups)):
        put_rows(tables.lake, table, rows)


def annotate(tables, params=None):
    run_job(tables, repository_duplicates, params or RepositoryDuplicatesParams())
    return {row.repository: row for row in tables[REPOSITORY_DUPLICATES].collect()}


def corpus(seed):
    """Repositories with forks, forks of forks with changes, vendoring ones, and files that everybody has."""
    draw = random.Random(seed)
    everybody = list(range(3))
    found = {}
    for number in range(12):
        base = draw.sample(everybody, 2) + [1000 * (number + 1) + i for i in range(draw.choice([1, 4, 40, 150]))]
        found[f"r{number}"] = base
        for fork in range(draw.randrange(4)):
            kept = [content for content in base if draw.random() > 0.08 * fork]
            found[f"r{number}-fork{fork}"] = (kept or base) + [draw.randrange(10**6, 10**9) for _ in range(fork * len(base) // 20)]
    for number in range(4):
        parts = draw.sample(sorted(found), 2)
        own = [10**9 + 1000 * number + i for i in range(30)]
        found[f"vendor{number}"] = own + [content for part in parts for content in found[part]]
    return {name: list(dict.fromkeys(contents)) for name, contents in found.items()}


def halved(content):
    """Two contents a group, above a number."""
    return content if content < 3 else content // 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_groups_and_containers_are_those_of_all_pairs(tables, seed):
    repositories = corpus(seed)
    put(tables, repositories, halved)
    found = annotate(tables)
    sets = {name: {halved(content) for content in contents} for name, contents in repositories.items()}
    jaccard = {(a, b): len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in combinations(sorted(sets), 2)}
    graph = networkx.Graph([pair for pair, similarity in jaccard.items() if similarity >= 0.7])
    graph.add_nodes_from(sets)
    expected = {frozenset(group) for group in networkx.connected_components(graph)}
    groups = {frozenset(b for b in found if found[b].group_id == found[a].group_id) for a in found}
    assert groups == expected
    assert any(len(group) > 1 for group in groups)

    largest = {name: max((len(sets[b]), -row.group_id) for b in sets if found[b].group_id == row.group_id) for name, row in found.items()}
    order = {name: (largest[name][0], -found[name].group_id) for name in found}
    seen = 0
    for name, row in found.items():
        assert (row.content_count, row.group_count) == (len(repositories[name]), len(sets[name]))
        assert row.content_hash == hashlib.sha256("".join(sorted(map(key, repositories[name]))).encode()).hexdigest()
        assert row.group_size == sum(found[other].group_id == row.group_id for other in found)
        able = [b for b in found if order[b] > order[name] and len(sets[b]) >= len(sets[name]) and found[b].group_id != row.group_id]
        best = max((len(sets[name] & sets[b]) / len(sets[name]) for b in able), default=0)
        assert (row.containment or 0) == (pytest.approx(best) if best >= 0.5 else 0)
        if row.container:
            assert row.container_group == found[row.container].group_id
            assert len(sets[name] & sets[row.container]) / len(sets[name]) == pytest.approx(row.containment)
            seen += row.containment >= 0.9
    assert seen


def test_a_frequent_file_makes_no_pairs_and_a_copy_among_many_is_found(tables):
    """One file in all of 300 repositories; 40 copies of one of them; one that another one vendors with 20 larger ones around it."""
    repositories = {f"r{n}": [0, *range(100 * n, 100 * n + 20)] for n in range(1, 300)}
    repositories |= {f"copy{n:02}": repositories["r7"] for n in range(40)}
    repositories |= {f"large{n}": [*range(10**6 * n, 10**6 * n + 50), *repositories["r9"]] for n in range(1, 20)}
    put(tables, repositories, lambda content: content)
    found = annotate(tables)
    assert {name for name, row in found.items() if row.group_id == found["r7"].group_id} == {"r7", *(f"copy{n:02}" for n in range(40))}
    assert {row.content_hash for name, row in found.items() if name.startswith("copy")} == {found["r7"].content_hash}
    assert found["r9"].container.startswith("large") and found["r9"].containment == 1
    assert found["r8"].container is None and found["r8"].group_size == 1
    assert tables[REPOSITORY_PAIRS].count() < 100


def test_of_a_group_that_everybody_has_only_the_largest_holders_answer(spark):
    rows = [(node, group, 10 + node) for node in range(100) for group in (7, 1000 + node)]
    found = largest_holders(spark.createDataFrame(rows, "node long, group_id long, group_count long")).collect()
    assert sorted(row.node for row in found if row.group_id == 7) == list(range(100 - MOST_HOLDERS, 100))
    assert sum(row.group_id != 7 for row in found) == 100


def test_copies_are_found_also_where_many_larger_ones_hold_all_of_both(tables):
    """Then no group answers with one of the two: it is their signatures that agree."""
    both = list(range(22))
    repositories = {"one": both[:-1], "other": both[1:]}
    repositories |= {f"large{n}": [*range(10**6 * n, 10**6 * n + 60), *both] for n in range(1, 30)}
    put(tables, repositories, lambda content: content)
    found = annotate(tables)
    assert found["one"].group_id == found["other"].group_id and found["one"].group_size == 2


def test_what_is_gone_leaves_its_group_and_nothing_is_left_of_a_lake_without_files(tables):
    put(tables, {"a": [1, 2, 3], "b": [1, 2, 3]}, lambda content: content)
    assert [row.group_size for row in annotate(tables).values()] == [2, 2]
    put(tables, {"a": [1, 2, 3]}, lambda content: content)
    assert [row.group_size for row in annotate(tables).values()] == [1]
    put(tables, {}, lambda content: content)
    assert annotate(tables) == {}
