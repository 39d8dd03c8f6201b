# SPDX-License-Identifier: MIT
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from callbacks_trainer import accuracy


def scores_of(classes, number):
    """Return scores that are highest for the given classes, class dimension second."""
    return torch.nn.functional.one_hot(classes, number).movedim(-1, 1).float()


@pytest.mark.parametrize(
    ("predicted", "truth", "percent"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 3], 100),
        ([0, 1, 2, 3], [0, 1, 2, 0], 75),
        ([0, 0], [1, 2], 0),
        ([[0, 1], [2, 3]], [[0, 1], [2, 0]], 75),
        ([[[0]], [[1]]], [[[0]], [[0]]], 50),
    ],
)
def test_accuracy_is_in_percent(predicted, truth, percent):
    """The share of right answers, from 0 to 100, whatever the shape of the truths."""
    found = accuracy(scores_of(torch.tensor(predicted), 4), torch.tensor(truth))
    assert found.item() == percent
    assert found.shape == ()


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 1, 2, -100])), min_size=1))
def test_what_is_ignored_does_not_count(pairs):
    """Leaving examples out and marking them with `ignore_index` comes to the same."""
    predicted, truth = (torch.tensor(part) for part in zip(*pairs, strict=True))
    counts = truth != -100
    found = accuracy(scores_of(predicted, 3), truth)
    expected = accuracy(scores_of(predicted[counts], 3), truth[counts])
    assert torch.equal(found, expected) or (found.isnan() and expected.isnan() and not counts.any())


def test_another_class_can_be_ignored():
    """`ignore_index` names the class that does not count."""
    truth = torch.tensor([0, 1, 1, 2])
    predicted = torch.tensor([0, 1, 0, 0])
    assert accuracy(scores_of(predicted, 3), truth, ignore_index=2).item() == pytest.approx(200 / 3)
    assert accuracy(scores_of(predicted, 3), truth).item() == 50


def test_equal_accuracies_are_equal():
    """However many examples, a third is a third: in single precision they would differ."""
    thirds = [
        accuracy(scores_of(torch.arange(n) % 3 * 0, 3), torch.arange(n) % 3).item()
        for n in (3, 30, 300)
    ]
    assert len(set(thirds)) == 1


@pytest.mark.parametrize(
    ("scores", "truth"),
    [((4,), (4,)), ((4, 3), (4, 1)), ((4, 3), (3,)), ((4, 3, 2), (4, 3)), ((), ())],
)
def test_shapes_that_do_not_fit(scores, truth):
    """The error shows both shapes."""
    expected = f"not {scores} and {truth}".replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=expected):
        accuracy(torch.zeros(scores), torch.zeros(truth, dtype=torch.int64))
