"""What a worker did so far, and what is left."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Unusable(NamedTuple):
    """A text to which the model gave no number. Its tokens are not kept."""

    key: str
    token_count: int
    is_truncated: bool


@dataclass
class Summary:
    """`wanted` candidates of the `kind` pass the gates, of which `skipped` had a score. `scored` were scored now, of which this worker
    added `written` to the table: fewer where another was faster, more where a killed worker had left some. `unusable`: of all that are
    asked one in a hundred at most, or the worker stops. `reading`: how texts become tokens and go through the model.
    """

    kind: str = "file"
    wanted: int = 0
    skipped: int = 0
    scored: int = 0
    written: int = 0
    tokens: int = 0
    truncated: int = 0
    seconds: float = 0.0
    flops: float = 0.0
    peak_flops: float = 0.0
    reading: str = ""
    scores: np.ndarray = field(default_factory=lambda: np.zeros(101, np.int64))
    unusable: list[Unusable] = field(default_factory=list)

    @property
    def peak_share(self) -> float:
        """Of what a product of dense matrices reaches on the device, counted in useful operations."""
        return self.flops / max(self.seconds, 1e-9) / self.peak_flops if self.peak_flops else 0.0


def progress(found: Summary, wanted: int, price_per_hour: float) -> str:
    left_h = found.seconds / max(1, found.scored) * (wanted - found.scored) / 3600
    left = f"about {60 * left_h:.0f} min left" + (f", at a cost of {price_per_hour * left_h:,.2f}" if price_per_hour else "")
    speed = f"{found.tokens / max(found.seconds, 1e-9):,.0f} tokens/s, {found.peak_share:.0%} of the device's peak"
    without = f", {len(found.unusable):,} without a finite score" if found.unusable else ""
    return f"{found.scored:,} of {wanted:,} {found.kind}s scored{without}, {speed}; {left}"
