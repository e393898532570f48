"""Activations, to be moved."""

import pytest
import torch
from traitlets import TraitError

from byhand import figures
from tests.support.figures import close, settle

NAMES = figures.Activations.activation.values
PARAMETER = {"Leaky ReLU": "a", "ELU": "alpha", "Swish": "beta"}


def some(name, seed):
    """A figure with this activation and random settings, and its parameter."""
    torch.manual_seed(seed)
    mean, spread, size, gain = torch.rand(4, dtype=torch.float64).tolist()
    parameter = PARAMETER.get(name, "a")
    traits = {parameter: round(0.1 + 0.9 * size, 3), "activation": name}
    figure = figures.Activations(
        mean=4 * mean - 2, spread=0.1 + 4 * spread, gain=0.5 + gain, **traits
    )
    return figure, traits[parameter]


@pytest.mark.parametrize("name", NAMES)
def test_function_and_derivative(module, name):
    figure, parameter = some(name, 1)
    z = torch.linspace(-9, 9, 361, dtype=torch.float64) + 0.013
    z.requires_grad_()
    value = figure.function()(z)
    (slope,) = torch.autograd.grad(value.sum(), z)
    ours = module(figures.Activations, "curves", name, parameter, z.tolist())
    close(ours[0], value)
    close(ours[1], slope)


@pytest.mark.parametrize("name", NAMES)
def test_what_leaves_and_ten_layers(module, name):
    for seed in range(3):
        figure, parameter = some(name, seed)
        arrivals = [figure.mean, figure.spread]
        ours = module(figures.Activations, "moments", name, parameter, *arrivals)
        close(ours, figure.moments(*arrivals))
        ours = module(
            figures.Activations, "through", name, parameter, *arrivals, figure.gain
        )
        signal, gradient = figure.layers()
        close(ours["signal"], signal)
        close(ours["gradient"], gradient)


def test_saturated_as_the_chapter_has_it(module):
    for name, limit in (("tanh", 2.178), ("sigmoid", 4.357)):
        share = module(figures.Activations, "saturated", name, None, 0.5, 3.0)
        normal = torch.distributions.Normal(0.5, 3.0)
        inside = normal.cdf(torch.tensor(limit)) - normal.cdf(torch.tensor(-limit))
        assert abs(share - (1 - inside.item())) < 0.005


def test_expectations_known_in_closed_form():
    figure = figures.Activations(activation="ReLU")
    normal = torch.distributions.Normal(0.0, 1.0)
    for mean, spread in ((0.0, 1.0), (0.7, 2.0), (-1.3, 0.5)):
        value, _, slope, square = figure.moments(mean, spread).tolist()
        passed = normal.cdf(torch.tensor(mean / spread)).item()
        height = normal.log_prob(torch.tensor(mean / spread)).exp().item()
        assert abs(slope - passed) < 2e-3 and slope == square
        assert abs(value - (mean * passed + spread * height)) < 1e-4


def test_ten_random_layers_do_what_the_figure_says():
    torch.manual_seed(0)
    figure = figures.Activations(activation="tanh", mean=0.0, spread=2.0, gain=1.3)
    leaves = [z := torch.tanh(2 * torch.randn(400, 1000))]
    for _ in range(9):
        W = 1.3 * torch.randn(1000, 1000) / 1000**0.5
        leaves.append(z := torch.tanh(z @ W.T))
    sizes = torch.stack([z.square().mean().sqrt() for z in leaves])
    torch.testing.assert_close(sizes, figure.layers()[0].float(), rtol=0.03, atol=0)


def test_activations_answer(show):
    tab = show(figures.Activations())
    says = tab.locator(".bh-says")
    assert "has mean 0 and spread 0.628" in says.inner_text()
    tab.get_by_role("slider", name="mean of arrivals").press("End")
    settle(tab)
    assert "has mean 1.000 " in says.inner_text()
    box = tab.locator("canvas").first.bounding_box()
    middle = box["x"] + 30 + (box["width"] - 94) / 2
    tab.mouse.move(middle, box["y"] + 280)
    tab.mouse.down()
    tab.mouse.move(middle + 1, box["y"] + 280)
    tab.mouse.up()
    settle(tab)
    assert "has mean 0 " in says.inner_text()
    assert not tab.get_by_role("slider", name="slope a").is_visible()
    tab.get_by_role("combobox", name="activation").select_option("Leaky ReLU")
    settle(tab)
    tab.get_by_role("slider", name="slope a").press("End")
    settle(tab)
    assert "Mean derivative: 1.00" in says.inner_text()


def test_activations_take_what_the_chapter_has():
    figure = figures.Activations(torch.tensor([[1.0, 3.0], [5.0, 7.0]]), gain=2.0)
    assert figure.mean == 4.0 and abs(figure.spread - 20 / 3**0.5 / 20**0.5) < 1e-6
    with pytest.raises(TraitError, match="arrivals: number 0 is nan"):
        figures.Activations(torch.tensor([1.0, torch.nan]))


@pytest.mark.parametrize(
    "bad", [{"activation": "relu"}, {"spread": 0.0}, {"gain": 9.0}, {"mean": 7.0}]
)
def test_activations_refuse(bad):
    with pytest.raises(TraitError, match=next(iter(bad))):
        figures.Activations(**bad)
