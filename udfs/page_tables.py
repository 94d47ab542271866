"""Tables: those that hold data become pipe tables, those that lay a page out are read cell by cell."""

from typing import Any

from udfs.compiled import compiled
from udfs.page_marks import CODE, DROPPED, HAS_CODE, LAYOUT
from udfs.page_tags import TAG, TEXT
from udfs.page_tree import BITS, KIND, LAST, SIZE
from udfs.page_writer import (
    BREAK,
    COLUMNS_SEEN,
    GLUED,
    INLINE,
    POS,
    ROWS_SEEN,
    SPACE,
    TABLE,
    TIGHT,
    begin,
    end_run,
    has_room,
    put,
    put_all,
)

MAX_CELL_BYTES = 2000
MAX_COLUMNS = 100


@compiled
def is_data_table(nodes: Any, table: Any) -> Any:
    """Whether a table is one: at least two columns, two rows or a head, and no cell that holds a block of code, a table or a long text."""
    if nodes[table, BITS] & (CODE | HAS_CODE):
        return False
    rows = columns = heads = cells = 0
    i = table + 1
    while i < nodes[table, LAST]:
        tag = nodes[i, KIND]
        if nodes[i, BITS] & DROPPED:
            i = nodes[i, LAST]
            continue
        if tag == TAG.TABLE or TAG.H1 <= tag <= TAG.H6 or tag == TAG.BLOCKQUOTE or tag == TAG.HR:
            return False
        if tag == TAG.TR:
            rows += 1
            cells = 0
        elif tag == TAG.TD or tag == TAG.TH:
            cells += 1
            columns = max(columns, cells)
            heads += tag == TAG.TH
            if nodes[i, SIZE] > MAX_CELL_BYTES or nodes[i, BITS] & LAYOUT:
                return False
        elif tag == TEXT and rows == 0 and nodes[i, SIZE] > MAX_CELL_BYTES:
            return False
        i += 1
    return 2 <= columns <= MAX_COLUMNS and (rows >= 2 or heads > 0)


@compiled
def start_table(w: Any, depth: Any) -> None:
    w.state[TABLE] = depth
    w.state[ROWS_SEEN] = w.state[COLUMNS_SEEN] = 0


@compiled
def end_table(w: Any) -> None:
    w.state[TABLE] = -1


@compiled
def start_row(w: Any) -> None:
    end_run(w, 1)
    w.state[COLUMNS_SEEN] = 0


@compiled
def start_cell(w: Any) -> None:
    state = w.state
    if not has_room(w, 64):
        return
    state[SPACE] = 0
    if state[COLUMNS_SEEN] == 0:
        begin(w)
        put(w, 124)
    put(w, 32)
    state[COLUMNS_SEEN] += 1
    state[INLINE] += 1
    state[GLUED] = 0
    state[TIGHT] = state[POS]


@compiled
def end_cell(w: Any) -> None:
    state = w.state
    state[INLINE] -= 1
    state[SPACE] = state[GLUED] = state[BREAK] = 0
    if has_room(w, 64):
        put_all(w, b" |")


@compiled
def end_row(w: Any) -> None:
    """After the first row comes the line that makes it the table's head."""
    state = w.state
    if state[COLUMNS_SEEN] == 0:
        return
    state[ROWS_SEEN] += 1
    end_run(w, 1)
    if state[ROWS_SEEN] == 1:
        columns = state[COLUMNS_SEEN]
        begin(w)
        put(w, 124)
        for _ in range(columns):
            put_all(w, b"---|")
        end_run(w, 1)
