"""The playground: its runs beside PyTorch's, and what it answers."""

import math

import pytest
import torch
from traitlets import TraitError

from byhand import figures
from byhand.figures.playground import ACTIVATIONS, toy
from tests.support.figures import close, settle

SETTINGS = "data noise activation depth width init optimiser rate batch decay seed"


def settings(figure):
    return {name: getattr(figure, name) for name in SETTINGS.split()}


@pytest.mark.parametrize("name", ["circles", "xor", "spirals", "moons"])
@pytest.mark.parametrize("seed", [0, 7])
def test_points(module, name, seed):
    ours = module(figures.Playground, "toy", name, 0.1 * seed, seed)
    close(ours, torch.tensor(toy(name, 0.1 * seed, seed), dtype=torch.float64))


@pytest.mark.parametrize(
    "case",
    [
        {"activation": name, "depth": 1 + place % 4, "seed": place, "init": init}
        for place, (name, init) in enumerate(
            zip(ACTIVATIONS, ["linear", "he"] * 4, strict=False)
        )
    ]
    + [
        {"data": "spirals", "width": 8, "depth": 4, "optimiser": "Adam", "rate": 0.02},
        {"data": "xor", "batch": 50, "decay": 0.01, "activation": "ReLU", "seed": 3},
        {"data": "moons", "batch": 10, "optimiser": "Adam", "rate": 0.01, "noise": 0.3},
        {"init": "equal", "depth": 2},
        {"init": "large", "decay": 0.003},
        {"init": "zero", "batch": 50, "activation": "sigmoid"},
    ],
    ids=lambda case: " ".join(map(str, case.values())),
)
def test_a_run_is_torchs_step_by_step(module, case):
    steps = 60
    case = {"rate": 0.3} | case
    figure = figures.Playground(**case, step=steps)
    networks, theirs = figure.trace()
    points = figure.training_points().tolist()
    ours = module(figures.Playground, "record", settings(figure), points, steps)
    close(ours["losses"], torch.tensor(theirs, dtype=torch.float64))
    close(ours["parameters"], networks)
    assert networks.shape[0] == steps + 1
