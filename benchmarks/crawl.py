"""The job ingest.pages, from web archives to pages and texts in the lake, beside the same extraction run bare and datatrove's WARC reader.

`python -m benchmarks.crawl [--megabytes N] [--folder FOLDER] [--peer-megabytes N]`. Processor seconds of all processes, the JVM's and the
commits included. The archives are written by record in gzip: pages made from the standard library (benchmarks/web_pages.py), each again
with a paragraph of its own until there are so many megabytes of HTML, or the HTML of FOLDER. "Bare" is reading, decoding, extraction and
the hash of the text in this process, without Spark, child processes or writes. datatrove reads a smaller archive of the same pages with
its default extractor; its imports are not counted.

A crawl is large, so what grows with it is what counts: each speed is that of the bytes that a large archive has more than one of a tenth,
and what both runs cost alike (plans, commits) is told beside it. The core-hours of a crawl are of that.
"""

import argparse
import gzip
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache, partial
from itertools import count
from pathlib import Path

from pyspark.sql import SparkSession

from benchmarks.measure import interleaved, report, result, tree_cpu_s
from benchmarks.web_extraction import PEER
from benchmarks.web_pages import module_pages
from jobs.ingest import pages
from jobs.ingest.page_reading import Limits, page_row
from jobs.ingest.pages import PagesParams
from jobs.runtime.session import start_session
from jobs.runtime.tables import Tables
from jobs.sources.warc import ranges, read_range
from jobs.sources.warc_names import Archive
from jobs.sources.warc_records import Fetched
from schemas.ingest import PAGES
from schemas.lake import Lake
from udfs.isolated import IsolationLimits

READER = str(Path(PEER[1]).with_name("datatrove_warc.py"))
MADE_BYTES = 6 << 20  # of pages that are made; Pygments is slow
CRAWL_BYTES = 394 * 2**40  # of a month, all taken for HTML: what Common Crawl announced for December 2024, 2.64 billion pages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--folder", help="HTML to put into the archive")
    parser.add_argument("--peer-megabytes", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        large, small, peer = (Path(folder) / f"{name}.warc.gz" for name in ("large", "small", "peer"))
        size, found = write_archive(large, arguments.folder, arguments.megabytes << 20)
        small_size, _ = write_archive(small, arguments.folder, (arguments.megabytes << 20) // 10)
        peer_size, _ = write_archive(peer, arguments.folder, arguments.peer_megabytes << 20)
        peer_s = datatrove(peer)
        spark = start_session("benchmark")
        in_spark(spark, small, folder)  # a warm session
        variants = {
            "bare": partial(bare, large),
            "bare, small": partial(bare, small),
            "codemill": partial(in_spark, spark, large, folder),
            "codemill, small": partial(in_spark, spark, small, folder),
        }
        seconds = interleaved(variants, arguments.rounds, tree_cpu_s)
    bare_speed, speed = ((size - small_size) / 1e6 / (seconds[name] - seconds[f"{name}, small"]) for name in ("bare", "codemill"))
    fixed_s = seconds["codemill"] - size / 1e6 / speed
    print(f"  what grows: bare {bare_speed:.1f} MB/s, codemill {speed:.1f} MB/s; any run takes {fixed_s:.1f} s")
    print(f"  all of the large archive: {size / 1e6 / seconds['codemill']:.1f} MB/s, {seconds['bare'] / seconds['codemill']:.2f} of bare")
    print(f"  a crawl of {CRAWL_BYTES // 2**40} TiB: {CRAWL_BYTES / 1e6 / speed / 3600:,.0f} core-hours")
    best = ("datatrove's WARC reader and default extractor", peer_size / 1e6 / peer_s)
    given = f"{found:,} pages, {size / 1e6:.0f} MB of HTML; datatrove: {peer_size / 1e6:.0f} MB"
    report(result("crawl", "MB/s of processor time", speed, best, ("the same extraction run bare", bare_speed), given))


def write_archive(path: Path, folder: str | None, most_bytes: int) -> tuple[int, int]:
    """(bytes of HTML, pages)"""
    size = found = 0
    with path.open("wb") as file:
        for number, html in enumerate(from_folder(Path(folder)) if folder else from_modules()):
            block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html
            head = (
                f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{number}>\r\nWARC-Date: 2026-01-02T03:04:05Z\r\n"
                f"WARC-Target-URI: http://host{number % 100}.example/{number}.html\r\n"
                f"WARC-Identified-Payload-Type: text/html\r\nContent-Type: application/http;msgtype=response\r\n"
                f"Content-Length: {len(block)}\r\n\r\n"
            )
            file.write(gzip.compress(head.encode() + block + b"\r\n\r\n", 6, mtime=0))
            size, found = size + len(html), found + 1
            if size >= most_bytes:
                break
    return size, found


def from_folder(folder: Path) -> Iterator[bytes]:
    return (file.read_bytes() for file in sorted(folder.rglob("*.html")) if file.is_file())


@cache
def made() -> list[str]:
    return [page.html for page in module_pages(MADE_BYTES)]


def from_modules() -> Iterator[bytes]:
    for number in count():
        for html in made():
            yield html.replace("<main>", f"<main><p>This is copy {number} of the page.</p>", 1).encode()


def bare(path: Path) -> None:
    limits = Limits(1 << 26, 1 << 24, IsolationLimits(30, 1 << 30))
    archive = Archive("warc:bare", str(path))
    for item in fetched(path):
        page_row(archive, item, limits)


def fetched(path: Path) -> Iterable[Fetched]:
    for part in ranges(str(path), 1 << 40):
        yield from (item for item in read_range(str(path), part, 1 << 26) if isinstance(item, Fetched))


def in_spark(spark: SparkSession, path: Path, folder: str) -> None:
    shutil.rmtree(f"{folder}/lake", ignore_errors=True)
    lake = Lake.at(f"{folder}/lake")
    lake.create()
    tables = Tables(spark, lake)
    for write in pages.transform(tables, PagesParams((str(path),))):
        tables.apply(write)
    assert lake.has_rows(PAGES)


def datatrove(path: Path) -> float:
    """Processor seconds of its reader and extractor."""
    if not Path(PEER[0]).exists():
        raise SystemExit("datatrove is not installed: make .venv-peers/.stamp")
    done = subprocess.run([PEER[0], READER, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"datatrove failed: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"  datatrove: {found['texts']} texts in {found['seconds']:.1f} s", flush=True)
    return float(found["seconds"])


if __name__ == "__main__":
    main()
