"""A lake on an S3 API: the same tables and the same shards as in a folder."""

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import boto3
import pytest

from gpu_scoring.population import passes
from jobs.cli import main
from jobs.runtime.session import s3_jar_folder
from jobs.sources.source import SourceError
from jobs.sources.warc import ranges, read_range
from jobs.sources.warc_names import fingerprint, parse_archives
from schemas.annotate import LABELS, SCORES
from schemas.decide import GATES
from schemas.lake import PROBE_METRICS, Lake
from tests.e2e.lakes import SMALL, codemill, content, real_sources
from tests.web_archives import by_record, http, page, record
from udfs.export_formats import FORMATS
from udfs.exports import verify_export
from udfs.shards import verify

ACCESS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """Address of an empty bucket of a server on this machine; the environment that reaches it is set."""
    if not any(s3_jar_folder().glob("*.jar")):
        pytest.skip("the jars of S3 are not here; `make s3` brings them")
    log = tmp_path_factory.mktemp("s3") / "log"
    with log.open("w") as out:
        command = [str(Path(sys.executable).with_name("moto_server")), "--host", "127.0.0.1", "--port", "0"]
        server = subprocess.Popen(command, stdout=out, stderr=out)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (ACCESS | {"AWS_ENDPOINT_URL": endpoint(server, log)}).items():
            environment.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="lakes")
        yield "s3://lakes"
    server.terminate()
    server.wait()


def endpoint(server, log):
    """Waits until the server says where it listens."""
    for _ in range(300):
        for word in log.read_text().split():
            if word.startswith("http://127.0.0.1:"):
                urllib.request.urlopen(word, timeout=30).read()
                return word
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def test_a_lake_on_s3_holds_the_same_tables_and_shards_as_one_in_a_folder(bucket, spark, tmp_path):
    named = [part for source in real_sources(tmp_path) for part in ("--source", source)]
    small = [*named, "--quiet", *SMALL, "--set", "train.probe.steps=5", "--set", f"mix.exports.formats={','.join(FORMATS)}"]
    codemill("run", "--lake", f"{bucket}/lake", *small)
    assert main(["run", "--lake", str(tmp_path / "lake"), *small, "--until", "mix"]) == 0
    assert content(f"{bucket}/lake") == content(tmp_path / "lake")
    assert verify(f"{bucket}/lake/mix/shards") == verify(str(tmp_path / "lake" / "mix" / "shards"))
    for folder in (f"mix/exports/{format}" for format in FORMATS):
        assert verify_export(f"{bucket}/lake/{folder}") == verify_export(str(tmp_path / "lake" / folder))
    assert Lake.at(f"{bucket}/lake").read_json(PROBE_METRICS)["steps"] == 5
    for command in (
        ["counts"],
        ["explain", "decoder.py"],
        ["where", "decoder.py"],
        ["card"],
        ["decide", "--what-if", "max_error_share=0.5"],
        ["report", "--out", str(tmp_path / "r.html")],
        ["label", "--count", "100", "--shape", "natural", "--work", str(tmp_path / "work")],
    ):
        codemill(*command, "--lake", f"{bucket}/lake")
    assert "<html" in (tmp_path / "r.html").read_text()
    assert Lake.at(f"{bucket}/lake").read(LABELS).num_rows > 10
    race(f"{bucket}/lake", tmp_path)


def race(lake, folder):
    """Two workers score the same files at once, each in many commits."""
    sizes = ["--window", "64", "--hidden-size", "32", "--layers", "1", "--vocabulary-size", "400", "--threads", "1"]
    codemill("train-scorer", "--lake", lake, "--out", str(folder / "scorer"), *sizes)
    worker = [
        sys.executable,
        "-m",
        "jobs",
        "score",
        "--lake",
        lake,
        "--model",
        str(folder / "scorer"),
        "--threads",
        "1",
        "--commit-rows",
        "3",
    ]
    running = [subprocess.Popen(worker, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(300) for process in running] == [0, 0]
    scored = Lake.at(lake).read(SCORES, ["content_sha256"]).column(0).to_pylist()
    wanted = Lake.at(lake).read(GATES, ["candidate"], passes("demo")).column(0).to_pylist()
    assert sorted(scored) == sorted(wanted)


def test_archives_of_a_bucket_are_read_as_those_of_a_folder(bucket, tmp_path):
    records = [record(f"http://h.example/{number}", http(page(f"number {number}"))) for number in range(20)]
    held = {"crawl/one.warc.gz": by_record(records), "crawl/deep/two.warc": b"".join(records), "crawl/readme.txt": b"no archive"}
    for name, data in held.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
        boto3.client("s3").put_object(Bucket="lakes", Key=name, Body=data)
    (tmp_path / "paths").write_text("crawl/one.warc.gz\n")
    found = parse_archives((f"{bucket}/crawl/",))
    assert [one.name for one in found] == [one.name for one in parse_archives((str(tmp_path / "crawl"),))]
    assert parse_archives((f"@{tmp_path / 'paths'}@{bucket}",)) == parse_archives((f"{bucket}/crawl/one.warc.gz",))
    for one in found:
        path = str(tmp_path / one.address.removeprefix(f"{bucket}/"))
        assert len(fingerprint(one).split()) == 2
        for range_bytes in (700, 1 << 30):
            parts = ranges(one.address, range_bytes)
            assert parts == ranges(path, range_bytes)
            items = [item for part in parts for item in read_range(one.address, part, 1 << 20)]
            assert items == [item for part in parts for item in read_range(path, part, 1 << 20)] and len(items) == 20
    with pytest.raises(SourceError, match="cannot be listed"):
        parse_archives((f"{bucket}/empty",))
    with pytest.raises(SourceError, match="cannot be read"):
        ranges(f"{bucket}/crawl/gone.warc", 1 << 20)


def test_a_bucket_that_is_not_there_is_one_clear_error(bucket, tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.py").write_text("a = 1\n")
    for command in ("ingest", "run"):
        done = codemill(command, "--lake", "s3://no-such-bucket/lake", "--source", str(tmp_path / "source"), "--quiet", check=False)
        assert done.returncode == 1
        assert "s3://no-such-bucket/lake" in done.stderr and "Traceback" not in done.stderr
