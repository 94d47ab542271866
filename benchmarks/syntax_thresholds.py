"""How much of real code tree-sitter flags, by language: the measurement behind jobs/decide/syntax_thresholds.py.

    python -m benchmarks.syntax_thresholds FOLDER [FOLDER ...] [--files 200]

Every child of a FOLDER counts as one repository, of which the first `--files` files per language in the order of their paths' hashes
are measured, without those in folders of tests (the tests of compilers are wrong on purpose). Give it code that is known to build: what
it flags is then a good file lost. Two ways of being bad are measured beside it: the same files cut off in their middle half, and files
of other languages under this one's name.

The threshold is the lowest of LEVELS that loses at most MOST_GOOD_LOST of the good files; where none does, the highest; NO_JUDGEMENT
where that too would lose more than MOST_LOST_AT_ALL. Languages with fewer files or repositories than FEWEST_* are left out of the result.
"""

import argparse
import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from udfs.grammars import GRAMMARS
from udfs.languages import HEAD_BYTES, language_of
from udfs.syntax import SyntaxLimits, parse_batch

LEVELS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
MOST_GOOD_LOST, MOST_LOST_AT_ALL = 0.05, 0.1
NO_JUDGEMENT = 1.0
HEADINGS = (
    *("language", "repositories", "files", "MB", "flagged", "over 1 %", "over 5 %", "over 20 %"),
    *("threshold", "good lost", "cut caught", "foreign caught", "slowest, s", "unparsed"),
)
FEWEST_FILES, FEWEST_REPOSITORIES = 30, 3
_BATCH_BYTES = 10 << 20
_OF_TESTS = re.compile(rb"(^|[-_])(tests?|testsuite|testdata|testcases|fixtures?|specs?|neg)([-_]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class LanguageRow:
    """Shares are of files. `flagged`: any error or missing node; `lost` and `caught_*`: above the proposed threshold."""

    language: str
    repositories: int
    files: int
    megabytes: float
    flagged: float
    over_1: float
    over_5: float
    over_20: float
    proposed: float
    lost: float
    caught_cut: float
    caught_foreign: float
    slowest_s: float
    unparsed: int


def sample(folders: list[Path], files_per_repository: int) -> dict[str, list[tuple[str, bytes]]]:
    """language -> (repository, text) of distinct texts in UTF-8."""
    texts: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    seen: set[bytes] = set()
    for repository in sorted(child for folder in folders for child in folder.iterdir() if child.is_dir()):
        by_language: dict[str, list[bytes]] = defaultdict(list)
        for path in _paths(os.fsencode(repository)):
            language = language_of(os.fsdecode(path), _read(path, HEAD_BYTES))
            if language in GRAMMARS:
                by_language[language].append(path)
        for language, paths in by_language.items():
            for path in sorted(paths, key=lambda path: _draw(path, repository))[:files_per_repository]:
                text = _read(path, -1)
                key = hashlib.sha256(text).digest()
                if key not in seen and _is_utf8(text):
                    seen.add(key)
                    texts[language].append((repository.name, text))
    return texts


def _paths(repository: bytes) -> Iterator[bytes]:
    for folder, folders, names in os.walk(repository):
        folders[:] = [name for name in folders if not _OF_TESTS.search(name)]
        paths = (os.path.join(folder, name) for name in names)
        yield from (path for path in paths if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) > 0)


def _draw(path: bytes, repository: Path) -> bytes:
    return hashlib.sha256(os.path.relpath(path, os.fsencode(repository))).digest()


def _read(path: bytes, size: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(size)


def _is_utf8(text: bytes) -> bool:
    try:
        return bool(text.decode())
    except UnicodeDecodeError:
        return False


def cut(text: bytes) -> bytes:
    """The text up to a byte between a quarter and three quarters of it, drawn by its hash."""
    draw = int.from_bytes(hashlib.sha256(text).digest()[:8]) / 2**64
    return text[: int(len(text) * (0.25 + draw / 2))]


def facts(texts: list[bytes], language: str) -> dict[str, np.ndarray]:
    """error share, has error, seconds of every text that could be parsed."""
    batches = []
    for batch in _batches(texts):
        parsed = parse_batch(pa.array(batch, pa.large_binary()), pa.array([language] * len(batch)), SyntaxLimits())
        batches.append(parsed.filter(pc.equal(parsed["status"], "parsed")))
    table = pa.Table.from_batches(batches)
    share, missing, micros = (table[name].to_numpy() for name in ("error_bytes_share", "missing_node_count", "parse_us"))
    return {"share": share, "is_flagged": (table["error_node_count"].to_numpy() + missing) > 0, "seconds": micros / 1e6}


def _batches(texts: list[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    yield batch


def over(measured: dict[str, np.ndarray], level: float) -> float:
    """Share of files that a threshold drops; at 0 that is any error or missing node."""
    return float((measured["share"] > level if level else measured["is_flagged"]).mean())


def threshold(good: dict[str, np.ndarray]) -> float:
    for level in LEVELS:
        if over(good, level) <= MOST_GOOD_LOST:
            return level
    return LEVELS[-1] if over(good, LEVELS[-1]) <= MOST_LOST_AT_ALL else NO_JUDGEMENT


def measure(language: str, files: list[tuple[str, bytes]], foreign: list[bytes]) -> LanguageRow:
    texts = [text for _, text in files]
    good, cut_off, other = facts(texts, language), facts([cut(text) for text in texts], language), facts(foreign, language)
    proposed = threshold(good)
    return LanguageRow(
        language,
        repositories=len({repository for repository, _ in files}),
        files=len(texts),
        megabytes=sum(map(len, texts)) / 1e6,
        flagged=over(good, 0.0),
        over_1=over(good, 0.01),
        over_5=over(good, 0.05),
        over_20=over(good, 0.2),
        proposed=proposed,
        lost=over(good, proposed),
        caught_cut=over(cut_off, proposed),
        caught_foreign=over(other, proposed),
        slowest_s=float(good["seconds"].max()),
        unparsed=len(texts) - len(good["share"]),
    )


def foreign_texts(texts: dict[str, list[tuple[str, bytes]]], language: str) -> list[bytes]:
    """As many texts as the language has, taken in turn from all the others."""
    others = [[text for _, text in files] for other, files in sorted(texts.items()) if other != language]
    in_turn = (text for turn in zip_longest(*others) for text in turn if text is not None)
    return list(islice(in_turn, len(texts[language])))


def as_markdown(row: LanguageRow) -> str:
    cells = [row.language, str(row.repositories), str(row.files), f"{row.megabytes:.1f}"]
    cells += [f"{share:.1%}" for share in (row.flagged, row.over_1, row.over_5, row.over_20)]
    cells += [f"{row.proposed:g}", *(f"{share:.0%}" for share in (row.lost, row.caught_cut, row.caught_foreign))]
    return f"| {' | '.join([*cells, f'{row.slowest_s:.2f}', str(row.unparsed)])} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--files", type=int, default=200, help="most files per language and repository")
    arguments = parser.parse_args()
    texts = sample(arguments.folders, arguments.files)
    print(f"| {' | '.join(HEADINGS)} |\n|---|{'---:|' * (len(HEADINGS) - 1)}")
    rows = []
    for language in sorted(texts):
        rows.append(measure(language, texts[language], foreign_texts(texts, language)))
        print(as_markdown(rows[-1]), flush=True)
    enough = [row for row in rows if row.files >= FEWEST_FILES and row.repositories >= FEWEST_REPOSITORIES]
    print("\nMAX_ERROR_SHARE =", {row.language: row.proposed for row in enough if row.proposed > 0})


if __name__ == "__main__":
    main()
