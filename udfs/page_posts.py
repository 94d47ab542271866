"""Headings of questions and answers, with their votes and whether they were accepted."""

from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.page_attributes import attribute
from udfs.page_marks import ACCEPTED, ANSWER, QUESTION, SCORED, VOTES
from udfs.page_names import is_digit, is_space, name_hash
from udfs.page_tags import TEXT
from udfs.page_tree import BITS, END, KIND, LAST, START
from udfs.page_writer import HEADING, begin, end_run, put, put_all

_DATA_SCORE = name_hash(b"data-score")


@compiled
def put_post(w: Any, data: Any, nodes: Any, i: Any) -> None:
    """A heading for a question or an answer, with its votes and whether it was accepted; of two questions in one, for the inner one."""
    inner = i + 1
    while inner < nodes[i, LAST] and not nodes[inner, BITS] & (QUESTION | ANSWER):
        inner += 1
    if inner < nodes[i, LAST] and nodes[i, BITS] & QUESTION and nodes[inner, BITS] & QUESTION:
        return
    end_run(w, 2)
    w.state[HEADING] = 2
    begin(w)
    bits = nodes[i, BITS]
    put_all(w, b"Question" if bits & QUESTION else b"Answer")
    votes, votes_end = _votes(data, nodes, i)
    if votes_end > votes or bits & ACCEPTED:
        put_all(w, b" (")
        for k in range(votes, votes_end):
            put(w, data[k])
        if votes_end > votes:
            put_all(w, b" vote" if votes_end - votes == 1 and data[votes] == 49 else b" votes")
        if bits & ACCEPTED:
            put_all(w, b", accepted" if votes_end > votes else b"accepted")
        put(w, 41)
    end_run(w, 2)


@compiled
def _votes(data: Any, nodes: Any, i: Any) -> Any:
    """(start, end) of the number of votes: the post's attribute, else the text that the page marks as its votes; (0, 0)."""
    start = end = np.int64(0)
    if nodes[i, BITS] & SCORED:
        start, end = attribute(data, np.int64(nodes[i, START]), _DATA_SCORE)
    else:
        for k in range(i + 1, nodes[i, LAST]):
            if nodes[k, BITS] & (QUESTION | ANSWER):
                break
            if nodes[k, BITS] & VOTES and nodes[k, LAST] > k + 1 and nodes[k + 1, KIND] == TEXT:
                start, end = np.int64(nodes[k + 1, START]), np.int64(nodes[k + 1, END])
                break
    while start < end and is_space(data[start]):
        start += 1
    last = start + (start < end and data[start] == 45)
    while last < end and last - start < 12 and is_digit(data[last]):
        last += 1
    return start, last
