"""The card of a scorer: what it was trained on, how good it is, how to use it, what not to believe."""

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from gpu_scoring.decoders import is_known_to_transformers
from gpu_scoring.examples import Labelled
from gpu_scoring.metrics import Measures
from gpu_scoring.out_folder import CALIBRATION_NAME
from gpu_scoring.scorer import Scorer

if TYPE_CHECKING:
    from gpu_scoring.train import Trained, TrainParams

_RUBRIC = """\
**Its labels are those of the rubric, which counts and does not judge.** That it learned them proves that the way from labels to scores
works. It says nothing about the quality of code or of pages, and its scores should select nothing that matters.

"""
# What is written of a kind: its texts, where they are held out, what they are grouped by, one and many, what their text is.
_WORDS = {
    "file": ("files", "files of held-out repositories", "language", "Languages", "A text is the file."),
    "page": (
        "pages",
        "pages on held-out hosts",
        "kind of site",
        "Kinds of sites",
        "A text is what was extracted of the page, without its address and title, which the oracle saw too.",
    ),
}
_SHUFFLED = """\
**Its labels were shuffled.** It is a check that nothing can be learned from nothing, and of no other use.

"""
_ALONE = """\
`transformers.AutoModelForSequenceClassification` loads the folder too: give it the tokens that `load_scorer(...).tokens` gives, and add the
`offset` of `scorer.json` to what it says."""
_MADE = """\
Transformers has no class for this decoder with such a head: `load_scorer` makes one."""


def card(data: Labelled, params: "TrainParams", trained: "Trained", scorer: Scorer) -> str:
    """Markdown. MODEL_HASH stands where the model's hash belongs."""
    random = f"random weights ({params.shape.hidden_size} wide, {params.shape.layers} layers)"
    start = f"the checkpoint `{params.checkpoint}`" if params.checkpoint else random
    texts, of_held_out, grouped, groups, text = _WORDS[data.kind]
    structure = scorer.model.config.model_type
    warning = (_RUBRIC if data.oracle == "rubric" else "") + (_SHUFFLED if params.shuffled_labels else "")
    ratings = Counter(f"{rating:.0f}" for rating in np.floor(10 * data.train.scores + 0.5))
    rows = [("**this scorer**", trained.scorer), *trained.baselines.items()]
    errors = "\n".join(f"| {name} | {_errors(found)} |" for name, found in rows)
    languages = "\n".join(
        f"| {name} | {files:,} | {mae:.2f} | {bias:+.2f} |"
        for name, (files, mae, bias) in sorted(trained.languages.items(), key=lambda item: (-item[1][0], item[0]))
    )
    bins = "\n".join(
        f"| {one.low:.0f} to {one.high:.0f} | {one.files:,} | {one.predicted:.2f} | {one.true:.2f} |" for one in trained.calibration
    )
    return f"""\
# Quality scorer MODEL_HASH

It scores {texts} and nothing else: a lake refuses to score another kind by it. {text}

A decoder (`{structure}`, as Transformers calls it) with a regression head. It gives a text a score from 0 to 1; times ten it is the
rating that the oracle would give.

{warning}## Trained on

- {trained.train_files:,} {texts} rated by the oracle `{data.oracle}`; {len(data.held_out):,} {of_held_out} were never
  trained on. {data.left_out:,} rated {texts} were left out, which do not pass the gates, or not any more,
  and {data.unknown:,} of which nobody knows whether they are held out: decide/features has no row of them, or ingest/contents no text.
- The oracle was asked with {data.asked_with}.
- Labels of version `{data.version}`: a hash of the oracle, of the version of its prompt or rules, and of how much of a text it is shown.
- {groups}: {_counts(Counter(data.train.languages))}.
- Ratings, to the nearest whole: {_counts(ratings)}.
- Started from {start}; {params.epochs} epoch(s), mean squared error on [0, 1], seed {params.seed}.
- A text is its first {params.window:,} tokens; {trained.truncated_files:,} of the {texts} of training are longer.
- Tokens: {scorer.reading}. {trained.unknown_share:.2%} of those of training stand for what it does not know.

## How good it is

On the held-out {texts}, errors on the oracle's scale of 0 to 10. MAE is the mean absolute error, with its 95 % interval over resampled
{texts}; cMAE is averaged per rating first, because ratings are far from uniform.

| | {texts} | MAE | interval | cMAE | Spearman |
|---|---:|---:|---:|---:|---:|
{errors}

| {grouped} | {texts} | MAE | mean error |
|---|---:|---:|---:|
{languages}

Where it predicts so much, the oracle's mean is so much:

![Calibration]({CALIBRATION_NAME})

| predicted | {texts} | mean prediction | mean rating |
|---:|---:|---:|---:|
{bins}

## How to use it

```python
from pathlib import Path
from gpu_scoring.model_folder import load_scorer

load_scorer(Path("FOLDER")).predict(["def f():\\n    return 1\\n"])  # scores on [0, 1]
```

`codemill score` computes in float32 on a processor and in bf16 on a GPU. Some per cent of scores then differ by 0.01, so those of a GPU
are kept as another version, MODEL_HASH-bf16.

{_ALONE if is_known_to_transformers(scorer.model.config) else _MADE}
"""


def _counts(counts: Counter[str]) -> str:
    """Most files first."""
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _errors(found: Measures) -> str:
    rank = "-" if found.spearman is None else f"{found.spearman:.3f}"
    return f"{found.files:,} | {found.mae:.2f} | {found.mae_low:.2f} to {found.mae_high:.2f} | {found.cmae:.2f} | {rank}"
