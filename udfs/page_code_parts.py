"""A `<pre>` that holds several `<code>` and nothing else: lines that are elements, or one program in several languages."""

from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.page_attributes import attribute
from udfs.page_marks import DROPPED
from udfs.page_names import name_hash
from udfs.page_tags import TAG
from udfs.page_tree import BITS, KIND, LANG_END, LAST, SIZE, START

_CLASS = name_hash(b"class")


@compiled
def next_part(nodes: Any, pre: Any, i: Any) -> Any:
    """The first visible child of `pre` from `i` on, or the end of `pre`."""
    while i < nodes[pre, LAST] and (nodes[i, BITS] & DROPPED or nodes[i, SIZE] == 0):
        i = np.int64(nodes[i, LAST])
    return i


@compiled
def has_parts(nodes: Any, pre: Any) -> Any:
    """Whether `pre` holds more than one `<code>`, and nothing else that is visible."""
    if nodes[pre, KIND] != TAG.PRE:
        return False
    count = 0
    i = next_part(nodes, pre, pre + 1)
    while i < nodes[pre, LAST]:
        if nodes[i, KIND] != TAG.CODE:
            return False
        count += 1
        i = next_part(nodes, pre, np.int64(nodes[i, LAST]))
    return count > 1


@compiled
def are_programs(data: Any, nodes: Any, pre: Any) -> Any:
    """Whether the parts of `pre` name a language each and differ in their classes: a page shows one of them at a time."""
    before = pre
    i = next_part(nodes, pre, pre + 1)
    while i < nodes[pre, LAST]:
        if not nodes[i, LANG_END] or (before > pre and _have_same_class(data, nodes, before, i)):
            return False
        before, i = i, next_part(nodes, pre, np.int64(nodes[i, LAST]))
    return before > pre


@compiled
def _have_same_class(data: Any, nodes: Any, a: Any, b: Any) -> Any:
    start, end = attribute(data, np.int64(nodes[a, START]), _CLASS)
    other, other_end = attribute(data, np.int64(nodes[b, START]), _CLASS)
    if end - start != other_end - other:
        return False
    k = 0
    while start + k < end and data[start + k] == data[other + k]:
        k += 1
    return start + k == end
