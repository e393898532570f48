"""Universal approximation, to be moved."""

import math
import random
from pathlib import Path

import nbformat
import pytest
import torch
from traitlets import TraitError

from byhand import figures
from tests.support.figures import close, settle

CHAPTER = Path(__file__).parents[2] / "book/06_universal_approximation.ipynb"


@pytest.fixture(scope="module")
def chapter():
    """What the chapter's own cells define: the construction and its error."""
    sources = {cell.id: cell.source for cell in nbformat.read(CHAPTER, 4).cells}
    space = {"torch": torch, "nn": torch.nn, "math": math}
    for name in ("hinge-network", "rate", "drawn-state"):
        exec(sources[name], space)
    return space


@pytest.mark.parametrize("seed", range(4))
def test_the_construction_is_the_chapters(module, chapter, seed):
    random.seed(seed)
    points = [round(random.uniform(-1.5, 1.5), 2) for _ in range(13)]
    chapter["points"] = torch.tensor(points, dtype=torch.float64)  # of drawn(x)
    figure = figures.Hinges(points=points)
    for n in (1, 2, random.randint(3, 63), 64):
        knots = torch.linspace(0, 12, n + 1, dtype=torch.float64)
        theirs = chapter["hinge_network"](chapter["drawn"], knots)
        ours = module(figures.Hinges, "construct", points, n)
        close(ours["knots"], -theirs[0].bias)
        close(ours["bends"], theirs[2].weight[0])
        close(ours["bias"], theirs[2].bias[0])
        for x in [0.0, 12.0, *(random.uniform(0, 12) for _ in range(5))]:
            at = torch.tensor([x], dtype=torch.float64)
            close(module(figures.Hinges, "curve", points, x), chapter["drawn"](at)[0])
            close(module(figures.Hinges, "network", ours, x), theirs(at[:, None])[0, 0])
            close(figure.network(at, n).tolist(), theirs(at[:, None])[:, 0])
    largest = [chapter["max_error"](chapter["drawn"], n, 0, 12) for n in range(1, 65)]
    close(module(figures.Hinges, "errors", points), torch.tensor(largest))
    close([figure.error(n) for n in (1, 7, 64)], torch.tensor(largest)[[0, 6, 63]])
    where = module(figures.Hinges, "error", points, 5)
    at = torch.tensor([where["where"]], dtype=torch.float64)
    gap = (figure.network(at, 5) - figure.curve(at)).abs()
    close([where["largest"]], gap)


def test_hinges_answer(show):
    trained = {8: [0.3, 0.1, 0.2], 16: [0.05, 0.06]}
    figure = figures.Hinges(trained)
    tab = show(figure)
    says = tab.locator(".bh-says")
    assert f"the largest error is {figure.error(8):.3f}" in says.inner_text()
    assert "0.200 in the median, 0.100 the best" in says.inner_text()
    tab.get_by_label("hinges n").press("ArrowRight")
    settle(tab)
    assert says.inner_text().startswith("9 hinges")
    assert "Trained" not in says.inner_text()
    tab.get_by_role("button", name="64 hinges").press("Enter")
    settle(tab)
    assert f"{figure.error(64):.2g}"[:4] in says.inner_text()


def test_drawing_by_hand_and_by_keyboard(show):
    tab = show(figures.Hinges({8: [0.1]}))
    says, height = tab.locator(".bh-says"), tab.get_by_label("its height")
    assert tab.locator(".bh-says").inner_text().count("Trained") == 1
    tab.get_by_label("point at x").press("Home")
    height.press("End")
    settle(tab)
    assert height.input_value() == "1.5"
    assert "Trained" not in says.inner_text()  # they were trained on another curve
    box = tab.locator("canvas").first.bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + 200)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] - 20, box["y"] + 230, steps=12)
    tab.mouse.up()
    settle(tab)
    assert tab.get_by_label("point at x").input_value() == "12"
    assert float(height.input_value()) < -1.2
    tab.get_by_role("button", name="Start again").click()
    settle(tab)
    assert "Trained" in says.inner_text()


@pytest.mark.parametrize(
    "bad, word",
    [
        ({"points": [0.0] * 4}, "5 to 16"),
        ({"points": [0.0, 9.0, 0.0, 0.0, 0.0]}, "between"),
        ({"points": [float("inf")] * 6}, "number 0 is inf"),
        ({"width": 65}, "width"),
        ({"trained": {4: [float("nan")]}}, "width 4: number 0 is nan"),
    ],
)
def test_hinges_refuse(bad, word):
    with pytest.raises(TraitError, match=word):
        figures.Hinges(**bad)
