"""Charts as static SVG that follows the width of the page: bars, a funnel, a histogram, a line.

Places along the width are per cent and along the height pixels, so that text keeps its size on a narrow screen. Colours are classes of
the page's style sheet. Every chart has a title and a description for those who do not see it, and every mark its number.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from markupsafe import Markup

from jobs.report.formats import compact, shortened, visible

LABEL_CHARACTERS = 36


@dataclass(frozen=True)
class Bar:
    """`text` stands at its end; `part` of `value` is drawn in the accent colour, all of it where it is None."""

    label: str
    value: float
    text: str
    part: float | None = None


@dataclass(frozen=True)
class Stage:
    """A step of a funnel: lines of `losses` stand under it, where it narrows."""

    label: str
    value: int
    text: str
    losses: Sequence[str] = ()


def bars(title: str, description: str, rows: Sequence[Bar]) -> Markup:
    """Horizontal bars, each under its label and number."""
    svg = _chart(title, description, 38 * len(rows))
    longest = max((row.value for row in rows), default=0) or 1
    for index, row in enumerate(rows):
        y = 38 * index
        _text(svg, "0", y + 14, shortened(row.label, LABEL_CHARACTERS), "label")
        _text(svg, "100%", y + 14, row.text, "value end")
        _rect(svg, 0, y + 20, 100, 8, "track")
        _rect(svg, 0, y + 20, 100 * row.value / longest, 8, "bar" if row.part is None else "rest")
        if row.part is not None:
            _rect(svg, 0, y + 20, 100 * row.part / longest, 8, "bar")
    return _markup(svg)


def funnel(title: str, description: str, stages: Sequence[Stage]) -> Markup:
    """Bars whose widths are shares of the first one, joined where they narrow."""
    heights = [52 + (19 * len(stage.losses) + 8 if stage.losses else 0) for stage in stages]
    svg = _chart(title, description, sum(heights))
    whole = max((stage.value for stage in stages), default=0) or 1
    top, before = 0, None
    for stage, height in zip(stages, heights, strict=True):
        width, bar = 100 * stage.value / whole, top + height - 24
        if before is not None:
            _slope(svg, before, width, top - 2, bar - top + 2)
        for index, line in enumerate(stage.losses):
            _text(svg, "12", top + 17 + 19 * index, line, "loss")
        _text(svg, "0", bar - 7, stage.label, "label strong")
        _text(svg, "100%", bar - 7, stage.text, "value end strong")
        _rect(svg, 0, bar, width, 22, "bar")
        top, before = top + height, width
    return _markup(svg)


def histogram(title: str, description: str, bins: Sequence[Bar]) -> Markup:
    """Upright bars side by side, each with its number above and its label below."""
    height, foot = 190, 26
    svg = _chart(title, description, height + foot)
    tallest = max((one.value for one in bins), default=0) or 1
    step = 100 / max(1, len(bins))
    for index, one in enumerate(bins):
        left, tall = index * step, (height - 24) * one.value / tallest
        group = ET.SubElement(svg, "g")
        ET.SubElement(group, "title").text = visible(f"{one.label}: {one.text}")
        _rect(group, left + step * 0.07, height - tall, step * 0.86, tall, "bar" if one.part is None else "rest")
        if one.part is not None:
            part = tall * one.part / one.value if one.value else 0
            _rect(group, left + step * 0.07, height - part, step * 0.86, part, "bar")
        _text(group, f"{left + step / 2:.2f}%", height - tall - 6, compact(one.value), "value middle small")
        _text(group, f"{left + step / 2:.2f}%", height + 18, one.label, "label middle small")
    _line(svg, 0, height, 100, height, "axis")
    return _markup(svg)


def line(
    title: str,
    description: str,
    points: Sequence[tuple[float, float]],
    unit: str,
    along: str = "step ",
    mark: tuple[float, str] | None = None,
) -> Markup:
    """A curve over a grid whose numbers stand inside; the last point carries its value.

    along: what stands before the numbers of the width. mark: a place along it, with a text, at which an upright line is drawn.
    """
    height, foot = 240, 26
    svg = _chart(title, description, height + foot)
    if not points:
        return _markup(svg)
    xs, ys = [x for x, _ in points], [y for _, y in points]
    grid = ticks(min(ys), max(ys))
    low, high = grid[0], grid[-1]
    for tick in grid:
        y = height - (height - 20) * (tick - low) / (high - low)
        _line(svg, 0, y, 100, y, "grid")
        _text(svg, "0", y - 4, f"{tick:g}" + (f" {unit}" if tick == high else ""), "label small")
    span = (max(xs) - min(xs)) or 1
    places = [(1000 * (x - min(xs)) / span, 1000 - 1000 * (y - low) / (high - low)) for x, y in points]
    plot = _stretched(svg, 20, height - 20, "0 0 1000 1000")
    ET.SubElement(plot, "polyline", {"points": " ".join(f"{x:.1f},{y:.1f}" for x, y in places), "class": "curve"})
    if mark:
        x = 100 * (mark[0] - min(xs)) / span
        _line(svg, x, 20, x, height, "axis")
        _text(svg, f"{x - 1:g}%", height - 10, mark[1], "value end strong")
    last = 20 + (height - 20) * places[-1][1] / 1000
    _text(svg, "100%", last - 8, f"{ys[-1]:.3f}", "value end strong")
    for x, anchor in ((min(xs), ""), (max(xs), " end")):
        _text(svg, "100%" if anchor else "0", height + 18, f"{along}{x:,.0f}", f"label small{anchor}")
    return _markup(svg)


def stacked(title: str, parts: Sequence[tuple[str, int]]) -> Markup:
    """One thin bar of shares for a cell of a table; class `part0` is the first part's colour. The numbers stand in the title."""
    whole = sum(count for _, count in parts) or 1
    svg = _chart(title, "; ".join(f"{name}: {count:,}" for name, count in parts), 10, "chart cell")
    left = 0.0
    for index, (_, count) in enumerate(parts):
        _rect(svg, left, 0, 100 * count / whole, 10, f"part{index}")
        left += 100 * count / whole
    return _markup(svg)


def share_bar(value: float, text: str) -> Markup:
    """One thin bar for a cell of a table: a share of the whole cell."""
    svg = _chart("Share", text, 10, "chart cell")
    _rect(svg, 0, 0, 100, 10, "track")
    _rect(svg, 0, 0, 100 * value, 10, "bar")
    return _markup(svg)


def ticks(low: float, high: float) -> list[float]:
    """Two to seven round numbers that enclose the values."""
    span = max(high - low, 1e-3)
    power = 10.0 ** math.floor(math.log10(span))
    step = next(power * factor for factor in (0.2, 0.5, 1, 2) if span / (power * factor) <= 5)
    first, last = int(low // step), int(-(-high // step))
    return [round(step * place, 6) for place in range(first, max(last, first + 1) + 1)]


def _chart(title: str, description: str, height: float, kind: str = "chart") -> ET.Element:
    svg = ET.Element("svg", {"class": kind, "role": "img", "width": "100%", "height": f"{height:g}"})
    ET.SubElement(svg, "title").text = visible(title)
    ET.SubElement(svg, "desc").text = visible(description)
    return svg


def _rect(parent: ET.Element, left: float, top: float, width: float, height: float, kind: str) -> None:
    if width > 0 and height > 0:
        width = max(width, 0.15)  # what is not nothing can be seen
        place = {"x": f"{left:.3f}%", "y": f"{top:.1f}", "width": f"{width:.3f}%", "height": f"{height:.1f}"}
        ET.SubElement(parent, "rect", {**place, "class": kind})


def _text(parent: ET.Element, x: str, y: float, text: str, kind: str) -> None:
    ET.SubElement(parent, "text", {"x": x, "y": f"{y:.1f}", "class": kind}).text = visible(text)


def _line(parent: ET.Element, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
    ET.SubElement(parent, "line", {"x1": f"{x1:g}%", "y1": f"{y1:.1f}", "x2": f"{x2:g}%", "y2": f"{y2:.1f}", "class": kind})


def _slope(parent: ET.Element, above: float, below: float, top: float, height: float) -> None:
    """The band that joins two bars of the given widths."""
    band = _stretched(parent, top, height, "0 0 100 1")
    ET.SubElement(band, "polygon", {"points": f"0,0 {above:.3f},0 {below:.3f},1 0,1", "class": "slope"})


def _stretched(parent: ET.Element, top: float, height: float, view: str) -> ET.Element:
    """A drawing over the whole width whose own coordinates, `view`, stretch with it."""
    place = {"x": "0", "y": f"{top:.1f}", "width": "100%", "height": f"{height:.1f}"}
    return ET.SubElement(parent, "svg", {**place, "viewBox": view, "preserveAspectRatio": "none"})


def _markup(svg: ET.Element) -> Markup:
    return Markup(ET.tostring(svg, encoding="unicode"))
