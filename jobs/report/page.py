"""The page: facts in, one HTML document out, with nothing in it that a browser would fetch.

Whatever comes from the lake goes through `visible` (no control characters, no direction marks) and through Jinja's autoescaping, and the
page's own content security policy allows one style sheet and one script by their hashes and forbids everything else.
"""

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from jobs.report import charts, formats
from jobs.report.commits import BYTES_PER_TOKEN as COMMIT_BYTES_PER_TOKEN
from jobs.report.commits import PARTS as COMMIT_PARTS
from jobs.report.commits import RANKS, Commits
from jobs.report.duplicate_pairs import Pairs
from jobs.report.duplicates import CENTRE_STEPS, Groups, GroupSizes
from jobs.report.estimates import Estimate
from jobs.report.examples import ReasonExamples, ReasonRejects
from jobs.report.facts import ReportFacts
from jobs.report.funnel import SIZE_BOUNDS_BYTES, Funnel, SizeBin, Step
from jobs.report.probe import Probe
from jobs.report.quality import CLASS_PERCENT, PARTS, Quality, Scored
from jobs.report.runs import library_versions
from jobs.report.syntax import CLASSES, LanguageSyntax
from jobs.report.tables import Missing
from jobs.report.tokens import tokens_of_split

SECTIONS = {
    "funnel": "Funnel",
    "phases": "Phases",
    "languages": "Languages",
    "sizes": "File sizes",
    "syntax": "Syntax",
    "duplicates": "Duplicates",
    "repositories": "Repositories",
    "quality": "Quality",
    "commits": "Commits",
    "pages": "Web pages",
    "kept": "Kept",
    "dropped": "Dropped",
    "rejects": "Rejects",
    "tokens": "Tokens",
    "probe": "Probe",
    "versions": "Versions",
}
SHOWN_LOSSES = 6


def render(facts: ReportFacts) -> str:
    """The whole document. Equal facts give equal bytes: there is no clock in it."""
    style, script = _resource("style.css"), _resource("script.js")
    return (
        _environment()
        .get_template("page.html")
        .render(
            facts=facts,
            sections=SECTIONS,
            style=Markup(style),
            script=Markup(script),
            content_policy=_content_policy(style, script),
            classes=CLASSES,
            score_parts=PARTS,
            commit_ranks=RANKS,
            commit_parts=COMMIT_PARTS,
            commit_bytes_per_token=COMMIT_BYTES_PER_TOKEN,
            tokens_of_split=tokens_of_split,
            library_versions=library_versions,
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("jobs.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: formats.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    environment.tests["missing"] = lambda value: isinstance(value, Missing)
    for name in ("number", "compact", "size", "share", "seconds", "moment", "decimals", "shortened", "expected"):
        environment.filters[name] = getattr(formats, name)
    environment.filters["code"] = lambda text: Markup(escape(formats.visible_lines(formats.excerpt(text))))
    environment.filters["code_line"] = lambda text: Markup(escape(formats.visible_lines(text)))
    environment.filters |= {
        "size_range": size_range,
        "interval": interval,
        "group_chart": group_chart,
        "centre_chart": centre_chart,
        "banding_curve": banding_curve,
        "funnel_chart": funnel_chart,
        "loss_chart": loss_chart,
        "size_chart": size_chart,
        "syntax_bar": syntax_bar,
        "flag_chart": flag_chart,
        "score_chart": score_chart,
        "score_bar": score_bar,
        "loss_curve": loss_curve,
        "bits_chart": bits_chart,
        "share_bar": share_bar,
    }
    return environment


def funnel_chart(funnel: Funnel) -> Markup:
    """The steps that are there; those that are not are told in the text beside it."""
    steps = [step for step in funnel.items if step.count is not None]
    whole = max((step.count or 0 for step in steps), default=0) or 1
    stages = [charts.Stage(step.name, step.count or 0, _of_whole(step.count or 0, whole), _loss_lines(step)) for step in steps]
    told = ", ".join(f"{formats.number(step.count)} {step.name}" for step in steps)
    return charts.funnel("From entries to documents", told or "nothing is there yet", stages)


def loss_chart(losses: tuple[ReasonExamples | ReasonRejects, ...], title: str) -> Markup:
    rows = [
        charts.Bar(
            formats.shortened(one.reason, charts.LABEL_CHARACTERS), one.count, formats.number(one.count), getattr(one, "alone", None)
        )
        for one in losses
    ]
    return charts.bars(title, ", ".join(f"{row.label} {row.text}" for row in rows), rows)


def size_chart(bins: tuple[SizeBin, ...]) -> Markup:
    names = _bin_names(len(bins))
    named = [charts.Bar(name, one.count, formats.number(one.count), one.kept) for name, one in zip(names, bins, strict=True)]
    return charts.histogram("Texts by size", ", ".join(f"{one.label} bytes: {one.text}" for one in named), named)


def syntax_bar(language: LanguageSyntax) -> Markup:
    return charts.stacked(
        f"Share of error bytes in {formats.shortened(language.language, 40)}", list(zip(CLASSES, language.by_class, strict=True))
    )


def flag_chart(found: Commits) -> Markup:
    rows = [
        charts.Bar(formats.shortened(one.name, charts.LABEL_CHARACTERS), one.count, formats.number(one.count), one.alone)
        for one in found.flags
    ]
    return charts.bars("Commits by flag", ", ".join(f"{row.label} {row.text}" for row in rows), rows)


def score_chart(found: Quality) -> Markup:
    """Ten classes; a full score is in the last."""
    rows = []
    for start in range(0, 100, CLASS_PERCENT):
        end = start + CLASS_PERCENT + (start + CLASS_PERCENT == 100)
        count = sum(found.counts[start:end])
        rows.append(charts.Bar(f"{start}+", count, formats.number(count), sum(found.kept[start:end])))
    return charts.histogram("Texts by score in per cent", ", ".join(f"from {row.label[:-1]}: {row.text}" for row in rows), rows)


def score_bar(one: Scored) -> Markup:
    return charts.stacked(f"Scores of {formats.shortened(one.name, 40)}", list(zip(PARTS, one.by_part, strict=True)))


def share_bar(value: float) -> Markup:
    return charts.share_bar(value, formats.share(value))


def size_range(sizes: GroupSizes) -> str:
    if sizes.most is None:
        return f"{sizes.least:,}+"
    return f"{sizes.least:,}" if sizes.most == sizes.least else f"{sizes.least:,}\u2013{sizes.most:,}"


def interval(estimate: Estimate) -> str:
    return f"{estimate.low:,} to {estimate.high:,}"


def group_chart(groups: Groups) -> Markup:
    rows = [charts.Bar(size_range(one), one.contents, formats.number(one.contents), one.groups) for one in groups.larger]
    return charts.histogram("Texts by the size of their group", ", ".join(f"groups of {row.label}: {row.text} texts" for row in rows), rows)


def centre_chart(groups: Groups) -> Markup:
    """From the lowest class that has members up."""
    first = next((place for place, count in enumerate(groups.centres) if count), CENTRE_STEPS)
    classes = list(enumerate(groups.centres))[first:]
    rows = [charts.Bar(f"{place / CENTRE_STEPS:.1f}+", count, formats.number(count)) for place, count in classes]
    told = ", ".join(f"from {row.label}: {row.text}" for row in rows)
    return charts.histogram("Members by their similarity to the centre of their group", told, rows)


def banding_curve(pairs: Pairs) -> Markup:
    threshold, at = pairs.target.threshold, formats.share(pairs.chance_at_threshold)
    told = f"A pair at the threshold of {threshold:g} is looked at with a chance of {at}"
    mark = (threshold, f"{at} at {threshold:g}")
    return charts.line("Chance that a pair is looked at", told, pairs.curve, "chance", "Jaccard similarity ", mark)


def loss_curve(probe: Probe) -> Markup:
    points = [(point.step, point.loss) for point in probe.points]
    told = f"from {points[0][1]:.3f} to {points[-1][1]:.3f} in {probe.steps:,} steps" if points else "no step was logged"
    return charts.line("Training loss", told, points, "nats per token")


def bits_chart(probe: Probe) -> Markup:
    values = (("probe", probe.held_out_bits_per_byte, None), ("unigram baseline", probe.unigram_bits_per_byte, 0.0))
    rows = [charts.Bar(name, value, formats.decimals(value, 3), part) for name, value, part in values if value is not None]
    return charts.bars("Held-out bits per byte", ", ".join(f"{row.label} {row.text}" for row in rows), rows)


def _of_whole(count: int, whole: int) -> str:
    return formats.number(count) if count == whole else f"{formats.number(count)} \u00b7 {formats.share(count / whole)}"


def _loss_lines(step: Step) -> list[str]:
    """One line a reason; where there are many, the rest in one."""
    shown = step.losses if len(step.losses) <= SHOWN_LOSSES + 1 else step.losses[:SHOWN_LOSSES]
    lines = [f"\u2212 {formats.number(loss.count)} {formats.shortened(loss.reason, charts.LABEL_CHARACTERS)}" for loss in shown]
    more = step.losses[len(shown) :]
    return [*lines, f"\u2212 {formats.number(sum(loss.count for loss in more))} for {len(more)} other reasons"] if more else lines


def _bin_names(count: int) -> list[str]:
    """Names of the first bins by their upper bounds; the last of all has none."""
    below = ["empty", *(f"<{_binary(bound)}" for bound in SIZE_BOUNDS_BYTES[2:]), f"{_binary(SIZE_BOUNDS_BYTES[-1])}+"]
    return below[:count]


def _binary(size_bytes: int) -> str:
    return next((f"{size_bytes // unit}{name}" for unit, name in ((1 << 20, "M"), (1 << 10, "K")) if size_bytes >= unit), str(size_bytes))


def _resource(name: str) -> str:
    return files("jobs.report").joinpath("templates", name).read_text(encoding="utf-8")


def _content_policy(style: str, script: str) -> str:
    allowed = f"style-src '{_csp_hash(style)}'; script-src '{_csp_hash(script)}'; img-src data:"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _csp_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
