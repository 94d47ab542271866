"""Sizes of decoders of Llama-3 structure, by name: from one that trains on a CPU in a minute to the report's."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelShape:
    """`heads` are query heads; as many share one key and value head as `heads / key_value_heads`."""

    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    key_value_heads: int
    tie_embeddings: bool = False

    def parameters(self, vocabulary_size: int) -> int:
        """How many weights the decoder has: attention, gated feed-forward, two norms a layer, the last norm, embeddings and head."""
        head_size = self.hidden_size // self.heads
        attention = 2 * self.hidden_size * head_size * (self.heads + self.key_value_heads)
        layer = attention + 3 * self.hidden_size * self.intermediate_size + 2 * self.hidden_size
        embeddings = vocabulary_size * self.hidden_size * (1 if self.tie_embeddings else 2)
        return self.layers * layer + self.hidden_size + embeddings


# Beside layers as small as those of the first two, a head of its own nearly doubles what the optimizer has to move.
SHAPES = {
    "nano": ModelShape(32, 96, 2, 2, 1, tie_embeddings=True),
    "tiny": ModelShape(128, 384, 2, 4, 2, tie_embeddings=True),
    "small": ModelShape(768, 2688, 12, 12, 3, tie_embeddings=True),
    "medium": ModelShape(1536, 5376, 20, 12, 3),
    "large": ModelShape(2560, 8960, 28, 20, 5),
    # Seed-Coder report, section 2.3. The others have about its proportions: 3.5 times as wide inside, four query heads a key head.
    "seed_coder_8b": ModelShape(4096, 14336, 36, 32, 8),
}
