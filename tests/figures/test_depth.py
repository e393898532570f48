"""A hundred layers, to be moved."""

import itertools
import random

import pytest
import torch
from traitlets import TraitError

from byhand import figures
from byhand.figures.depth import ACTIVATIONS, RESIDUALS, normals
from tests.support.figures import close, settle


def settings(figure: figures.Depth) -> dict:
    names = ("gain", "activation", "residual", "width", "depth", "seed")
    return {name: getattr(figure, name) for name in names}


@pytest.mark.parametrize("residual", RESIDUALS)
def test_signal_and_gradient(module, residual):
    """With the same numbers as in torch, forward and backward."""
    random.seed(residual)
    for activation, width in itertools.product(ACTIVATIONS, (8, 16, 32)):
        figure = figures.Depth(
            gain=random.uniform(0.5, 3), activation=activation, residual=residual,
            width=width, depth=random.randint(2, 100), seed=random.randint(0, 99),
        )  # fmt: skip
        signal, gradient, cosine = figure.result()
        ours = module(figures.Depth, "measure", settings(figure))
        tiny = dict(rtol=1e-5, atol=0)  # sizes go down to 1e-60: relative only
        for mine, theirs in ((ours["signal"], signal), (ours["gradient"], gradient)):
            mine = torch.tensor(mine, dtype=torch.float64)
            torch.testing.assert_close(mine, theirs, **tiny)
        if signal[-1] > 0:
            close(ours["cosine"], torch.tensor(cosine))


def test_the_numbers_are_normal_and_the_chapters_findings_hold():
    z = normals(5, 100_000)
    assert abs(z.mean()) < 0.01 and abs(z.std() - 1) < 0.01
    he = figures.Depth(gain=2**0.5, width=64)
    assert 0.02 < he.result()[0][-1] < 50 and he.result()[2] > 0.95
    assert figures.Depth(gain=1.0, width=64).result()[0][-1] < 1e-12
    assert figures.Depth(gain=2**0.5, residual="z + f", width=64).result()[0][-1] > 1e12
    tamed = figures.Depth(gain=2**0.5, residual="z + f/√L", width=64).result()
    assert 1 < tamed[0][-1] < 3 and 1 < tamed[1][0] < 3 and tamed[2] < 0.8


def test_the_expected_factor(module):
    """The mean square after many layers, over wide layers, is what (9.1) says."""
    for activation, residual in itertools.product(("linear", "ReLU"), RESIDUALS):
        runs = [
            figures.Depth(
                gain=1.2, activation=activation, residual=residual, width=64, depth=4, seed=s
            )
            for s in range(8)
        ]  # fmt: skip
        ratios = [(r[0][-1] / r[0][0]) ** 2 for r in (run.result() for run in runs)]
        measured = torch.stack(ratios).mean() ** (1 / 8)
        ours = module(figures.Depth, "expected", settings(runs[0]))
        assert ours == pytest.approx(measured.item(), rel=0.05)
    assert (
        module(figures.Depth, "expected", settings(figures.Depth(activation="tanh")))
        is None
    )


def test_depth_answers(show):
    tab = show(figures.Depth(layer=0))
    says = tab.locator(".bh-says")
    signal, *_ = figures.Depth().result()
    assert f"Layer 0: signal {signal[0]:.2f}" in says.inner_text()
    assert "a factor of 0.707 per layer" in says.inner_text()
    assert "10⁻¹" in says.inner_text()  # about 2^-50
    tab.get_by_role("button", name="He, ReLU").press("Enter")
    settle(tab)
    assert "a factor of 1.00 per layer" in says.inner_text()
    tab.get_by_label("residual").select_option("z + f")
    settle(tab)
    assert "a factor of 1.41 per layer" in says.inner_text()
    tab.get_by_label("depth L").press("Home")
    settle(tab)
    assert "Through 2 layers" in says.inner_text()
    before = says.inner_text()
    tab.get_by_role("button", name="Other weights").click()
    settle(tab)
    assert says.inner_text() != before


def test_reading_off_a_layer(show):
    tab = show(figures.Depth(activation="linear", gain=1.1))
    box = tab.locator("canvas").first.bounding_box()
    tab.mouse.move(box["x"] + box["width"] - 10, box["y"] + 100)  # the right end
    settle(tab)
    assert tab.locator(".bh-says").inner_text().startswith("Layer 100:")


@pytest.mark.parametrize(
    "bad, word",
    [
        ({"gain": float("nan")}, "gain"),
        ({"gain": 9.0}, "gain"),
        ({"depth": 1000}, "depth"),
        ({"activation": "GELU"}, "activation"),
        ({"width": 33}, "width"),
    ],
)
def test_depth_refuses(bad, word):
    with pytest.raises(TraitError, match=word):
        figures.Depth(**bad)
