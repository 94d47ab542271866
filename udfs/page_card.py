"""The card of the models of pages: what they were trained on, how good they are, what not to believe. Markdown, from what training
measured."""

from typing import Any

_OF_RUBRIC = """\
**Its labels are those of the rubric, which counts and does not judge.** That it learned them proves that the way from pages to judgements
works. It says nothing about the quality of pages, and its ratings should select nothing that matters. Recall and precision are those of
pages whose label is clear; what the rubric is not sure of is in neither.
"""
_OF_JUDGE = """\
**Its labels are those of a language model** that read the beginning of each page. What it is wrong about, these models learn too: see
`codemill agreement` for how far it agrees with itself and with the rubric. What it gave no usable answer about is in no measure.
"""


def card(found: dict[str, Any]) -> str:
    """`found` is the card that `udfs.page_training.train` gives."""
    measured = "\n".join(_measured(name, found[name]) for name in ("validation", "held_out") if found["counts"][name]["pages"])
    rounds = "\n".join(
        f"| {number} | {one['pages']:,} | {one['added']['relevant']:,} | {one['added']['not_relevant']:,} | {one['threshold_percent']} "
        f"| {_share(one['validation']['recall'])} | {_share(one['validation']['precision'])} |"
        for number, one in enumerate(found["rounds"], 1)
    )
    counts = "\n".join(
        f"| {name.replace('_', ' ')} | {one['hosts']:,} | {one['pages']:,} | {one['relevant']:,} | {one['not_relevant']:,} "
        f"| {one['unsure']:,} |"
        for name, one in ((name, found["counts"][name]) for name in ("train", "validation", "held_out"))
    )
    versions = ", ".join(f"{name} {value}" for name, value in sorted(found["versions"].items()))
    return f"""\
# Models of pages {found["model_hash"][:16]}

Three fastText models of a page's words: whether it is about code, the category of its site, a rating from 0 to 10.

{_OF_JUDGE if found.get("is_judged") else _OF_RUBRIC}
## Trained on

Labels: {found["labels"]}. Pages are split by host: no host is in two rows.

| part | hosts | pages | about code | about something else | unsure |
|---|---:|---:|---:|---:|---:|
{counts}

Versions: {versions}. Seed of the draws: `{found["parameters"]["seed"]}`; of fastText: {found["parameters"]["model"]["seed"]}.

## Relevance in rounds

A round sees what the last one got wrong among the training pages that it had not seen. A page passes from a relevance of
{found["threshold_percent"]} percent, the highest at which the last round reaches a recall of {found["recall_wanted"]:.0%} on the validation
hosts. Behind a share stand its 95 % intervals: Wilson's, then that of resampled hosts.

| round | pages | added about code | added others | threshold | recall | precision |
|---:|---:|---:|---:|---:|---|---|
{rounds}

{measured}"""


def _measured(name: str, found: dict[str, Any]) -> str:
    category, quality, relevance = found["category"], found["quality"], found["relevance"]
    rows = "\n".join(
        f"| {one} | {values['pages']:,} | {_share(values['recall'])} | {_share(values['precision'])} |"
        for one, values in sorted(category["classes"].items())
    )
    names = sorted({said for row in category["confusion"].values() for said in row})
    confusion = "\n".join(
        f"| {true} | " + " | ".join(f"{row.get(said, 0):,}" for said in names) + " |" for true, row in sorted(category["confusion"].items())
    )
    base = category["commonest_class_share"]
    return f"""\
## On {name.replace("_", "-")} hosts

Relevance at the threshold: recall {_share(relevance["recall"])}, precision {_share(relevance["precision"])},
of {relevance["pages"]:,} pages; {found["unsure"]["reach_threshold"]:,} of {found["unsure"]["pages"]:,} pages without a label of relevance
pass too.

Category: right for {_share(category["accuracy"])}; the commonest class alone would be right for {"-" if base is None else f"{base:.1%}"}.

| category | pages | recall | precision |
|---|---:|---|---|
{rows}

| true, predicted | {" | ".join(names)} |
|---|{"---:|" * len(names)}
{confusion}

Quality, errors on the scale of 0 to 10:

| | mean absolute | averaged per rating first |
|---|---:|---:|
| the model | {_number(quality["model"]["mae"])} | {_number(quality["model"]["cmae"])} |
| {quality["constant_rating"]:.1f} of every page | {_number(quality["constant"]["mae"])} | {_number(quality["constant"]["cmae"])} |
"""


def _share(found: dict[str, Any]) -> str:
    """`97.1 % (95.0 to 98.4; hosts 90.1 to 99.0)`"""
    if found["value"] is None:
        return "-"
    hosts = "" if found["group_low"] is None else f"; hosts {100 * found['group_low']:.1f} to {100 * found['group_high']:.1f}"
    return f"{100 * found['value']:.1f} % ({100 * found['low']:.1f} to {100 * found['high']:.1f}{hosts})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
