"""The judgement of pages beside bare fastText on the same strings.

`python -m benchmarks.relevance [--megabytes N]`. MB of page text a second and core. Both are given the words of every page and ask the
same three models; ours gives Arrow columns of whole percents, the alternative what `predict` gives, one list a batch. Also said: the speed
from stored pages to rows, the making of the words included. Pages are made of the standard library and installed packages; the models are
trained on some of them first.
"""

import argparse
import time

import pyarrow as pa

from benchmarks.code import distinct_texts
from benchmarks.measure import interleaved, report, result
from udfs.page_models import MODELS, FastTextParams, PageModels, fit
from udfs.page_words import page_words

PAGE_CHARS = 6000
BATCH_PAGES = 1000
TAUGHT = 2000  # pages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    pages = real_pages(arguments.megabytes << 20)
    size = sum(len(page.encode()) for page in pages)
    batches = [pa.array(pages[start : start + BATCH_PAGES]) for start in range(0, len(pages), BATCH_PAGES)]
    titles = [pa.array(["A title of the page"] * len(batch)) for batch in batches]
    models = trained(page_words(titles[0], batches[0]).to_pylist() * (TAUGHT // BATCH_PAGES))
    arrays = [page_words(title, batch) for title, batch in zip(titles, batches, strict=True)]
    prepared = [lines.to_pylist() for lines in arrays]
    words = sum(len(line.encode()) for lines in prepared for line in lines)

    def ours() -> None:
        for lines in arrays:
            models.judgements(lines)

    def from_pages() -> None:
        for title, batch in zip(titles, batches, strict=True):
            models.judgements(page_words(title, batch))

    def bare() -> None:
        for lines in prepared:
            for name in MODELS:
                models.loaded[name].predict(lines, k=1 if name == "category" else -1)

    variants = {"bare predict": bare, "codemill": ours, "from pages": from_pages}
    seconds = interleaved(variants, arguments.rounds, time.process_time)
    speeds = {name: size / 1e6 / spent for name, spent in seconds.items()}
    share = seconds["bare predict"] / seconds["from pages"]
    words_of = f"{size / 1e6:.0f} MB of which {words / 1e6:.0f} MB are words"
    print(f"  from pages, {words_of}: {speeds['from pages']:.1f} MB/s, {share:.2f} of bare predict")
    best = ("fastText predict of the same three models on the same strings", speeds["bare predict"])
    given = f"{len(pages):,} pages, {size / 1e6:.0f} MB, three models, one core"
    report(result("relevance", "MB/s", speeds["codemill"], best, best, given))


def real_pages(size: int) -> list[str]:
    """Pages of PAGE_CHARS: real texts, every other one in a fenced block after the first third."""
    pages: list[str] = []
    held = 0
    for text in distinct_texts(200_000):
        for start in range(0, len(text), PAGE_CHARS):
            part = text[start : start + PAGE_CHARS]
            third = len(part) // 3
            pages.append(f"{part[:third]}\n```python\n{part[third:]}\n```\n" if len(pages) % 2 else part)
            held += len(pages[-1])
        if held > size:
            break
    return pages


def trained(lines: list[str]) -> PageModels:
    params = FastTextParams(least_updates=0, epochs=2)
    two = ["code" if place % 2 else "not_code" for place in range(len(lines))]
    nine = [("documentation", "blog", "forum", "news", "other")[place % 5] for place in range(len(lines))]
    return PageModels(50, fit(lines, two, params), fit(lines, nine, params), fit(lines, [str(n % 11) for n in range(len(lines))], params))


if __name__ == "__main__":
    main()
