from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.report.charts import Bar, Stage, bars, funnel, histogram, line, share_bar, stacked, ticks

HOSTILE = '</title></svg><script>alert(1)</script>"\u202e\x00'


def widths(svg: str, kind: str) -> list[float]:
    return [float(rect.attrib["width"].rstrip("%")) for rect in ET.fromstring(svg).iter("rect") if rect.attrib["class"] == kind]


def texts(svg: str) -> list[str]:
    return [one.text or "" for one in ET.fromstring(svg).iter("text")]


def test_bars_are_as_long_as_their_values_and_carry_them() -> None:
    svg = bars("t", "d", [Bar("a", 4, "four"), Bar("b", 1, "one")])
    assert widths(svg, "bar") == [100, 25]
    assert texts(svg) == ["a", "four", "b", "one"]


def test_a_part_of_a_bar_lies_over_the_rest() -> None:
    svg = bars("t", "d", [Bar("a", 8, "8", part=2)])
    assert widths(svg, "rest") == [100]
    assert widths(svg, "bar") == [25]


def test_what_is_not_nothing_can_be_seen() -> None:
    assert min(widths(bars("t", "d", [Bar("a", 10**9, ""), Bar("b", 1, "")]), "bar")) > 0.1


def test_a_funnel_shows_every_step_and_every_loss() -> None:
    svg = funnel("t", "d", [Stage("found", 10, "10"), Stage("kept", 4, "4", ("\N{MINUS SIGN} 5 binary", "\N{MINUS SIGN} 1 empty"))])
    assert widths(svg, "bar") == [100, 40]
    assert texts(svg) == ["found", "10", "\N{MINUS SIGN} 5 binary", "\N{MINUS SIGN} 1 empty", "kept", "4"]


def test_columns_of_a_histogram_are_as_tall_as_their_counts() -> None:
    svg = ET.fromstring(histogram("t", "d", [Bar("<1K", 10, "10", part=5), Bar("<4K", 20, "20", part=20)]))
    tall = {kind: [float(r.attrib["height"]) for r in svg.iter("rect") if r.attrib["class"] == kind] for kind in ("rest", "bar")}
    assert tall["rest"][0] * 2 == tall["rest"][1]
    assert tall["bar"] == [tall["rest"][0] / 2, tall["rest"][1]]


def test_parts_of_a_stacked_bar_fill_it() -> None:
    rects = list(ET.fromstring(stacked("t", [("a", 1), ("b", 0), ("c", 3)])).iter("rect"))
    assert [(r.attrib["class"], r.attrib["x"], r.attrib["width"]) for r in rects] == [
        ("part0", "0.000%", "25.000%"),
        ("part2", "25.000%", "75.000%"),
    ]


def test_a_curve_goes_from_the_first_point_to_the_last() -> None:
    curve = ET.fromstring(line("t", "d", [(0, 4.0), (5, 3.0), (10, 2.0)], "nats")).find(".//polyline")
    assert curve is not None
    assert curve.attrib["points"] == "0.0,0.0 500.0,500.0 1000.0,1000.0"


def test_a_mark_stands_at_its_place_along_the_curve() -> None:
    svg = ET.fromstring(line("t", "d", [(0, 0.0), (0.5, 0.4), (2, 1.0)], "u", "width ", (1.5, "here")))
    (mark,) = (one for one in svg.iter("line") if one.attrib["class"] == "axis")
    assert (mark.attrib["x1"], mark.attrib["x2"]) == ("75%", "75%")
    assert {"here", "width 0", "width 2"} <= set(texts(ET.tostring(svg, encoding="unicode")))


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_ticks_enclose_the_values_and_are_few(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert found[0] <= low + 1e-5 and low + span <= found[-1] + 1e-5
    assert 2 <= len(found) <= 8
    assert found == sorted(found)


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=60), st.integers(0, 10**12)), max_size=12))
def test_every_chart_is_well_formed_and_described(rows: list[tuple[str, int]]) -> None:
    as_bars = [Bar(label, value, f"{value:,}", value // 2) for label, value in rows]
    charts = [
        bars("title", "told", as_bars),
        funnel("title", "told", [Stage(label, value, "", (label,)) for label, value in rows]),
        histogram("title", "told", as_bars),
        line("title", "told", [(index, value) for index, (_, value) in enumerate(rows)], "u"),
        stacked("title", rows),
        share_bar(0.5, "50 %"),
    ]
    for svg in map(ET.fromstring, charts):
        assert svg.attrib["role"] == "img"
        assert svg.findtext("title") and svg.find("desc") is not None


def test_hostile_labels_stay_text() -> None:
    svg = bars(HOSTILE, HOSTILE, [Bar(HOSTILE, 1, HOSTILE)])
    assert "<script" not in svg and "\u202e" not in svg and "\x00" not in svg
    assert {element.tag for element in ET.fromstring(svg).iter()} == {"svg", "title", "desc", "text", "rect"}
