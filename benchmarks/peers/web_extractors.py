"""Other extractors of web pages over rows of {html}, in an environment of their own (`make .venv-peers/.stamp`).

    .venv-peers/bin/python benchmarks/peers/web_extractors.py PAGES.jsonl FOLDER

Each as it comes, and once more with the options that keep most of code and structure. Writes FOLDER/N.jsonl, a text a line, for the
N-th of them, and prints one JSON object: processor seconds of each.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import trafilatura
from datatrove.pipeline.extractors import Trafilatura
from resiliparse.extract.html2text import extract_plain_text

EXTRACTORS: dict[str, Callable[[str], str | None]] = {
    "datatrove's extractor": Trafilatura().extract,
    "trafilatura": trafilatura.extract,
    "trafilatura, Markdown, favouring recall": lambda page: trafilatura.extract(page, output_format="markdown", favor_recall=True),
    "resiliparse": extract_plain_text,
    "resiliparse, main content": lambda page: extract_plain_text(page, main_content=True, alt_texts=False),
}


def main() -> None:
    pages = [json.loads(line)["html"] for line in Path(sys.argv[1]).read_text("utf-8").splitlines()]
    seconds = {}
    for place, (name, extract) in enumerate(EXTRACTORS.items()):
        start = time.process_time()
        texts = [extract(page) or "" for page in pages]
        seconds[name] = time.process_time() - start
        Path(sys.argv[2], f"{place}.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts), "utf-8")
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
