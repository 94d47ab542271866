"""What a mixture is made of: a phase asks for shares of documents.

A document belongs to the first share that it fits. What fits none is not in the mixture.
"""

from dataclasses import dataclass

KINDS = ("file", "repository", "commit", "page")


class MixtureError(Exception):
    """A recipe asks for what cannot be: it contradicts itself, or there is not enough."""


@dataclass(frozen=True)
class Share:
    """A share of a phase's tokens. `share` 0 in all shares of a phase: each document once, whatever comes of it.

    `by` divides the share: by language, or by repository (of a page: its host). `within` are names with their shares of it; what they
    leave goes to all others together, in proportion to their tokens.
    """

    kind: str
    share: float = 0.0
    name: str = ""
    max_epochs: float = 1.0
    by: str = ""
    within: tuple[tuple[str, float], ...] = ()
    least_bytes: int = 0
    least_score_percent: int = 0

    @property
    def label(self) -> str:
        return self.name or self.kind


@dataclass(frozen=True)
class Phase:
    """How a part of training is mixed and packed. `total_tokens` None: as much as the shares leave to take."""

    name: str
    window: int
    fim_rate: float
    shares: tuple[Share, ...]
    total_tokens: int | None = None
    packing: str = "concatenate"

    @property
    def is_whole(self) -> bool:
        """Whether each document is taken once, and nothing is weighed."""
        return not any(share.share for share in self.shares)
