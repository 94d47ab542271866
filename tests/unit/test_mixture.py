import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobs.decide.high_quality_sets import SETS
from jobs.decide.profiles import PROFILES
from jobs.mix.recipes import RECIPES, recipe
from jobs.mix.sequences import JOB as SEQUENCES_JOB
from jobs.mix.sequences import SequencesParams
from jobs.pipeline import parameters
from jobs.runtime.errors import UsageError
from udfs.mixture import (
    KINDS,
    LONG_FILE_BYTES,
    MixtureError,
    Phase,
    Share,
    Stock,
    check_phase,
    lot_number,
    note,
    rate_for,
    solve,
    whole_and_rest,
)

TWO = Phase("two", 8, 0.0, (Share("file", 0.75, max_epochs=4), Share("page", 0.25, max_epochs=2)))
STOCKS = st.integers(1, 10**9).map(lambda tokens: Stock(1 + tokens // 1000, tokens))


@pytest.mark.parametrize("phase", RECIPES.values(), ids=lambda phase: phase.name)
def test_built_in_recipes_contradict_nothing(phase: Phase) -> None:
    check_phase(phase)


def test_without_a_total_as_much_is_taken_as_the_first_limit_leaves() -> None:
    file, page = solve(TWO, [Stock(10, 1000), Stock(10, 300)])
    assert (page.tokens, page.epochs, page.is_limit) == (600, 2, True)
    assert (file.tokens, file.epochs, file.is_limit) == (1800, 1.8, False)


@given(st.lists(st.tuples(STOCKS, st.integers(1, 20), st.floats(0.1, 8)), min_size=1, max_size=6), st.floats(0.01, 1))
def test_tokens_are_in_the_shares_that_were_asked_for_and_no_limit_is_passed(lots: list[tuple[Stock, int, float]], part: float) -> None:
    weights = [weight for _, weight, _ in lots]
    shares = tuple(Share("file", weight / sum(weights), f"{n}", epochs) for n, (_, weight, epochs) in enumerate(lots))
    stocks = [stock for stock, _, _ in lots]
    most = solve(Phase("all", 8, 0, shares), stocks)
    total = int(part * sum(wish.tokens for wish in most))
    assume(total)
    wishes = solve(Phase("some", 8, 0, shares, total), stocks)
    assert sum(wish.tokens for wish in wishes) == pytest.approx(total)
    for wish, share in zip(wishes, shares, strict=True):
        assert wish.tokens == pytest.approx(share.share * total)
        assert wish.epochs <= share.max_epochs * (1 + 1e-6)
        whole, rest = whole_and_rest(wish)
        assert whole * wish.stock.tokens + rest == pytest.approx(wish.tokens) and 0 <= rest <= wish.stock.tokens * (1 + 1e-6)
    assert any(wish.is_limit for wish in most)


def test_what_is_missing_is_told_with_every_limit_that_binds() -> None:
    phase = Phase("two", 8, 0.0, TWO.shares, 10_000)
    with pytest.raises(MixtureError) as error:
        solve(phase, [Stock(10, 1000), Stock(10, 300)])
    assert str(error.value) == (
        "there is not enough for 10,000 tokens by the recipe 'two'; 2,400 can be had:\n"
        "  file: 7,500 tokens are asked for; 1,000 tokens at most 4 times are 4,000\n"
        "  page: 2,500 tokens are asked for; 300 tokens at most 2 times are 600"
    )


def test_a_kind_without_documents_is_an_error_or_left_out() -> None:
    with pytest.raises(MixtureError, match="asks for page, of which there is nothing"):
        solve(TWO, [Stock(10, 1000), Stock()])
    file, page = solve(TWO, [Stock(10, 1000), Stock()], leave_out_empty=True)
    assert (file.share, file.tokens, page.tokens, page.epochs) == (1, 4000, 0, 0)
    with pytest.raises(MixtureError, match="asks for file, page"):
        solve(TWO, [Stock(), Stock()], leave_out_empty=True)


@pytest.mark.parametrize(
    ("phase", "fault"),
    [
        (Phase("p", 8, 0, (Share("file", 0.5), Share("page", 0.4))), "its shares add up to 0.9; expected 1"),
        (Phase("p", 8, 0, (Share("fil", 1.0),)), "there is no kind 'fil'"),
        (Phase("p", 8, 1.5, (Share("file", 1.0),)), "its fim_rate is 1.5"),
        (Phase("p", 0, 0, (Share("file", 1.0),)), "its window is 0 tokens"),
        (Phase("p", 8, 0, (Share("file", 1.0),), packing="tight"), "its packing is 'tight'"),
        (Phase("p", 8, 0, (Share("file", 1.0, max_epochs=0),)), "its max_epochs is 0"),
        (Phase("p", 8, 0, (Share("file", float("nan")),)), "it is nan"),
        (Phase("p", 8, 0, (Share("file", 1.0, by="language", within=(("C", 0.8), ("Java", 0.3))),)), "at most 1 together"),
        (Phase("p", 8, 0, (Share("file", 1.0, within=(("C", 0.8),)),)), "it is divided by ''"),
        (Phase("p", 8, 0, (Share("file", 1.0, by="language", within=(("it's", 0.8),)),)), "has a quote"),
        (Phase("p", 8, 0, (Share("file", 0.5), Share("file", 0.5))), "two of its shares are called alike"),
        (Phase("p", 8, 0, (Share("file"),), total_tokens=5), "it takes everything once"),
        (Phase("p", 8, 0, (Share("file", 1.0),), total_tokens=0), "total_tokens is 0; at least 1"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_told_what_is_wrong(phase: Phase, fault: str) -> None:
    with pytest.raises(MixtureError, match="cannot be used") as error:
        check_phase(phase)
    assert fault in str(error.value)


DOCUMENTS = [
    ("file", "train", "C", "r", 10, None),
    ("file", "train", "C", "r", 90, 80),
    ("file", "train", None, "r", 10, 75),
    ("file", "train", None, "r", 90, None),
    ("file", "held_out", None, "r", 10, None),
    ("page", "train", None, "docs.example.org", 10, None),
    ("page", "train", None, "other.example.org", 10, None),
    ("commit", "train", None, "r", 10, None),
]


def lots_of(phase: Phase) -> list[str | None]:
    """The label of each document's lot, as another engine understands the SQL."""
    connection = sqlite3.connect(":memory:")
    connection.execute("create table d (kind, split, language, repository, size_bytes, score_percent)")
    connection.executemany("insert into d values (?, ?, ?, ?, ?, ?)", DOCUMENTS)
    labels = [lot.label for lot in phase.lots]
    return [None if n is None else labels[n] for (n,) in connection.execute(f"select {lot_number(phase)} from d order by rowid")]


def test_a_document_belongs_to_the_first_share_that_it_fits() -> None:
    good = Share("file", 0.4, "good", least_score_percent=70)
    long = Share("file", 0.2, "long", least_bytes=50)
    pages = Share("page", 0.4, by="repository", within=(("docs.example.org", 0.9),))
    found = lots_of(Phase("p", 8, 0, (good, long, pages)))
    assert found == [None, "good", "good", "long", "good", "page: docs.example.org", "page: others", None]


def test_what_a_share_leaves_to_nobody_is_not_taken() -> None:
    only = Share("file", 1.0, by="language", within=(("C", 1.0),))
    assert lots_of(Phase("p", 8, 0, (only,))) == ["file: C", "file: C", None, None, "file: C", None, None, None]


def test_a_share_of_sets_takes_members_of_any_and_divided_each_takes_its_own() -> None:
    documents = [(number, sets) for number, sets in enumerate([",algorithms,general,", ",general,", None, ",generals,", ",notebooks,"])]

    def labels(phase: Phase) -> list[str | None]:
        connection = sqlite3.connect(":memory:")
        connection.execute("create table d (number, sets, kind default 'file', split default 'train')")
        connection.executemany("insert into d (number, sets) values (?, ?)", documents)
        names = [lot.label for lot in phase.lots]
        rows = connection.execute(f"select {lot_number(phase)} from d order by number")
        return [None if n is None else names[n] for (n,) in rows]

    divided = Phase("p", 8, 0, (Share("file", 1.0, "good", by="set", within=(("algorithms", 0.5), ("general", 0.5))),))
    check_phase(divided)
    assert divided.sets == ("algorithms", "general")
    assert labels(divided) == ["good: algorithms", "good: general", None, None, None]
    chosen = Phase("p", 8, 0, (Share("file", 0.5, "good", sets=("algorithms", "notebooks")), Share("file", 0.5, "rest")))
    assert chosen.sets == ("algorithms", "notebooks") and labels(chosen) == ["good", "rest", "rest", "rest", "good"]
    with pytest.raises(MixtureError, match="has a quote"):
        check_phase(Phase("p", 8, 0, (Share("file", 1.0, sets=("it's",)),)))


def test_the_second_phase_takes_the_high_quality_sets_long_context_commits_and_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    phase = recipe("continued")
    assert phase.window == 32_768 and set(phase.sets) == set(SETS)
    assert {share.kind for share in phase.shares} == set(KINDS) and any(share.least_bytes == LONG_FILE_BYTES for share in phase.shares)
    monkeypatch.setitem(RECIPES, "odd", Phase("odd", 8, 0, (Share("file", 1.0, sets=("agorithms",)),)))
    with pytest.raises(UsageError, match=r"names the sets agorithms\. There are: major_languages, algorithms"):
        recipe("odd")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("RECIPE = 'regular'", "sets RECIPE to str; expected a udfs.mixture.Phase"),
        ("", "sets RECIPE to NoneType"),
        ("RECIPE = Phase()", "cannot be run: NameError"),
        ("RECIPE = (", "cannot be run: SyntaxError"),
    ],
)
def test_a_recipe_of_ones_own_is_a_python_file(text: str, told: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text('from udfs.mixture import Phase, Share\nRECIPE = Phase("mine", 64, 0.25, (Share("file", 1.0, max_epochs=3),))\n')
    assert recipe(str(mine)) == Phase("mine", 64, 0.25, (Share("file", 1.0, max_epochs=3),))
    assert SequencesParams(recipe=str(mine), window=128).phase().window == 128
    mine.write_text(text)
    with pytest.raises(UsageError, match=told):
        recipe(str(mine))
    with pytest.raises(UsageError, match="there is no such file"):
        recipe(str(tmp_path / "none.py"))


@pytest.mark.parametrize(
    ("phase", "told"),
    [
        ('Phase("p", 64, 0.5, (Share("file", 1.0)))', r"its shares is Share\(.*\); expected a tuple, also of one: \(ONE,\) with a comma"),
        ('Phase("p", 64, 0.5, ())', "it has no shares"),
        ('Phase("p", "64", 0.5, (Share("file", 1.0),))', "its window is '64'; expected a whole number"),
        ('Phase("p", 64, 0.5, (Share("file", 1.0),), "9")', "its total_tokens is '9'; expected a whole number, or None"),
        ('Phase("p", 64, 0.5, ("file",))', "among its shares is 'file'; expected a Share"),
        ('Phase("p", 64, 0.5, (Share("file", "1"),))', "share 'file': its share is '1'; expected a number"),
        (
            'Phase("p", 64, 0.5, (Share("file", 1.0, by="language", within=(("C", .5))),))',
            r"its within is \('C', 0.5\); expected names",
        ),
        ('Phase("p", 64, 0.5, (Share("file", 1.0, sets=("general")),))', "its sets is 'general'; expected a tuple"),
        (
            'Phase("p", 64, 0.5, (Share("file", 1.0, by="language", within=(("none", .1), ("pyhton", .5), ("Esperanto", .1))),))',
            r"share 'file': 'pyhton'; is Python meant\?\n.*'Esperanto'; docs/languages.md lists all",
        ),
        ('Phase("p", 64, 0.5, (Share("file", 1.0, least_bytes=-5),))', "its least_bytes is -5; expected 0 or more"),
        ('Phase("p", 64, 0.5, (Share("file", 1.0, least_score_percent=500),))', "its least_score_percent is 500; expected 0 to 100"),
    ],
)
def test_what_a_recipe_of_ones_own_has_wrong_is_told(phase: str, told: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(f"from udfs.mixture import Phase, Share\nRECIPE = {phase}\n")
    with pytest.raises(UsageError, match=told):
        SequencesParams(recipe=str(mine)).phase()


def test_the_window_of_a_recipe_is_that_of_every_profile_that_uses_it(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text('from udfs.mixture import Phase, Share\nRECIPE = Phase("mine", 64, 0.25, (Share("file"),))\n')
    for profile in PROFILES:
        assert parameters(SEQUENCES_JOB, profile, {"recipe": str(mine)}).phase().window == 64


DRAWS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 1000)), min_size=1, max_size=40)


@given(DRAWS, st.floats(0, 1))
def test_no_other_rate_comes_nearer_to_what_is_wanted(documents: list[tuple[float, int]], part: float) -> None:
    draws, tokens = np.array([draw for draw, _ in documents]), np.array([count for _, count in documents])
    wanted = part * tokens.sum()
    rate, taken = rate_for(draws, tokens, wanted)
    assert taken == tokens[draws < rate].sum()
    assert all(abs(taken - wanted) <= abs(tokens[draws < other].sum() - wanted) for other in [*draws.tolist(), 1.0])


@given(DRAWS, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_wish_takes_what_a_smaller_one_took(documents: list[tuple[float, int]], one: float, other: float) -> None:
    draws, tokens = np.array([draw for draw, _ in documents]), np.array([count for _, count in documents])
    low, high = (rate_for(draws, tokens, part * tokens.sum())[0] for part in sorted((one, other)))
    assert low <= high


def test_a_lot_of_few_large_documents_says_why_it_misses_its_share() -> None:
    phase = Phase("p", 8, 0, (Share("file", 1.0),), 150)
    (wish,) = solve(phase, [Stock(2, 200)])
    assert note(wish, 150) == "" and note(wish, 200).startswith("+33.3% off: a document is taken whole, and its 2 have 100 tokens")
