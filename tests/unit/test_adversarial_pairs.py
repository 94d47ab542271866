"""How alike edits are that a shingling should tell apart: the table of docs/decisions/0008.

Edits of real modules; `pytest -s` prints their similarity by our shingles, by words of normalised prose as datatrove counts them, and by
the 5-grams of a split at `\\W` that keeps empty tokens, as published scripts for code do it.
"""

import inspect
import json.decoder
import random
import re
import string
import textwrap

import pyarrow as pa
import pytest

from udfs.minhash import SignatureParams
from udfs.shingles import jaccard, shingle_sets

MODULES = (json.decoder, random, string, textwrap)
THRESHOLD = 0.7
HEADERS = (
    "".join(
        f"# {n}. Permission is granted to copy, change and give away section {n * 3}, if notice {n * 7} stays.\n" for n in range(1, 21)
    ),
    "".join(f"# Clause {n} - no warranty of any kind; redistribution in source form under terms {n * 2}-{n * 5}\n" for n in range(1, 21)),
)
KEYWORDS = {"def", "class", "return", "None", "True", "False", "for", "while", "import", "from"}


def numbers_changed(text):
    return re.sub(r"\b\d+\b", lambda found: str(int(found[0]) + 1), text)


def operators_flipped(text):
    flipped = {"==": "!=", "!=": "==", "<": ">", ">": "<", "+": "-", "-": "+", "*": "/", "/": "*", " and ": " or ", " or ": " and "}
    return re.sub("|".join(map(re.escape, sorted(flipped, key=len, reverse=True))), lambda found: flipped[found[0]], text)


def reformatted(text):
    """Other indentation, no blank lines, space inside parentheses, comma-separated items on lines of their own."""
    lines = [line.replace("    ", "\t") for line in text.splitlines() if line.strip()]
    return "\n".join(lines).replace("(", "( ").replace(", ", ",\n\t\t")


def functions_in_another_order(text):
    parts = re.split(r"(?m)^(?=def |class )", text)
    return parts[0] + "".join(reversed(parts[1:]))


def comments_removed(text):
    return re.sub(r"(?m)#.*$", "", re.sub(r'"""(?s:.*?)"""', '""', text))


def names_changed(text):
    names = sorted(set(re.findall(r"\b[a-z_]{3,}\b", text)) - KEYWORDS)
    new = {name: f"name{place}" for place, name in enumerate(names)}
    return re.sub(r"\b[a-z_]{3,}\b", lambda found: new.get(found[0], found[0]), text)


def one_name_changed(text):
    return re.sub(r"\bself\b", "this", text)


EDITS = {  # the edit, and between what bounds the mean similarity lies
    "reformatted": (reformatted, 0.99, 1),
    "functions in another order": (functions_in_another_order, 0.95, 1),
    "licence header exchanged": (None, 0.8, 0.95),
    "numbers changed": (numbers_changed, 0.8, 0.95),
    "one name changed": (one_name_changed, 0.8, 0.95),
    "operators flipped": (operators_flipped, 0.6, 0.75),
    "comments removed": (comments_removed, 0.3, 0.6),
    "all names changed": (names_changed, 0, 0.2),
}


def pairs_of(name):
    edit = EDITS[name][0]
    for module in MODULES:
        text = inspect.getsource(module)
        yield (HEADERS[0] + text, HEADERS[1] + text) if edit is None else (text, edit(text))


def ours(one, other):
    sets = shingle_sets(pa.array([one, other]), SignatureParams().shingle_tokens, 1 << 20)
    return jaccard(*(sets[i].values.to_numpy() for i in range(2)), 1 << 30)


def by_grams(tokens_of):
    def similarity(one, other):
        sets = [{tuple(tokens[i : i + 5]) for i in range(max(1, len(tokens) - 4))} for tokens in map(tokens_of, (one, other))]
        return len(sets[0] & sets[1]) / len(sets[0] | sets[1])

    return similarity


prose = by_grams(lambda text: re.sub(r"[^\w\s]", " ", re.sub(r"\d", "0", text.lower())).split())
split = by_grams(lambda text: re.split(r"\W", text))


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_as_similar_as_the_table_says(name):
    found = [[measure(one, other) for one, other in pairs_of(name)] for measure in (ours, prose, split)]
    mean = [sum(similarities) / len(similarities) for similarities in found]
    print(f"| {name} | {' | '.join(f'{value:.2f}' for value in mean)} |")
    least, most = EDITS[name][1:]
    assert least <= mean[0] <= most


def table_of_numbers(seed):
    draw = random.Random(seed)
    return "\n".join(f"    {{{', '.join(str(draw.randrange(100, 999)) for _ in range(8))}}}," for _ in range(200))


def test_unrelated_tables_of_numbers_and_short_functions_with_other_operators_are_not_alike():
    assert ours(table_of_numbers(1), table_of_numbers(2)) < 0.05 < 0.95 < prose(table_of_numbers(1), table_of_numbers(2))
    one = "def f(a, b, c):\n    x = a + b * c\n    if x < b:\n        return x - c\n    return x / a\n"
    assert ours(one, operators_flipped(one)) < THRESHOLD < prose(one, operators_flipped(one)) == 1
