"""Pictures of how good a scorer is."""

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gpu_scoring.metrics import SCALE, CalibrationBin


def draw_calibration(axes: Axes, bins: list[CalibrationBin]) -> None:
    """The oracle's mean rating over the mean prediction, a point for each bin, as large as it has files."""
    most = max((one.files for one in bins), default=1)
    axes.plot([0, SCALE], [0, SCALE], color="0.7", linewidth=1, label="as predicted")
    axes.scatter(
        [one.predicted for one in bins], [one.true for one in bins], s=[20 + 180 * one.files / most for one in bins], color="#0a6c74"
    )
    for one in bins:
        axes.annotate(f"{one.files:,}", (one.predicted, one.true), textcoords="offset points", xytext=(8, -10), fontsize=8, color="0.4")
    axes.set(xlim=(0, SCALE), ylim=(0, SCALE), xlabel="mean prediction", ylabel="mean rating", title="Calibration, files of each bin")
    axes.set_aspect("equal")
    axes.legend(loc="upper left", frameon=False, fontsize=8)


def calibration_png(bins: list[CalibrationBin]) -> bytes:
    """The same figure as a file. Equal bins give equal bytes, with one version of Matplotlib."""
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    draw_calibration(figure.subplots(), bins)
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=120, metadata={"Software": None})
    return written.getvalue()
