"""The playground: its runs beside PyTorch's, and what it answers."""

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


def test_losses_and_dead_units(module):
    figure = figures.Playground(activation="ReLU", rate=10.0, width=8, step=30)
    points = figure.training_points()
    test = torch.tensor(toy("circles", 0.1, 1), dtype=torch.float64)
    found = module(
        figures.Playground, "examine", settings(figure), points.tolist(),
        test.tolist(), figure.step,
    )  # fmt: skip
    network = figure.network()
    theirs = []
    for table in (points, test):
        z, y = network(table[:, :2])[:, 0], table[:, 2]
        theirs.append(torch.nn.functional.binary_cross_entropy_with_logits(z, y))
        theirs.append(((z > 0) == (y > 0.5)).double().mean())
    close(found["losses"], torch.stack(theirs))
    hidden = network[:2](points[:, :2])
    assert found["dead"] == int((hidden == 0).all(0).sum()) > 0
    side = (2 * torch.arange(80, dtype=torch.float64) + 1) / 80 - 1
    plane = torch.cartesian_prod(-1.6 * side, 1.6 * side).flip(1)  # from the top
    close(found["plane"], network(plane)[:, 0])


def test_playground_answers(show):
    tab = show(figures.Playground(step=3))
    says = tab.locator(".bh-says")
    steps = tab.get_by_role("slider", name="step")
    assert says.inner_text().startswith("After 3 steps:")
    tab.get_by_role("button", name="Step", exact=True).press("Enter")
    settle(tab)
    assert says.inner_text().startswith("After 4 steps:")
    fourth = says.inner_text()
    tab.get_by_role("button", name="Play").click()
    tab.wait_for_function(
        "Number(document.querySelector('.bh-slider input').value) > 8"
    )
    tab.get_by_role("button", name="Pause").click()
    settle(tab)
    steps.fill("4")
    settle(tab)
    assert says.inner_text() == fourth  # the same run, seen again
    tab.get_by_label("speed").select_option("all it can")
    tab.get_by_role("button", name="Play").click()
    tab.wait_for_function(
        "Number(document.querySelector('.bh-slider input').value) === 3000"
    )
    tab.get_by_role("button", name="Play").wait_for()  # it has stopped by itself
    steps.fill("4")
    settle(tab)
    assert says.inner_text() == fourth
    tab.get_by_label("units in each").press("ArrowRight")
    settle(tab)
    assert says.inner_text().startswith("After 4 steps:")
    assert "21 parameters" in says.inner_text()


def test_the_readers_own_points(show):
    tab = show(figures.Playground(step=20))
    says = tab.locator(".bh-says")
    tab.get_by_label("points", exact=True).select_option("my own")
    settle(tab)
    assert says.inner_text().startswith("No points yet")
    tab.get_by_role("slider", name="its x₁").press("Home")
    tab.get_by_role("button", name="Add it").press("Enter")
    tab.get_by_label("class of the next").select_option("● 0")
    box = tab.locator("canvas").nth(1).bounding_box()
    tab.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    settle(tab)
    assert "After 20 steps" in says.inner_text()
    assert "100 % of the points right." in says.inner_text()
    assert "test" not in says.inner_text()
    tab.get_by_role("button", name="Remove all").click()
    settle(tab)
    assert says.inner_text().startswith("No points yet")
    tab.get_by_role("button", name="Start again").click()
    settle(tab)
    assert "On the test points" in says.inner_text()


def test_playground_takes_what_the_chapter_has():
    X, y = torch.tensor([[0.0, 1.0], [1.0, 0.5]]), torch.tensor([0, 1])
    figure = figures.Playground(X, y, step=5)
    assert figure.training_points().tolist() == [[0.0, 1.0, 0.0], [1.0, 0.5, 1.0]]
    assert figure.network()(X.double()).shape == (2, 1)
    assert figures.Playground(data="own").network()(X.double()).shape == (2, 1)


@pytest.mark.parametrize(
    "bad, word",
    [
        ({"points": [[0.0, float("nan"), 1.0]]}, "point 0: number 1 is nan"),
        ({"points": [[0.0, 0.5, 2.0]]}, "a class, 0 or 1"),
        ({"data": "rings"}, "data"),
        ({"activation": "softmax"}, "activation"),
        ({"depth": 5}, "depth"),
        ({"rate": 0.0}, "rate"),
    ],
)
def test_playground_refuses(bad, word):
    with pytest.raises(TraitError, match=word):
        figures.Playground(**bad)
