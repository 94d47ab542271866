import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from training.losses import document_walls, positions, token_losses
from training.model import config_of
from training.pools import IGNORED, Windows
from training.shapes import SHAPES

CPU = torch.device("cpu")
END, VOCABULARY = 0, 50


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return LlamaForCausalLM(config_of(SHAPES["nano"], VOCABULARY, 64, 10_000.0)).eval()


def window(*documents: list[int], context: int = 24) -> Windows:
    """One window of whole documents, each ended by `END`, as the loader makes it."""
    tokens = [token for document in documents for token in [*document, END]]
    numbers = [number for number, document in enumerate(documents) for _ in range(len(document) + 1)]
    inputs, targets = np.full((1, context), END), np.full((1, context), IGNORED)
    places = np.full((1, context), -1, dtype=np.int32)
    inputs[0, 1 : len(tokens)], targets[0, : len(tokens)], places[0, : len(tokens)] = tokens[:-1], tokens, numbers
    return Windows(inputs.astype(np.int64), targets.astype(np.int64), places, np.zeros((1, context), np.int8))


def losses(model: LlamaForCausalLM, windows: Windows, attention: str | None) -> np.ndarray:
    with torch.inference_mode():
        found: np.ndarray = token_losses(model, windows, attention, CPU)[0].numpy()
    return found


MIDDLE = [7, 8, 9, 10, 11]


def test_with_walls_the_loss_of_a_document_does_not_depend_on_its_neighbours(model: LlamaForCausalLM) -> None:
    one = losses(model, window([1, 2, 3], MIDDLE, [4, 5]), "sdpa")[4:10]
    other = losses(model, window([30, 31, 32], MIDDLE, [40, 41, 42, 43]), "sdpa")[4:10]
    shifted = losses(model, window([20, 21, 22, 23, 24, 25, 26], MIDDLE), "sdpa")[8:14]
    alone = losses(model, window(MIDDLE), "sdpa")[:6]
    for found in (other, shifted, alone):
        np.testing.assert_allclose(found, one, rtol=1e-5)


def test_without_walls_it_does(model: LlamaForCausalLM) -> None:
    one = losses(model, window([1, 2, 3], MIDDLE), None)[4:10]
    other = losses(model, window([30, 31, 32], MIDDLE), None)[4:10]
    assert np.abs(one - other).max() > 1e-3


def test_a_document_alone_in_a_window_has_the_same_loss_with_and_without_walls(model: LlamaForCausalLM) -> None:
    alone = window(MIDDLE)
    np.testing.assert_allclose(losses(model, alone, "sdpa")[:6], losses(model, alone, None)[:6], rtol=1e-5)


def test_padding_costs_nothing_and_is_a_number(model: LlamaForCausalLM) -> None:
    found = losses(model, window(MIDDLE), "sdpa")
    assert (found[6:] == 0).all() and np.isfinite(found).all()


def test_positions_count_from_the_start_of_each_document() -> None:
    documents = torch.tensor([[4, 4, 4, 5, 5, 9], [1, 2, 3, 3, -1, -1]])
    assert positions(documents).tolist() == [[0, 1, 2, 0, 1, 0], [0, 0, 0, 1, 0, 1]]


def test_the_mask_shows_what_is_before_in_the_same_document_and_nothing_else() -> None:
    documents = torch.tensor([[4, 4, 5, 5, 5]])
    mask = document_walls(documents, "sdpa")["attention_mask"][0, 0]
    expected = [[earlier <= place and documents[0, earlier] == documents[0, place] for earlier in range(5)] for place in range(5)]
    assert mask.tolist() == [[bool(sees) for sees in row] for row in expected]


def test_the_block_mask_for_flex_attention_is_of_the_same_pairs() -> None:
    """The kernel itself needs a GPU; the rule that it is given does not."""
    documents = torch.tensor([[4, 4, 5, 5, 5], [1, 2, 2, 2, -1]])
    given = document_walls(documents, "flex")["attention_mask"]
    pairs = torch.tensor(
        [[[bool(given.mask_mod(w, 0, torch.tensor(q), torch.tensor(k))) for k in range(5)] for q in range(5)] for w in range(2)]
    )
    assert torch.equal(pairs, document_walls(documents, "sdpa")["attention_mask"][:, 0])


def test_the_loss_is_what_log_probabilities_give(model: LlamaForCausalLM) -> None:
    windows = window([1, 2, 3], MIDDLE)
    with torch.inference_mode():
        odds = torch.log_softmax(model(torch.from_numpy(windows.inputs)).logits[0].double(), dim=-1)
    expected = [-odds[place, target].item() for place, target in enumerate(windows.targets[0]) if target != IGNORED]
    np.testing.assert_allclose(losses(model, windows, None)[:10], expected, rtol=1e-5)
