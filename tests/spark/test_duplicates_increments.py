"""What an increment in the driver reads of texts: those of pairs that the last run did not compare, and no others."""

from jobs.annotate import duplicates, signatures
from jobs.annotate.duplicates import DuplicatesParams
from schemas.annotate import DUPLICATE_PAIRS, DUPLICATES, SIGNATURES
from tests.job_runs import run_job
from tests.spark.test_duplicates import SOURCES, corpus, edited, fresh, key, put, rows_of  # noqa: F401
from udfs.minhash import SignatureParams


def read_bytes(tables, texts, is_forced=False):
    """Groups the texts; how much of them was compared."""
    put(tables, texts)
    run_job(tables, signatures, SignatureParams())
    tables.account.read_bytes, tables.is_forced = 0, is_forced
    run_job(tables, duplicates, DuplicatesParams())
    return tables.account.read_bytes


def compared(tables):
    """Pairs of the contents whose texts were compared, with what was found."""
    least = {}
    for row in tables[DUPLICATES].collect():
        least[row.node] = min(row.content_sha256, least.get(row.node, row.content_sha256))
    return {(least[row.a], least[row.b]): row.similarity for row in tables[DUPLICATE_PAIRS].where("is_true").collect()}


def test_only_texts_of_new_pairs_are_read(tables):
    texts = corpus()
    first = read_bytes(tables, texts)
    before = compared(tables)
    new = [edited(SOURCES[0], share, 99) for share in (0.1, 0.15)]
    read = read_bytes(tables, [*texts, *new])
    wanted = {end for pair in compared(tables).keys() - before.keys() for end in pair}
    assert {key(text) for text in new} <= wanted
    assert 0 < read == sum(len(text.encode()) for text in [*texts, *new] if key(text) in wanted) < first / 2
    assert read_bytes(tables, texts) == 0  # of what only goes nothing is compared
    assert compared(tables) == before
    assert read_bytes(tables, texts[1:]) < first / 2  # one that stood for its node went
    assert read_bytes(tables, texts, is_forced=True) == first
    assert compared(tables) == before


def test_another_text_of_a_signature_is_compared_anew_where_it_comes_to_stand_for_it(fresh):  # noqa: F811
    """It has other shingles: a pair's similarity is another one."""
    twins = [f"{SOURCES[2]}\nown_{own} = {' '.join(map(str, range(own)))}" for own in range(9)]
    other, steps = edited(SOURCES[2], 0.1, 3), fresh("steps")
    put(steps, [*twins, other])
    run_job(steps, signatures, SignatureParams())
    nodes = {row.content_sha256: row.node for row in steps[SIGNATURES].collect()}
    most = max(set(nodes.values()), key=list(nodes.values()).count)
    first, *_, last = sorted((text for text in twins if nodes[key(text)] == most), key=key)
    found = []
    for number, present in enumerate(([last, other], [first, last, other], [last, other])):
        read_bytes(steps, present)
        read_bytes(whole := fresh(f"whole-{number}"), present)
        assert rows_of(steps, DUPLICATE_PAIRS) == rows_of(whole, DUPLICATE_PAIRS)
        found.append([*compared(steps).values()])
    assert found[0] == found[2] != found[1] and len(found[1]) == 1
