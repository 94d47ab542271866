"""The pipeline on real and hostile input: nothing is lost, nothing is done twice, nothing depends on how it was run."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from jobs.cli import main
from schemas.assemble import DOCUMENTS
from schemas.decide import DROPPED, FEATURES, KEPT
from schemas.document_checks import DOCUMENT_CHECKS
from schemas.ingest import CONTENTS, FILES, REJECTS, REPOSITORIES
from schemas.lake import Lake
from schemas.mix import MANIFEST, SEQUENCES
from tests.e2e.lakes import SMALL, codemill, content, hostile_sources, real_sources, rows, run_and_kill, versions
from tests.hostile import MARKER, UNDECODABLE
from tests.token_rows import ids_of
from udfs.shards import verify


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    root = tmp_path_factory.mktemp("sources")
    (root / "hostile").mkdir()
    (root / "real").mkdir()
    hostile, expected = hostile_sources(root / "hostile")
    return {"root": root, "real": real_sources(root / "real"), "hostile": hostile, "expected": expected}


QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def arguments(lake, sources, *more):
    named = [part for source in [*sources["real"], *sources["hostile"]] for part in ("--source", source)]
    return ["run", "--lake", str(lake), *named, "--until", "mix", "--quiet", *SMALL, *more]


@pytest.fixture(scope="module")
def lake(spark, sources, tmp_path_factory):
    """A lake made by one undisturbed run."""
    path = tmp_path_factory.mktemp("undisturbed") / "lake"
    assert main(arguments(path, sources)) == 0
    return path


def test_every_entry_of_every_source_is_a_file_or_a_reject_with_its_reason(lake, sources):
    found = {(row["repository"], row["path"]): None for row in rows(lake, FILES)}
    found |= {(row["source"], row["locator"]): row["reason"] for row in rows(lake, REJECTS)}
    for (name, path), reason in sources["expected"].items():
        assert (name, path) in found, f"{name} {path!r} is lost"
        if reason is None and path in UNDECODABLE:
            assert found[name, path] in ("binary", "undecodable")
        elif reason is None and path == "pointer.bin":
            assert found[name, path] == "lfs_pointer"
        else:
            assert found[name, path] == reason, f"{name} {path!r}"


def test_reading_a_hostile_repository_ran_nothing_of_it(lake, sources):
    assert not (sources["root"] / "hostile" / "git" / MARKER).exists()


def of_kind(lake, kind, table=KEPT):
    return [row for row in rows(lake, table) if row["kind"] == kind]


def test_counts_close(lake):
    files, rejects = rows(lake, FILES), rows(lake, REJECTS)
    for repository in rows(lake, REPOSITORIES):
        name = repository["repository"]
        assert repository["file_count"] == sum(row["repository"] == name for row in files), name
        assert repository["reject_count"] == sum(row["source"] == name for row in rejects), name
    contents = {row["content_sha256"] for row in rows(lake, CONTENTS)}
    assert contents == {row["content_sha256"] for row in files}
    for kind, candidates in (("file", contents), ("repository", {row["repository"] for row in files})):
        assert {row["candidate"] for row in of_kind(lake, kind, FEATURES)} == candidates
        kept, dropped = ([row["candidate"] for row in of_kind(lake, kind, table)] for table in (KEPT, DROPPED))
        assert sorted(kept + dropped) == sorted(candidates)
        assert kept
    assert all(row["reasons"] for row in rows(lake, DROPPED))


def test_no_token_and_no_byte_is_lost_between_kept_documents_and_shards(lake):
    sequences = rows(lake, SEQUENCES)
    left_out = {(row["kind"], row["candidate"]) for row in rows(lake, DOCUMENT_CHECKS) if row["reasons"]}
    documents = [row for row in rows(lake, DOCUMENTS) if (row["kind"], row["candidate"]) not in left_out]
    text_bytes = sum(row["size_bytes"] for row in documents)
    assert {(row["kind"], row["candidate"]) for row in documents} == {
        (piece["kind"], piece["candidate"]) for row in sequences for piece in row["pieces"]
    }
    assert sum(row["text_bytes"] for row in sequences) == text_bytes
    assert sum(row["text_bytes"] for row in rows(lake, MANIFEST)) == text_bytes
    manifest = verify(str(lake / "mix" / "shards"))
    assert sum(split.totals["tokens"] for split in manifest.splits.values()) == sum(len(ids_of(row)) for row in sequences)


def test_held_out_repositories_are_in_no_training_sequence(lake):
    held_out = {row["candidate"] for row in rows(lake, KEPT) if row["split"] == "held_out"}
    assert held_out
    for row in rows(lake, SEQUENCES):
        is_held_out = {piece["candidate"].partition("#")[0] in held_out for piece in row["pieces"]}
        assert is_held_out == {row["split"] == "held_out"}


def test_a_second_run_over_unchanged_input_writes_only_the_ledger(lake, sources, capsys):
    before = versions(lake)
    assert main(arguments(lake, sources, "--json")) == 0
    ledger = json.loads(capsys.readouterr().out)
    assert {row["status"] for row in ledger if row["job"] != "ingest.files"} == {"unchanged"}
    assert sum(row["written_rows"] + row["removed_rows"] for row in ledger) == 0
    assert versions(lake) == before


def test_another_number_of_partitions_gives_the_same_tables(lake, sources, tmp_path, spark, monkeypatch):
    monkeypatch.setattr("jobs.runtime.texts.TASK_BYTES", 30_000)
    monkeypatch.setattr("jobs.runtime.texts.BATCH_BYTES", 10_000)
    partitions = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", "7")
    try:
        assert main(arguments(tmp_path / "lake", sources, "--set", "ingest.files.unit_bytes=20000")) == 0
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", partitions)
    assert content(tmp_path / "lake") == content(lake)


def test_a_changed_source_changes_only_its_own_rows(spark, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name in ("kept", "changed", "gone"):
        (source / f"{name}.py").write_text(f"name = '{name}'\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "same.py").write_text("name = 'kept'\n")
    ingest = ["ingest", "--lake", str(tmp_path / "lake"), "--source", str(source), "--source", str(tmp_path / "other"), "--quiet"]
    assert main(ingest) == 0
    (source / "changed.py").write_text("name = 'new value'\n")
    (source / "gone.py").unlink()
    assert main(ingest) == 0
    found = {(row["repository"], row["path"]): row["content_sha256"] for row in rows(tmp_path / "lake", FILES)}
    assert set(found) == {("folder:source", "kept.py"), ("folder:source", "changed.py"), ("folder:other", "same.py")}
    assert found["folder:source", "kept.py"] == found["folder:other", "same.py"]
    assert len(rows(tmp_path / "lake", CONTENTS)) == 4  # a content that nobody refers to is left to maintenance


def test_a_run_that_is_killed_and_started_again_gives_the_same_tables(lake, sources, tmp_path):
    broken = tmp_path / "lake"
    command = arguments(broken, sources)
    kills = sum(run_and_kill(command, after_s, tmp_path / "log") for after_s in (14, 23, 31))
    again = codemill(*command)
    assert "WARNING" not in again.stderr and "log level" not in again.stderr  # what Java and Spark say of themselves
    assert kills >= 2
    assert content(broken) == content(lake)
    verify(str(broken / "mix" / "shards"))


def test_the_zip_runs_on_a_cluster_of_processes(lake, sources, tmp_path):
    """spark-submit, workers that are processes of their own and have only what was shipped: the libraries, and of ours the zip."""
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-m", "jobs.runtime.setup_zip", str(tmp_path / "codemill.zip")], check=True, cwd=root)
    shutil.copy(root / "jobs" / "main.py", tmp_path / "main.py")
    submit = [
        str(Path(sys.executable).with_name("spark-submit")), "--master", "local-cluster[2,1,1024]", "--driver-memory", "1g",
        "--jars", ",".join(map(str, (Path(sys.prefix) / "jars").glob("*.jar"))), "--conf", "spark.ui.enabled=false",
        "--conf", "spark.driver.host=127.0.0.1", "--driver-java-options", QUICK_JAVA,
        "--conf", f"spark.executor.extraJavaOptions={QUICK_JAVA}",
        "--py-files", str(tmp_path / "codemill.zip"), str(tmp_path / "main.py"),
    ]  # fmt: skip
    environment = {**without_project(), "PYSPARK_PYTHON": str(python_without_project(tmp_path / "python")), "CODEMILL_PLAIN": "1"}
    done = subprocess.run(
        [*submit, *arguments(tmp_path / "lake", sources)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert content(tmp_path / "lake") == content(lake)


def python_without_project(folder):
    """An interpreter that sees the libraries of ours, but not the .pth file by which they find the project's folder."""
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "python"


def without_project():
    return {
        key: value
        for key, value in os.environ.items()
        if key not in ("PYTHONPATH", "SPARK_HOME", "PYSPARK_GATEWAY_PORT", "PYSPARK_SUBMIT_ARGS")
    }


def test_a_lake_that_is_not_ours_is_refused_and_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("precious")
    assert main(["ingest", "--lake", str(tmp_path), "--source", str(tmp_path), "--quiet"]) == 1
    assert "is not a codemill lake: it holds thesis.txt" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (["ingest", "--source", "/nowhere/at/all"], 1, "/nowhere/at/all"),
        (["ingest"], 2, "name a source with --source"),
        (["decide", "--what-if", "min_starz=3"], 2, "the policy has no 'min_starz'"),
        (["run", "--source", ".", "--set", "mix.sequences.windw=3"], 2, "mix.sequences has no parameter 'windw'"),
        (["run", "--source", ".", "--until", "nothing"], 2, "there is no such job or phase"),
        (["explain", "no/such/file.py"], 1, "no path is or ends so"),
        (["trace", "demo/train/9/9"], 1, "mix/sequences has no sequence"),
    ],
)
def test_a_wrong_command_says_what_was_expected(lake, capsys, command, status, said):
    assert main([*command, "--lake", str(lake)]) == status
    assert said in capsys.readouterr().err


def test_explain_tells_why_a_file_is_out_and_trace_where_one_went(lake, capsys):
    dropped = next(row for row in rows(lake, DROPPED) if row["path"] == "brackets.py")
    assert main(["explain", "brackets.py", "--lake", str(lake)]) == 0
    said = capsys.readouterr().out
    assert all(reason in said for reason in dropped["reasons"]) and dropped["candidate"] in said
    assert main(["explain", dropped["candidate"][:12].upper(), "--lake", str(lake)]) == 0
    assert capsys.readouterr().out == said
    assert main(["explain", "folder:json/broken.py", "--lake", str(lake)]) == 0
    assert "syntax_errors: more bytes in error nodes" in capsys.readouterr().out
    assert main(["explain", "json/decoder.py", "--lake", str(lake), "--json"]) == 1
    assert main(["explain", "decoder.py", "--lake", str(lake), "--json"]) == 0
    story = json.loads(capsys.readouterr().out)["contents"][0]
    assert story["kept"] and story["sequences"]
    assert main(["trace", story["sequences"][0], "--lake", str(lake), "--json"]) == 0
    assert "decoder.py" in {piece["path"] for piece in json.loads(capsys.readouterr().out)["pieces"]}


@pytest.mark.parametrize("command", ["counts --all", "decide --what-if"])
def test_a_reader_that_has_seen_enough_is_no_error(lake, command):
    piped = f"{sys.executable} -m jobs {command} --lake {lake} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", piped], capture_output=True, text=True)
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)


def test_what_if_counts_what_decide_then_writes(lake, tmp_path, capsys, spark):
    change = ["max_error_share.Python=1", "min_alphanumeric_share=none"]
    assert main(["decide", "--lake", str(lake), "--json", *[part for text in change for part in ("--what-if", text)]]) == 0
    foreseen = json.loads(capsys.readouterr().out)
    assert foreseen["now"]["kept"] == len(of_kind(lake, "file"))
    assert foreseen["repositories"]["now"]["kept"] == len(of_kind(lake, "repository")) > 0
    copy = tmp_path / "lake"
    shutil.copytree(lake, copy)
    assert main(["decide", "--lake", str(copy), "--quiet", *[part for text in change for part in ("--policy", text)]]) == 0
    assert len(of_kind(copy, "file")) == foreseen["what_if"]["kept"] != foreseen["now"]["kept"]
    assert len(of_kind(copy, "repository")) == foreseen["repositories"]["what_if"]["kept"]
    assert Lake.at(str(lake)).version(KEPT) == Lake.at(str(copy)).version(KEPT) - 1
