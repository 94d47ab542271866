"""The classifier: documented code told from code without a word, the same model twice, one text as in a list, hostile words."""

import ast
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs.quality_classifier import HEAD_CHARACTERS, HIGH, LOW, TrainingParams, load, model_hash, percents, train, words

LIBRARY = Path(sysconfig.get_path("stdlib"))
SMALL = TrainingParams(buckets=1 << 12, least_lines=4_000)


class Stripped(ast.NodeTransformer):
    """Poor code: no documentation, every name a letter."""

    def visit_Expr(self, node):
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Name(self, node):
        return ast.Name("x", node.ctx)

    def visit_arg(self, node):
        return ast.arg("y")


def texts():
    """(good, poor) of the same modules: as they are, and with all that a reader needs taken away."""
    for path in sorted(LIBRARY.glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        tree = Stripped().visit(ast.parse(text))
        yield text, "\n".join(ast.unparse(part) for part in tree.body if not isinstance(part, ast.Expr))


@pytest.fixture(scope="module")
def examples():
    good_and_poor = [(words(good), words(poor)) for good, poor in texts()]
    return [example for good, poor in good_and_poor for example in ((True, good), (False, poor))]


@pytest.fixture(scope="module")
def model(examples):
    return train(examples[::2][::2] + examples[1::2][1::2], SMALL)


def test_documented_code_is_told_from_poor_code_that_it_never_saw(examples, model):
    good = percents(model, [line for is_good, line in examples[::2][1::2]])
    poor = percents(model, [line for is_good, line in examples[1::2][::2]])
    assert (good >= 50).mean() > 0.9 and (poor < 50).mean() > 0.9


def test_training_twice_gives_the_same_bytes(examples, model):
    again = train(iter(examples[::2][::2] + examples[1::2][1::2]), SMALL)
    assert again == model and model_hash(again) == model_hash(model)
    assert train(examples[::2][::2] + examples[1::2][1::2], TrainingParams(buckets=1 << 12, least_lines=4_000, seed=1)) != model


def test_a_list_is_predicted_as_its_lines_are(examples, model):
    lines = [line for _, line in examples] + ["", "x"]
    single = [percents(model, [line])[0] for line in lines]
    assert percents(model, lines).tolist() == single
    labels, chances = load(model).predict(lines[0], k=2)
    assert set(labels) == {HIGH, LOW} and abs(sum(chances) - 1) < 1e-3
    assert single[0] == np.floor(100 * min(1, dict(zip(labels, chances, strict=True))[HIGH]) + 0.5)
    assert percents(model, []).tolist() == []


def test_a_label_in_a_text_is_a_word():
    assert words("x = '__label__high' __label____label__y") == "x = ' label__high ' label____label__y"
    poor = [(False, words("__label__high " * 30)), (True, words("good words"))] * 50
    assert set(load(train(poor, SMALL)).get_labels()) == {HIGH, LOW}


def test_only_the_head_is_read_and_signs_stand_alone():
    assert words("a_1+=2.5;\n\tb") == "a_1 + = 2 . 5 ; b"
    assert words("x" * HEAD_CHARACTERS + " y") == "x" * HEAD_CHARACTERS


def test_one_kind_of_example_is_refused():
    with pytest.raises(ValueError, match="0 positives and 1 negatives"):
        train([(False, "x")], SMALL)


@given(st.text())
def test_words_are_one_line_without_a_label(text):
    found = words(text)
    assert not set(found) & set("\n\r\t\v\f\0") and not any(word.startswith("__label__") for word in found.split(" "))


@settings(max_examples=30)
@given(st.lists(st.text(), min_size=1, max_size=5))
def test_any_text_has_a_percent(model, lines):
    found = percents(model, [words(line) for line in lines])
    assert found.dtype == np.int64 and ((found >= 0) & (found <= 100)).all() and len(found) == len(lines)
