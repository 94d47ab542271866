"""A scorer of pages, from a crawl to verdicts: labels, a small model, the worker, and pages that are out because of their score."""

import importlib.metadata
import json
import shutil
from collections import Counter

import pytest

from gpu_scoring.population import passes
from jobs import demo_site
from jobs.cli import main
from jobs.decide.policy import with_changes
from jobs.decide.profiles import profile
from jobs.report.facts import collect
from schemas.annotate import SCORES
from schemas.decide import DROPPED, FEATURES, GATES, KEPT
from schemas.lake import SCORERS, Lake
from tests.web_archives import by_record, http, record

MODULES = [
    "abc", "argparse", "ast", "bisect", "calendar", "csv", "dataclasses", "enum", "fractions", "functools", "glob", "heapq", "html",
    "inspect", "json", "logging", "numbers",
]  # fmt: skip
SMALL = ["--window", "64", "--hidden-size", "32", "--layers", "1", "--vocabulary-size", "400", "--threads", "1", "--quiet"]


def site():
    """A part of the demo's sites: documentation of some modules, descriptions and licences of some distributions."""
    found, pages_of_modules = {}, demo_site.module_pages()
    for name in sorted(pages_of_modules.keys() & MODULES):
        found[f"docs.{name}.example"] = {
            "/": demo_site.index(name, ["/module.html"]),
            "/module.html": pages_of_modules[name].encode(),
        }
    for one in sorted(importlib.metadata.distributions(), key=lambda one: one.name.lower()):
        pages = dict(demo_site.distribution_pages(one))
        if len(pages) > 1 and len(found) < 80:
            found[f"{one.name.lower().replace('_', '-')}.example"] = {"/": demo_site.index(one.name, sorted(pages)), **pages}
    return found


@pytest.fixture(scope="module")
def crawl(tmp_path_factory):
    """What wget makes of the sites; where there is none, the same responses."""
    target = tmp_path_factory.mktemp("crawl") / "crawl.warc.gz"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_site, "sites", site)
        if shutil.which("wget"):
            assert demo_site.crawl(target)
            return target
    records = [record(f"http://{host}{path}", http(body)) for host, pages in site().items() for path, body in pages.items()]
    target.write_bytes(by_record(records))
    return target


def verdicts(lake):
    """By content key of a page: its reasons, its score and the least that was asked of it."""
    rows = [row | {"reasons": []} for row in lake.read(KEPT).to_pylist()] + lake.read(DROPPED).to_pylist()
    names = ("reasons", "score_percent", "least_score_percent")
    return {row["candidate"]: tuple(row[name] for name in names) for row in rows if row["kind"] == "page"}


def counted(found):
    return Counter(reason for reasons, _, _ in found.values() for reason in reasons), sum(not reasons for reasons, _, _ in found.values())


def test_pages_are_rated_by_a_scorer_that_learned_from_labels_of_pages(crawl, tmp_path, capsys):
    lake, folder = Lake.at(str(tmp_path / "lake")), tmp_path / "page-scorer"
    given = ["--lake", lake.root, "--quiet"]
    assert main(["run", *given, "--archive", str(crawl), "--until", "decide.gates", "--policy", "page_quality=scorer"]) == 0
    assert main(["decide", *given, "--policy", "page_quality=scorer"]) == 1
    assert "no scorer of pages has scored this lake" in capsys.readouterr().err
    assert main(["label", "--kind", "page", *given, "--count", "2000"]) == 0
    assert main(["train-scorer", "--kind", "page", "--lake", lake.root, "--out", str(folder), "--epochs", "2", *SMALL]) == 0
    card = (folder / "README.md").read_text()
    assert "It scores pages and nothing else" in card and "| kind of site | pages |" in card
    capsys.readouterr()
    assert main(["score", "--kind", "file", *given, "--model", str(folder)]) == 2
    assert "scores pages, as its card says. Expected a scorer of files" in capsys.readouterr().err

    assert main(["run", *given, "--archive", str(crawl), "--until", "decide.verdicts", "--page-scorer", str(folder)]) == 0
    passing = set(lake.read(GATES, ["candidate"], passes("demo", "page")).column(0).to_pylist())
    (version,) = {row["version"] for row in lake.read(SCORES).to_pylist()}
    assert lake.read_json(f"{SCORERS}/{version}.json")["kind"] == "page"
    scores = {row["content_sha256"]: row["score_percent"] for row in lake.read(SCORES).to_pylist()}
    assert scores.keys() == passing and len(passing) > 30
    features = {row["candidate"]: row for row in lake.read(FEATURES).to_pylist() if row["kind"] == "page"}
    policy = with_changes(profile("demo"), {"page_quality": "scorer"})

    def expected(policy, key):
        least = dict(policy.min_page_quality_by_category).get(features[key]["page_category"], policy.min_page_quality_percent)
        return ["low_page_quality"] if scores[key] < least else []

    # A limit between the scores, so that some pages are out by their score and others stay.
    middle = sorted(scores.values())[len(scores) // 2]
    changes = {"min_page_quality_percent": str(middle), "min_page_quality.documentation": str(middle + 1)}

    def check(policy):
        found = verdicts(lake)
        assert found.keys() == features.keys()
        assert {key: found[key][:2] for key in passing} == {key: (expected(policy, key), scores[key]) for key in passing}
        assert all(reasons and percent is None for key, (reasons, percent, _) in found.items() if key not in passing)
        return found

    check(policy)
    told = [part for change in changes.items() for part in ("--policy", "=".join(change))]
    assert main(["decide", *given, "--page-scorer", str(folder), *told]) == 0
    found = check(with_changes(policy, changes))
    reasons, kept = counted(found)
    assert reasons["low_page_quality"] > 5 and kept > 5

    # What-if foresees it, from the policy of before and from that of the models.
    what_if = [part for change in changes.items() for part in ("--what-if", "=".join(change))]
    capsys.readouterr()
    for options in (["--page-scorer", str(folder), *what_if], ["--what-if", "page_quality=scorer", *what_if]):
        assert main(["decide", *given, "--json", *options]) == 0
        pages = json.loads(capsys.readouterr().out)["pages"]
        assert (pages["what_if"]["reasons"], pages["what_if"]["kept"]) == (dict(sorted(reasons.items())), kept)
        assert pages["scorer"] == version

    report = collect(lake.root).pages
    assert report.judge.startswith(f"scorer {version}, which learned from rubric")
    assert (
        sum(kind.scored for kind in report.kinds) == len(passing) and sum(kind.low for kind in report.kinds) == reasons["low_page_quality"]
    )
    low = next(key for key, (why, _, _) in sorted(found.items()) if why == ["low_page_quality"])
    assert main(["explain", low, "--lake", lake.root]) == 0
    said = capsys.readouterr().out
    assert f"rated by scorer {version}" in said and f": {scores[low]} %; at least {found[low][2]} % was asked" in said

    # Without a scorer it is the models of pages again, and the counts are those of what-if.
    assert main(["decide", *given, "--json", "--page-scorer", str(folder), "--what-if", "page_quality=models"]) == 0
    foreseen = json.loads(capsys.readouterr().out)["pages"]["what_if"]
    assert main(["decide", *given]) == 0
    reasons, kept = counted(verdicts(lake))
    assert (dict(reasons), kept) == (foreseen["reasons"], foreseen["kept"])
    assert "stand-in" in collect(lake.root).pages.judge
