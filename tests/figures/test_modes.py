"""Forward and reverse mode, sweep by sweep."""

import itertools

import pytest
import torch
from traitlets import TraitError

from byhand import figures
from tests.support.figures import close, settle

SIZES = [(1, 1, 1), (6, 4, 2), (1, 5, 10), (10, 3, 1), (7, 10, 7), (10, 10, 10)]


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("n, h, m", SIZES)
def test_sweeps(module, n, h, m, skip):
    """Both modes find PyTorch's Jacobian, with as many multiplications as PyTorch."""
    figure = figures.Modes(inputs=n, hidden=h, outputs=m, skip=skip)
    a, b, c = figure.layers()
    theirs = torch.autograd.functional.jacobian(
        lambda x: c @ (b @ (a @ x)), torch.randn(n, dtype=torch.float64)
    )
    for mode in ("forward", "reverse"):
        ours = module(figures.Modes, "sweeps", figure.partials, n, h, m, mode, skip)
        close(ours["jacobian"], theirs)
        J, count = figure.jacobian(mode)
        close(J.tolist(), theirs)
        assert ours["total"] == count
        assert module(figures.Modes, "cost", n, h, m, mode, skip) == count


def test_the_nodes_of_a_sweep_hold_jacobian_vector_products(module):
    figure = figures.Modes(inputs=5, hidden=4, outputs=3)
    a, b, c = layers = figure.layers()
    up = [layer.tolist() for layer in layers]
    for seed in range(5):
        direction = torch.eye(5, dtype=torch.float64)[seed]
        values = module(figures.Modes, "sweep", up, seed, False)["values"]
        for ours, f in zip(
            values[1:],
            (lambda x: a @ x, lambda x: b @ (a @ x), lambda x: c @ (b @ (a @ x))),
            strict=True,
        ):
            close(ours, torch.func.jvp(f, (direction,), (direction,))[1])


@pytest.mark.parametrize("skip", [False, True])
def test_modes_are_equal_where_inputs_are_as_many_as_outputs(module, skip):
    for n, h, m in itertools.product((1, 3, 12, 784), (1, 9, 128), (1, 3, 12, 784)):
        forward, reverse = (
            module(figures.Modes, "cost", n, h, m, mode, skip)
            for mode in ("forward", "reverse")
        )
        assert (forward > reverse) == (n > m) and (forward < reverse) == (n < m)


def test_modes_answer(show):
    tab = show(figures.Modes())
    says, step = tab.locator(".bh-says"), tab.get_by_role("slider", name="step")
    assert says.inner_text() == (
        "After step 8: 136 and 96 multiplications. In all, forward: 6 inputs · 48 = 288; "
        "reverse: 2 outputs · 48 = 96. Reverse mode needs 3 times fewer; with 2 inputs "
        "they would be equal."
    )
    step.press("Home")
    settle(tab)
    assert "After step 0: 0 and 0" in says.inner_text()
    tab.get_by_role("button", name="Step", exact=True).click()
    settle(tab)
    assert "After step 1: 24 and 8" in says.inner_text()  # n·h and m·h
    step.press("End")
    settle(tab)
    assert "After step 18: 288 and 96" in says.inner_text()
    tab.get_by_label("inputs n").press("Home")
    settle(tab)
    assert step.get_attribute("aria-valuetext") == "6 of 6"
    assert "Forward mode needs 2 times fewer" in says.inner_text()
    tab.get_by_label("skip factors 0 and 1").check()
    settle(tab)
    assert "forward: 1 input · 24 = 24; reverse: 2 outputs · 20 = 40" in (
        says.inner_text()
    )
    tab.get_by_role("button", name="As many").click()
    settle(tab)
    assert "equal" in says.inner_text().split(".")[-2]
    tab.get_by_role("button", name="Play").click()
    tab.wait_for_function(
        "document.querySelector('.bh-slider input').getAttribute('aria-valuetext') === '12 of 15'"
    )
    tab.get_by_role("button", name="Pause").click()
    assert tab.get_by_role("button", name="Play").count() == 1


@pytest.mark.parametrize(
    "bad, word",
    [
        ({"inputs": 0}, "inputs"),
        ({"outputs": 11}, "outputs"),
        ({"partials": []}, "nothing to show"),
        ({"partials": [[[1.0]]]}, "three 10×10"),
        ({"partials": [[[float("nan")] * 10] * 10] * 3}, "number 0 is nan"),
    ],
)
def test_modes_refuse(bad, word):
    with pytest.raises(TraitError, match=word):
        figures.Modes(**bad)
