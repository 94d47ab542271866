"""Web pages to text, beside trafilatura, resiliparse and datatrove's extractor, on pages whose source is known.

`python -m benchmarks.web_extraction [--megabytes N] [--known FILE.jsonl] [--folder FOLDER]`. One core, processor time. The pages are made
from the standard library (benchmarks/web_pages.py); `--known` takes others, rows of {html, text, codes}, as benchmarks/known_man.py,
known_doxygen.py, known_javadoc.py, known_pydoc.py and peers/sphinx_pages.py write them (`text` is empty where only the code is
known); `--folder` takes any folder of HTML, of which no source is known: speed alone is measured.

A code block is recovered where the text holds it byte for byte, which asks of no extractor that it marks its blocks; for codemill also
where it is a fenced block of its own. F1 is of words with their counts against the source, fences left out. The limit is selectolax's plain
text call, which keeps nothing.
"""

import argparse
import json
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser

from benchmarks.measure import interleaved, report, result
from benchmarks.web_pages import KnownPage, module_pages
from udfs.page_text import Page, extract

ROOT = Path(__file__).parents[1]
PEER = (str(ROOT / ".venv-peers/bin/python"), str(ROOT / "benchmarks/peers/web_extractors.py"))
FENCE_LINE = re.compile(r"^`{3,}.*$", re.MULTILINE)
FENCED = re.compile(r"^(`{3,})[^`\n]*\n(.*?)^\1$", re.MULTILINE | re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=8)
    parser.add_argument("--known", help="rows of {html, text, codes}")
    parser.add_argument("--folder", help="HTML of which no source is known")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    pages = list(_pages(arguments))
    bodies = [page.html.encode() for page in pages]
    size = sum(map(len, bodies)) / 1e6
    extract(bodies[0])  # compiled before the clock starts
    seconds = interleaved(
        {
            "text call": lambda: [LexborHTMLParser(body).text() for body in bodies],
            "codemill": lambda: [extract(body) for body in bodies],
        },
        arguments.rounds,
        time.process_time,
    )
    if not arguments.folder:
        texts = [page.text if isinstance(page, Page) else "" for page in map(extract, bodies)]
        show("codemill", pages, texts, size / seconds["codemill"])
        print(f"    as a fenced block of its own: {share_fenced(pages, texts):.2f} %")
    speeds = {name: size / spent for name, spent in peers(pages, not arguments.folder, size).items()}
    best = max(speeds.items(), key=lambda item: item[1])
    limit = ("selectolax's plain text call", size / seconds["text call"])
    report(result("web_extraction", "MB/s", size / seconds["codemill"], best, limit, f"{len(pages):,} pages, {size:.0f} MB, one core"))


def _pages(arguments: argparse.Namespace) -> Iterable[KnownPage]:
    if arguments.folder:
        files = sorted(Path(arguments.folder).rglob("*.html"))
        return [KnownPage(file.read_text("utf-8", "replace"), "", ()) for file in files if file.is_file()]
    if arguments.known:
        rows = map(json.loads, Path(arguments.known).read_text("utf-8").splitlines())
        return [KnownPage(row["html"], row["text"], tuple(row["codes"])) for row in rows]
    return module_pages(arguments.megabytes << 20)


def peers(pages: list[KnownPage], is_known: bool, size: float) -> dict[str, float]:
    """Processor seconds of each other extractor, by its name."""
    if not Path(PEER[0]).exists():
        raise SystemExit("the other extractors are not installed: make .venv-peers/.stamp")
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "pages.jsonl"
        given.write_text("".join(json.dumps(asdict(page)) + "\n" for page in pages), "utf-8")
        done = subprocess.run([*PEER, str(given), folder], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"an extractor failed: {done.stderr[-2000:]}")
        seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        for place, (name, spent) in enumerate(seconds.items()):
            if is_known:
                texts = [json.loads(line) for line in Path(folder, f"{place}.jsonl").read_text("utf-8").splitlines()]
                show(name, pages, texts, size / spent)
            else:
                print(f"  {name}: {size / spent:.2f} MB/s")
    return seconds


def show(name: str, pages: list[KnownPage], texts: list[str], speed: float) -> None:
    found = share(pages, texts, lambda code, text: code in text)
    words = ""
    if any(page.text for page in pages):
        precision, recall, f1 = agreement([page.text for page in pages], texts)
        words = f"  precision {precision:.4f}  recall {recall:.4f}  F1 {f1:.4f}"
    print(f"  {name:<44} code {found:6.2f} %{words}  {speed:8.2f} MB/s", flush=True)


def share(pages: list[KnownPage], texts: list[str], holds: Callable[[str, str], bool]) -> float:
    """Per cent of code blocks that are recovered."""
    codes = [(code, text) for page, text in zip(pages, texts, strict=True) for code in page.codes]
    return 100 * sum(holds(code, text) for code, text in codes) / len(codes)


def share_fenced(pages: list[KnownPage], texts: list[str]) -> float:
    kept = 0
    for page, text in zip(pages, texts, strict=True):
        blocks = Counter(code.removesuffix("\n") for _, code in FENCED.findall(text))
        kept += sum((blocks & Counter(code.removesuffix("\n") for code in page.codes)).values())
    return 100 * kept / sum(len(page.codes) for page in pages)


def agreement(known: list[str], texts: list[str]) -> tuple[float, float, float]:
    """Precision, recall and F1 of words, each the mean over pages."""
    scores = []
    for truth, text in zip(known, texts, strict=True):
        a, b = (Counter(re.findall(r"\w+", FENCE_LINE.sub("", value))) for value in (truth, text))
        shared = (a & b).total()
        scores.append((shared / max(b.total(), 1), shared / max(a.total(), 1), 2 * shared / max(a.total() + b.total(), 1)))
    mean = [sum(column) / len(scores) for column in zip(*scores, strict=True)]
    return mean[0], mean[1], mean[2]


if __name__ == "__main__":
    main()
