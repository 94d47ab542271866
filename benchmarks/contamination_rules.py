"""Which words to count: what rules find of HumanEval where it is, laid out anew, and where it is not.

`python -m benchmarks.contamination_rules [--megabytes N]`. Found: problems whose solution, printed anew from its syntax tree (other quotes,
brackets and line breaks, no comments), still shares an n-gram of ten with the benchmark. Dropped: real files, none of which copies it, that
share one all the same. Rules: ours; ours with n-grams of numbers alone; words between spaces, without punctuation, in lower case, as
language model harnesses have it; every sign a word.
"""

import argparse
import ast
import re
import string
from collections.abc import Callable, Iterable

from benchmarks.code import distinct_texts
from tests.real_benchmark import problems
from udfs.contamination import WIDTH

Rule = Callable[[str], list[str]]
_DELETED = str.maketrans("", "", string.punctuation)

RULES: dict[str, Rule] = {
    "words": lambda text: re.findall(r"\w+", text.lower()),
    "between spaces, punctuation removed": lambda text: text.lower().translate(_DELETED).split(),
    "between spaces": lambda text: text.split(),
    "every sign a word": lambda text: re.findall(r"\w+|[^\w\s]", text),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100)
    arguments = parser.parse_args()
    given = [row["prompt"] + row["canonical_solution"] for row in problems()]
    with_tests = [text + row["test"] for text, row in zip(given, problems(), strict=True)]
    printed = [printed_anew(text) for text in given]
    files = []
    held = 0
    for text in distinct_texts(1 << 20):
        held += len(text)
        if held > arguments.megabytes * 1_000_000:
            break
        files.append(text)
    print(f"{len(given)} problems, {len(files):,} files of {arguments.megabytes} MB")
    for name, rule in RULES.items():
        for numbers in (False, True):
            for tests, items in ((False, given), (True, with_tests)):
                grams = {gram for text in items for gram in ngrams(rule(text), numbers)}
                found, dropped = count(printed, rule, grams), count(files, rule, grams)
                shown = f"{name}{', numbers too' if numbers else ''}{', tests too' if tests else ''}"
                print(f"  {shown:60} found {found:4} dropped {dropped:5} ({dropped / len(files):.3%})", flush=True)


def printed_anew(text: str) -> str:
    """The program from its tree, without its docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def ngrams(words: list[str], with_numbers: bool = True) -> Iterable[tuple[str, ...]]:
    for gram in zip(*(words[place:] for place in range(WIDTH)), strict=False):
        if with_numbers or any(letter.isalpha() for word in gram for letter in word):
            yield gram


def count(texts: list[str], rule: Rule, grams: set[tuple[str, ...]]) -> int:
    return sum(not grams.isdisjoint(ngrams(rule(text))) for text in texts)


if __name__ == "__main__":
    main()
