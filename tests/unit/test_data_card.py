"""The data card says what tables and manifest hold, counted here anew, and its Croissant is read by Croissant's own library."""

import dataclasses
import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.cli import main
from jobs.mix.card_differences import differences, digest_kept
from jobs.mix.card_facts import card_facts, oracle, policy_values, without_folders
from jobs.mix.without_documents import without_documents
from schemas.assemble import COMMIT_CONTEXTS, DOCUMENTS, NOTEBOOKS, REPOSITORY_CONTEXTS
from schemas.decide import KEPT
from schemas.lake import SCORERS, Lake
from schemas.mix import SHARD_ROW
from tests.export_cases import export, sequences_of
from tests.export_readers import Reader, reader
from tests.lake_builder import POLICY, POLICY_HASH, SCORER, WINDOW, LakeRows, lake_rows
from tests.source_files import standard_library
from tests.table_rows import empty_row, put_rows
from udfs.data_card import markdown, quality
from udfs.manifest import LanguageCounts, Manifest, Split
from udfs.shards import read_manifest, write_manifest, write_shard

TOKENIZER_JSON = '{"a tokenizer": true}'
HOSTILE = "a | <b>\n# c"


@pytest.fixture(scope="module")
def rows() -> LakeRows:
    found = lake_rows(standard_library(60))
    for number, row in enumerate(found.rows["decide/kept"]):
        row["licence"] = [None, "MIT", HOSTILE][number % 3]
    for row in found.rows["mix/manifest"]:
        row["tokenizer_sha256"] = hashlib.sha256(TOKENIZER_JSON.encode()).hexdigest()
    for number, kept in enumerate(found.rows["decide/kept"][:10]):
        check = {"kind": "commit", "candidate": f"r@{number}", "layout": "commit/2", "policy": POLICY, "split": "train", "matches": []}
        reasons = [["contaminated"], ["contaminated", "near_duplicate_of_held_out"], []][min(number, 2)]
        found.add("assemble/document_checks", **check, text_hash=kept["candidate"][:16], reasons=reasons)
    found.add("assemble/document_checks", **(check | {"policy": "another", "text_hash": "0", "reasons": ["contaminated"]}))
    for row in found.rows["ledger"]:
        if row["job"] == "ingest.files":
            row["parameters"] = json.dumps({"source": ["name=/home/somebody/secret/code", "/home/somebody/other/"]})
    return found


@pytest.fixture(scope="module")
def lake(rows: LakeRows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with real shards."""
    root = rows.write(tmp_path_factory.mktemp("card") / "lake")
    folder, splits = str(root / "mix" / "shards"), {}
    for split in ("train", "held_out"):
        held = [row for row in rows.rows["mix/sequences"] if row["split"] == split]
        table = pa.Table.from_pylist([{name: row[name] for name in SHARD_ROW.names} for row in held], SHARD_ROW)
        languages = {
            row["language"]: LanguageCounts(row["document_count"], row["token_count"], row["text_bytes"])
            for row in rows.rows["mix/manifest"]
            if row["split"] == split
        }
        splits[split] = Split((write_shard(folder, f"{split}-00000.parquet", table.to_batches(), SHARD_ROW),), languages)
    sha256 = hashlib.sha256(TOKENIZER_JSON.encode()).hexdigest()
    counted = rows.rows["mix/manifest"][0]
    ties = {name: counted[name] for name in ("policy", "recipe", "packing", "kept_digest", "sequences_hash")}
    write_manifest(folder, Manifest(POLICY, POLICY_HASH, WINDOW, 257, "<|endoftext|>", sha256, splits, **ties), TOKENIZER_JSON)
    return root


@pytest.fixture(scope="module")
def croissant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with reader("croissant", tmp_path_factory.mktemp("reader")) as found:
        yield found


def test_the_card_counts_what_was_kept_and_dropped(lake: Path, rows: LakeRows) -> None:
    facts, _ = card_facts(Lake.at(str(lake)))
    kept = Counter((row["split"], row["language"] or "unknown", row["licence"] or "unknown") for row in rows.rows["decide/kept"])
    assert {(row["split"], row["language"], row["licence"]): row["candidates"] for row in facts["kept"]} == kept
    dropped = Counter(reason for row in rows.rows["decide/dropped"] for reason in row["reasons"])
    assert {row["reason"]: row["candidates"] for row in facts["dropped"]} == dropped
    by_repository = Counter(row["repository"] for row in rows.rows["decide/kept"])
    assert {row["repository"]: row["candidates"] for row in facts["repositories"]} == by_repository
    assert facts["splits"]["train"]["tokens"] == sum(len(r["tokens"]) for r in rows.rows["mix/sequences"] if r["split"] == "train")


def section(text: str, heading: str) -> str:
    return text.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_the_card_counts_documents_that_were_left_out_for_what_is_in_their_texts(lake: Path) -> None:
    facts, _ = card_facts(Lake.at(str(lake)))
    assert facts["checked"] == [{"kind": "commit", "documents": 10, "left_out": {"contaminated": 2, "near_duplicate_of_held_out": 1}}]
    facts["benchmarks"] = [{"benchmark": "HumanEval", "item_count": 164, "ignored_count": 0, "ngram_count": 9, "sha256": "0"}]
    text = markdown(facts)
    assert "| commit | 10 | 2 |" in section(text, "Decontamination")
    assert "| commit | 10 | 1 |" in section(text, "Held out of training")
    assert "were not" not in section(text, "Decontamination")


def test_the_card_counts_what_was_kept_and_became_no_document(lake: Path, tmp_path: Path) -> None:
    other, no_text = Lake.at(str(tmp_path / "lake")), {"kind": "commit", "repository": "r", "policy": POLICY}
    context = empty_row(COMMIT_CONTEXTS) | {"repository": "r", "layout": "commit/2"}
    kept = [empty_row(KEPT) | no_text | {"candidate": f"r@{number}"} for number in range(4)]
    kept += [empty_row(KEPT) | no_text | {"kind": "repository", "candidate": name} for name in ("small", "low elsewhere")]
    kept += [empty_row(KEPT) | no_text | {"kind": "file", "candidate": "not only a notebook"}]
    put_rows(other, KEPT, kept)
    reasons = {"0": "too_long", "1": "too_long", "2": None, "never kept": "too_long"}
    put_rows(other, COMMIT_CONTEXTS, [context | {"commit": commit, "reason": reason} for commit, reason in reasons.items()])
    made = {"small": (POLICY, "too_few_files"), "low elsewhere": ("another", "low_score")}
    rows = [{"repository": name, "layout": f"repository/1/{policy}/9", "reason": reason} for name, (policy, reason) in made.items()]
    put_rows(other, REPOSITORY_CONTEXTS, [empty_row(REPOSITORY_CONTEXTS) | row for row in rows])
    one = {"content_sha256": "not only a notebook", "layout": "notebook/1", "reason": "no_json"}
    put_rows(other, NOTEBOOKS, [empty_row(NOTEBOOKS) | one])
    put_rows(other, DOCUMENTS, [empty_row(DOCUMENTS) | {"kind": "file", "candidate": "not only a notebook", "layout": "file/1"}])
    facts, _ = card_facts(Lake.at(str(lake)))
    assert facts["without_documents"] == []
    facts["without_documents"] = without_documents(other, POLICY)
    assert facts["without_documents"] == [
        {"kind": "commit", "reason": "too_long", "candidates": 2},
        {"kind": "repository", "reason": "too_few_files", "candidates": 1},
    ]
    assert without_documents(other, "another") == []
    assert "| commit | too_long | 2 |" in section(markdown(facts), "What the policy kept, by kind and licence")


def test_the_card_says_what_its_publisher_says(lake: Path, tmp_path: Path, croissant: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    said = ["--license", "CC0-1.0", "--cite", "A | title", "--version", "1.0.0", "--published", "2026-01-31", "--publisher", "Somebody"]
    assert main(["card", "--lake", str(lake), "--out", str(tmp_path), *said]) == 0
    assert "To publish it, say also: --url" in capsys.readouterr().out
    text = section((tmp_path / "data_card.md").read_text(), "Publication")
    assert "- license: CC0-1.0\n" in text and r"- citeAs: A \| title" in text
    for name in ("tokenizer.json", "train-00000.parquet", "held_out-00000.parquet"):
        shutil.copy(lake / "mix" / "shards" / name, tmp_path)
    found = croissant.read(tmp_path / "croissant.json")
    assert found["errors"] == [] and found["warnings"] == []


def test_the_card_says_what_the_recipe_asked_for_and_what_was_taken(lake: Path) -> None:
    facts, manifest = card_facts(Lake.at(str(lake)))
    assert "Each document was taken once" in section(markdown(facts), "Recipe")
    share = {"kind": "file", "document_count": 7, "token_count": 1000, "wanted_token_count": 800, "whole_epochs": 0, "rate": 0.8}
    files = {"lot": "a | file", "share": 0.8, "max_epochs": 4.0, "epochs": 0.8, "taken_token_count": 790, "note": "-1.2% off"}
    pages = {"lot": "page", "share": 0.2, "max_epochs": 1.0, "epochs": 0.2, "taken_token_count": 210, "note": ""}
    shares = (share | files, share | pages)
    facts["recipe"] = {"name": "regular", "packing": "best_fit", "fim_rate": 0.5, "shares": list(shares)}
    text = section(markdown(facts), "Recipe")
    assert "Recipe `regular`, packing best_fit.\n50% of the training documents were drawn to be filled in the middle." in text
    assert r"| a \| file | 7 | 1,000 | 80.00% | 79.00% | 790 | 0.800 | 4 | -1.2% off |" in text
    told = dataclasses.replace(manifest, fim_rate=0.5, shares=shares, versions={"tokenizers": "1"})
    assert Manifest.from_json(told.to_json()) == told


def test_croissants_own_library_finds_no_error_and_reads_every_sequence(lake: Path, rows: LakeRows, croissant: Reader) -> None:
    assert main(["card", "--lake", str(lake)]) == 0
    found = croissant.read(lake / "mix" / "shards" / "croissant.json")
    assert found.get("error") is None and found["errors"] == []
    recommended = {re.search(r'Property "(\S+)" is recommended', warning)[1].rpartition("/")[2] for warning in found["warnings"]}  # type: ignore[index]
    assert recommended == {"citeAs", "datePublished", "license", "version"}
    for split in ("train", "held_out"):
        expected = [(r["sequence"], r["tokens"], r["text_bytes"]) for r in rows.rows["mix/sequences"] if r["split"] == split]
        names = [f"{split}/{name}" for name in ("sequence", "tokens", "text_bytes")]
        assert [tuple(row[name] for name in names) for row in found["records"][split]] == expected


def test_the_card_tells_every_file_by_its_hash(lake: Path) -> None:
    main(["card", "--lake", str(lake)])
    card = json.loads((lake / "mix" / "shards" / "croissant.json").read_text())
    files = {part["contentUrl"]: part["sha256"] for part in card["distribution"] if part["@type"] == "cr:FileObject"}
    folder = lake / "mix" / "shards"
    assert files == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files}
    assert set(files) == {"tokenizer.json", "train-00000.parquet", "held_out-00000.parquet"}
    assert "license" not in card  # of some files it is not known
    lists = {field["@id"] for records in card["recordSet"] for field in records["field"] if field.get("repeated")}
    assert lists == {"train/tokens", "held_out/tokens"}


def test_nothing_that_a_name_holds_breaks_the_text_and_no_folder_of_a_disk_is_told(lake: Path) -> None:
    main(["card", "--lake", str(lake), "--out", str(lake.parent / "card")])
    text = (lake.parent / "card" / "data_card.md").read_text()
    assert r"| file | a \| &lt;b> # c |" in text and "\n# c" not in text
    everything = "".join(path.read_text() for path in (lake.parent / "card").iterdir())
    assert "somebody" not in everything and ".../code" in everything and str(lake) not in everything
    for line in (line for line in text.splitlines() if line.startswith("|---")):
        header = text.splitlines()[text.splitlines().index(line) - 1]
        assert header.count("|") == line.count("|")


def test_a_card_is_the_same_when_written_again(lake: Path) -> None:
    for name in ("one", "two"):
        assert main(["card", "--lake", str(lake), "--out", str(lake.parent / name)]) == 0
    for path in (lake.parent / "one").iterdir():
        assert path.read_bytes() == (lake.parent / "two" / path.name).read_bytes()


def test_values_of_a_policy_are_told_only_where_its_hash_is_theirs(lake: Path) -> None:
    facts, _ = card_facts(Lake.at(str(lake)))
    assert facts["policy_values"] is None
    assert "The values of the policy are known by their hash alone." in markdown(facts)
    ledger = [{"job": "decide.verdicts", "parameters": json.dumps({"profile": "demo", "policy": ["min_stars=5"]})}]
    from jobs.decide.profiles import PolicyParams

    changed = PolicyParams("demo", ("min_stars=5",)).resolved()
    found = policy_values("demo", changed.hash, ledger)
    assert found is not None and found["min_stars"] == 5


def changed_manifest(lake: Path, **changes: object) -> Manifest:
    return dataclasses.replace(read_manifest(str(lake / "mix" / "shards")), **changes)  # type: ignore[arg-type]


def test_a_card_says_which_tables_are_not_those_of_the_shards(lake: Path, rows: LakeRows) -> None:
    facts, manifest = card_facts(Lake.at(str(lake)))
    assert facts["differences"] == [] and "do not belong together" not in markdown(facts)
    counted, kept = rows.rows["mix/manifest"], manifest.kept_digest
    assert differences(manifest, counted, kept, POLICY) == []
    assert kept == digest_kept(Lake.at(str(lake)), POLICY) != digest_kept(Lake.at(str(lake)), "another")
    (said,) = differences(manifest, counted, "0" * 16, POLICY)
    assert said.startswith("The policy demo keeps other candidates today")
    for change in ({"sequences_hash": "0"}, {"window": 7}, {"policy_hash": "0"}, {"tokenizer_sha256": "0"}):
        (said,) = differences(changed_manifest(lake, **change), counted, kept, POLICY)
        assert f"(other: {next(iter(change))})" in said
    fewer = [row | {"token_count": row["token_count"] - 1} for row in counted[:1]] + counted[1:]
    assert "(other: its counts)" in differences(manifest, fewer, kept, POLICY)[0]
    assert "says nothing of the mixture demo today" in differences(manifest, [], kept, POLICY)[0]
    assert "by an earlier version" in differences(changed_manifest(lake, kept_digest=""), counted, kept, POLICY)[0]


def test_a_mixture_with_a_name_of_its_own_has_its_own_card_places_and_verification(
    rows: LakeRows, lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "lake"
    shutil.copytree(lake, root)
    shards, other = root / "mix" / "shards", root / "mix" / "shards-long"
    shutil.copytree(shards, other)
    write_manifest(str(other), dataclasses.replace(read_manifest(str(other)), mixture="long"), TOKENIZER_JSON)
    assert main(["card", "--lake", str(root), "--mixture", "long", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["mixture"] == "long" and "mix/manifest says nothing of the mixture long today" in told.err
    text = (other / "data_card.md").read_text()
    assert text.startswith("# Data card: mixture long\n\n**This card and these shards do not belong together in all:**")
    piece = rows.rows["decide/kept"][0]
    for asked, mixtures in ([], ["demo", "long"]), (["--mixture", "long"], ["long"]):
        assert main(["where", piece["candidate"], "--lake", str(root), "--json", *asked]) == 0
        assert sorted(json.loads(capsys.readouterr().out)["exports"]) == mixtures
        assert main(["verify", "--lake", str(root), "--json", *asked]) == 0
        assert sorted(found["mixture"] for found in json.loads(capsys.readouterr().out)["whole"]) == mixtures
    for command in ("card", "where", "verify"):
        given = [piece["candidate"]] if command == "where" else []
        assert main([command, *given, "--lake", str(root), "--mixture", "none such"]) == 1
        assert "it has those of: demo, long" in capsys.readouterr().err
    (other / "train-00000.parquet").unlink()
    assert main(["verify", "--lake", str(root)]) == 1
    told = capsys.readouterr()
    assert "mix/shards is whole" in told.out and "train-00000.parquet is missing" in told.err
    assert main(["verify"]) == main(["verify", str(shards), "--lake", str(root)]) == 2


def test_a_lake_without_shards_has_no_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Lake.at(str(tmp_path / "lake")).create()
    assert main(["card", "--lake", str(tmp_path / "lake")]) == 1
    assert "`codemill mix.shards --lake" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "told"),
    [("/a/b", ".../b"), ("1/4", "1/4"), (["x=/a/b/"], [".../b"]), ("demo", "demo"), (3, 3), ("s3://bucket/key", ".../key")],
)
def test_of_a_path_the_end_is_told(value: object, told: object) -> None:
    assert without_folders(value) == told


def test_where_names_the_verdict_of_what_is_in_no_sequence(lake: Path, rows: LakeRows, capsys: pytest.CaptureFixture[str]) -> None:
    dropped = next(row for row in rows.rows["decide/dropped"] if "near_duplicate" not in row["reasons"])
    assert main(["where", f"{dropped['repository']}/{dropped['path']}", "--lake", str(lake)]) == 0
    said = capsys.readouterr().out
    assert f"dropped by policy demo because of {', '.join(dropped['reasons'])}" in said and "in 0 sequences" in said
    repository = rows.rows["decide/kept"][0]["repository"]
    assert main(["where", repository, "--lake", str(lake), "--json"]) == 0
    found = {(one["kind"], one["candidate"]) for one in json.loads(capsys.readouterr().out)["candidates"]}
    judged = [*rows.rows["decide/kept"], *rows.rows["decide/dropped"]]
    assert found == {("repository", repository)} | {("file", row["candidate"]) for row in judged if row["repository"] == repository}
    assert main(["where", "no such thing", "--lake", str(lake)]) == 1


def test_verify_tells_whole_shards_from_damaged_ones(lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = lake / "mix" / "shards"
    main(["card", "--lake", str(lake)])
    assert main(["verify", str(folder)]) == 0
    assert "is whole" in capsys.readouterr().out
    export("flat", tmp_path / "flat", 300, [sequences_of([[1, 2, 0]], 2)])
    assert main(["verify", str(tmp_path / "flat"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tokens"] == 3
    (tmp_path / "flat" / "train" / "00000.bin").unlink()
    assert main(["verify", str(tmp_path / "flat")]) == 1
    assert "train/00000.bin is missing" in capsys.readouterr().err
    assert main(["verify", str(tmp_path)]) == 1
    assert "neither shards nor an export" in capsys.readouterr().err


def test_the_card_names_the_oracle_whose_ratings_a_scorer_learned_and_its_prompt(rows: LakeRows, lake: Path, tmp_path: Path) -> None:
    scored = shutil.copytree(lake, tmp_path / "lake")
    facts, _ = card_facts(Lake.at(str(scored)))
    assert facts["oracles"] == {SCORER: dict.fromkeys(("oracle", "labels", "asked_with"))}
    known = {"oracle": "judge m", "labels": "abc", "asked_with": "version 2 of the prompt, the first 24,000 bytes of a text shown"}
    Lake.at(str(scored)).write_json(f"{SCORERS}/one.json", known | {"window": 64})
    facts |= {"scorers": ["one", "two"], "oracles": {name: oracle(Lake.at(str(scored)), name) for name in ("one", "two")}}
    told = "\n".join(quality(facts))
    assert "`one`, which learned the ratings of the oracle `judge m`, asked with version 2 of the prompt, the first 24,000 bytes" in told
    assert "(labels `abc`)" in told and "`two`, whose oracle is not known to this lake" in told
    assert "counts and does not judge" in "\n".join(quality(facts | {"oracles": {"one": known | {"oracle": "rubric"}}}))
