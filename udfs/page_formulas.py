"""Formulas: their TeX where the page has it."""

from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.page_attributes import attribute
from udfs.page_names import name_hash
from udfs.page_tags import TAG, TEXT
from udfs.page_tree import END, KIND, LAST, START
from udfs.page_writer import put_text

_ALTTEXT = name_hash(b"alttext")


@compiled
def put_formula(w: Any, data: Any, start: Any, end: Any, names: Any) -> None:
    if end > start:
        put_text(w, data, start, end, names)


@compiled
def put_math(w: Any, data: Any, nodes: Any, i: Any, names: Any) -> None:
    """MathML as its TeX where the page has it, else as its text."""
    start, end = attribute(data, np.int64(nodes[i, START]), _ALTTEXT)
    if end > start:
        put_formula(w, data, start, end, names)
        return
    for k in range(i + 1, nodes[i, LAST]):
        if nodes[k, KIND] == TAG.ANNOTATION and nodes[k, LAST] > k + 1:
            put_formula(w, data, np.int64(nodes[k + 1, START]), np.int64(nodes[k + 1, END]), names)
            return
    for k in range(i + 1, nodes[i, LAST]):
        if nodes[k, KIND] == TEXT:
            put_text(w, data, np.int64(nodes[k, START]), np.int64(nodes[k, END]), names)
