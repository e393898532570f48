"""Softmax and cross entropy, to be moved."""

import pytest
import torch
import torch.nn.functional as F
from traitlets import TraitError

from byhand import figures
from tests.support.figures import close, settle


@pytest.mark.parametrize("seed", range(5))
def test_softmax(module, seed):
    torch.manual_seed(seed)
    count = 2 + seed
    scale = 10.0 ** (seed - 1)
    z = (scale * torch.randn(count, dtype=torch.float64)).requires_grad_()
    target, T, smoothing = seed % count, 0.1 + 3 * torch.rand(()).item(), 0.2 * seed
    loss = F.cross_entropy(z / T, torch.tensor(target), label_smoothing=smoothing)
    loss.backward()
    ours = module(figures.Softmax, "crossEntropy", z.tolist(), target, T, smoothing)
    close(ours["loss"], loss)
    close(ours["p"], torch.softmax(z / T, 0))
    close(ours["gradient"], z.grad)


def test_the_naive_softmax_overflows_where_torch_does(module):
    for shift in (0.0, 80.0, 88.0, 89.0, 100.0):
        z = torch.tensor([0.5, 0.2, 0.0]) + shift
        powers = torch.exp(z)
        theirs = powers / powers.sum()
        ours = module(figures.Softmax, "naiveSoftmax", z.tolist())
        ours = torch.tensor(ours, dtype=torch.float32)
        torch.testing.assert_close(ours, theirs, equal_nan=True)


def test_softmax_answers(show):
    tab = show(figures.Softmax(logits=[0.0, 0.0]))
    assert "= 0.693" in tab.locator(".bh-says").inner_text()
    tab.get_by_label("logit of class 0").press("End")
    settle(tab)
    assert "−log 1.00" in tab.locator(".bh-says").inner_text()
    tab.get_by_role("button", name="Add 100 to all").click()
    settle(tab)
    assert "not a number" in tab.locator(".bh-says").inner_text()
    assert "= 0.693" in tab.locator(".bh-says").inner_text()


@pytest.mark.parametrize(
    "bad, word",
    [
        ({"logits": [float("nan"), 1.0]}, "number 0 is nan"),
        ({"logits": []}, "nothing to show"),
        ({"logits": [1.0]}, "two to eight"),
        ({"target": 7}, "none of the 4 classes"),
        ({"temperature": 0.0}, "temperature"),
        (
            {"cases": {"odd": [0.0, float("inf")]}, "logits": [0.0, 1.0]},
            "odd: number 1",
        ),
    ],
)
def test_softmax_refuses(bad, word):
    with pytest.raises(TraitError, match=word):
        figures.Softmax(**bad)
