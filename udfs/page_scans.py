"""Where the parts of a page's source end: names, comments, sections, raw text."""

from typing import Any

from udfs.compiled import compiled
from udfs.page_names import is_space, lower


@compiled
def after(data: Any, i: Any, byte: Any) -> Any:
    n = len(data)
    while i < n and data[i] != byte:
        i += 1
    return min(i + 1, n)


@compiled
def after_comment(data: Any, i: Any) -> Any:
    """What is after the comment whose `<!--` ends at `i`: all of the page where it has no end."""
    n = len(data)
    if i < n and data[i] == 62:
        return i + 1
    if i + 1 < n and data[i] == 45 and data[i + 1] == 62:
        return i + 2
    while i < n:
        i = after(data, i, 62)
        if i >= 3 and data[i - 1] == 62 and data[i - 2] == 45 and data[i - 3] == 45:
            return i
        if i >= 4 and data[i - 1] == 62 and data[i - 2] == 33 and data[i - 3] == 45 and data[i - 4] == 45:
            return i
    return n


@compiled
def stands_at(data: Any, i: Any, what: Any) -> Any:
    """Whether these bytes are at `i`."""
    k = 0
    while k < len(what) and i + k < len(data) and data[i + k] == what[k]:
        k += 1
    return k == len(what)


@compiled
def section_end(data: Any, i: Any) -> Any:
    """Where the `]]>` of a section is that begins at `i`; the page's end where it has none."""
    n = len(data)
    while i < n and not (data[i] == 62 and data[i - 1] == 93 and data[i - 2] == 93):
        i += 1
    return i - 2 if i < n else n


@compiled
def raw_end(data: Any, i: Any, name: Any, name_end: Any) -> Any:
    """Where raw text that begins at `i` ends: at the end tag of the same name, or with the page."""
    n = len(data)
    size = name_end - name
    while i < n:
        if data[i] == 60 and i + 2 + size <= n and data[i + 1] == 47:
            k = 0
            while k < size and lower(data[i + 2 + k]) == lower(data[name + k]):
                k += 1
            end = i + 2 + size
            if k == size and (end == n or is_space(data[end]) or data[end] == 47 or data[end] == 62):
                return i
        i += 1
    return n


@compiled
def name_end_at(data: Any, i: Any) -> Any:
    n = len(data)
    while i < n and not is_space(data[i]) and data[i] != 47 and data[i] != 62:
        i += 1
    return i
