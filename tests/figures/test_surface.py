"""Loss surface of a data set, to be moved."""

import itertools

import pytest
import torch
from traitlets import TraitError

from byhand import figures
from byhand.figures.surface import LOSSES
from tests.support.figures import close, settle

each_loss = pytest.mark.parametrize("loss", LOSSES)


def random_figure(loss: str, seed: int) -> figures.LossSurface:
    generator = torch.Generator().manual_seed(seed)
    draw = dict(generator=generator, dtype=torch.float64)
    x = 6 * torch.rand(4 + 3 * seed, **draw) - 3
    y = (x + 1.5 * torch.randn(len(x), **draw)).clamp(-3, 3)
    w, b = (8 * torch.rand(2, **draw) - 4).tolist()
    return figures.LossSurface(x, y, loss=loss, w=w, b=b)


def parameters(figure: figures.LossSurface) -> torch.Tensor:
    return torch.tensor([figure.w, figure.b], dtype=torch.float64, requires_grad=True)


@each_loss
@pytest.mark.parametrize("seed", range(5))
def test_loss_and_gradient(module, loss, seed):
    figure = random_figure(loss, seed)
    theta = parameters(figure)
    theirs = figure.result(theta)
    theirs.backward()
    data = (loss, figure.xs, figure.ys)
    ours = module(figures.LossSurface, "lossAt", *data, figure.w, figure.b)
    close(ours[0], theirs)
    close(ours[1:], theta.grad)
    # on the data themselves, where absolute error has a crease
    ours = module(figures.LossSurface, "lossAt", loss, [1.0, 2.0], [1.0, 2.0], 1.0, 0.0)
    theta = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    figures.LossSurface([1.0, 2.0], [1.0, 2.0], loss=loss).result(theta).backward()
    close(ours[1:], theta.grad)


@each_loss
def test_surface(module, loss):
    figure = random_figure(loss, 2)
    b, w = torch.meshgrid(
        torch.linspace(4, -4, 9, dtype=torch.float64),
        torch.linspace(-4, 4, 9, dtype=torch.float64),
        indexing="ij",
    )
    theirs = figure.result(torch.stack([w, b], -1))
    ours = module(figures.LossSurface, "surface", loss, figure.xs, figure.ys, 9, 4)
    close(list(ours.values()) if isinstance(ours, dict) else ours, theirs.flatten())


@each_loss
def test_steps_are_those_of_sgd(module, loss):
    figure = random_figure(loss, 3)
    theta = parameters(figure)
    optimiser = torch.optim.SGD([theta], lr=0.05)
    theirs = [theta.detach().clone()]
    for _ in range(60):
        optimiser.zero_grad()
        figure.result(theta).backward()
        optimiser.step()
        theirs.append(theta.detach().clone())
    ours = module(
        figures.LossSurface, "descend", loss, figure.xs, figure.ys,
        figure.w, figure.b, 0.05, 60,
    )  # fmt: skip
    close(ours, torch.stack(theirs))


@each_loss
@pytest.mark.parametrize("seed", range(5))
def test_minimum(module, loss, seed):
    """Nothing that PyTorch finds lies lower; where it is smooth, the gradient is 0."""
    figure = random_figure(loss, seed)
    ours = module(figures.LossSurface, "minimum", loss, figure.xs, figure.ys)
    if loss == "logistic" and ours is None:
        assert separable(figure)
        return
    theta = torch.tensor(
        [ours["w"], ours["b"]], dtype=torch.float64, requires_grad=True
    )
    lowest = figure.result(theta)
    close(ours["J"], lowest)
    assert not ours["line"]
    if loss == "squared":
        x = torch.tensor(figure.xs, dtype=torch.float64)
        X = torch.stack([x, torch.ones_like(x)], 1)
        y = torch.tensor(figure.ys, dtype=torch.float64)
        close(theta.tolist(), torch.linalg.lstsq(X, y).solution)
    if loss != "absolute":
        lowest.backward()
        assert theta.grad.norm() < 1e-7
    generator = torch.Generator().manual_seed(0)
    for scale in (1e-3, 0.1, 1.0):
        around = torch.randn(3000, 2, generator=generator, dtype=torch.float64)
        there = figure.result(theta.detach() + scale * around)
        assert there.min() >= lowest - 1e-9


def separable(figure: figures.LossSurface) -> bool:
    """Whether a threshold on x tells the classes apart."""
    pairs = sorted(zip(figure.xs, figure.ys, strict=True))
    labels = [y > 0 for _, y in pairs]
    return sum(a != b for a, b in itertools.pairwise(labels)) <= 1


def test_where_there_is_no_single_minimum(module):
    def minimum(loss, xs, ys):
        return module(figures.LossSurface, "minimum", loss, xs, ys)

    for ys in ([-1, -1, 1, 1], [1, 1, -1, -1], [1, 1, 1, 1], [-1, -1, -1, -1]):
        assert minimum("logistic", [-1.0, 0.0, 0.5, 2.0], ys) is None
    assert minimum("logistic", [-1.0, 0.0, 0.5, 2.0], [-1, 1, -1, 1])["line"] is False
    column, ys = [1.0, 1.0, 1.0, 1.0], [-2.0, 0.5, 1.0, 1.2]
    assert minimum("logistic", column, [-1, -1, -1, -1]) is None
    for loss in LOSSES:
        found = minimum(loss, column, ys)
        assert found["line"], loss
        figure = figures.LossSurface(column, ys, loss=loss)
        side = torch.linspace(-3, 3, 6001, dtype=torch.float64)
        along = figure.result(torch.stack([torch.zeros_like(side), side], -1))
        assert found["J"] <= along.min() + 1e-9 and found["J"] > along.min() - 1e-5


def test_loss_surface_answers(show):
    tab = show(figures.LossSurface())
    says = tab.locator(".bh-says")
    before = says.inner_text()
    assert "leads down to" in before and "The minimum is 0.0622" in before
    assert "Point 9: residual −4.70." in before  # −2·2.5 + 2.5 − 2.2

    tab.get_by_label("its y").press("Home")  # of the picked point, the last
    settle(tab)
    assert "The minimum is 1.79" in says.inner_text()
    tab.get_by_role("button", name="Start again").click()
    settle(tab)
    assert says.inner_text() == before

    plot, map_ = (tab.locator("canvas").nth(i).bounding_box() for i in (0, 1))
    left, width, height = plot["x"] + 36, plot["width"] - 48, 262
    point = (
        left + width * (2.5 + 3.3) / 6.6,
        plot["y"] + 18 + height * (3.3 - 2.2) / 6.6,
    )
    tab.mouse.move(*point)
    tab.mouse.down()
    tab.mouse.move(point[0], plot["y"] + 18 + height * 6.3 / 6.6, steps=4)
    tab.mouse.up()
    settle(tab)
    assert float(tab.get_by_label("its y").input_value()) == pytest.approx(-3, abs=0.11)
    assert "The minimum is 1.7" in says.inner_text()

    tab.mouse.click(
        map_["x"] + 36 + (map_["width"] - 48) * 0.75, map_["y"] + 18 + 262 / 2
    )
    settle(tab)
    assert float(tab.get_by_label("w", exact=True).input_value()) == pytest.approx(2.0)
    assert abs(float(tab.get_by_label("b", exact=True).input_value())) < 0.06
    now = says.inner_text().partition(" leads down to ")[2].partition(". ")[0]
    tab.get_by_role("button", name="Take a step").press("Enter")
    settle(tab)
    assert says.inner_text().startswith(f"Loss {now},")
    tab.get_by_label("rate η").press("End")
    settle(tab)
    assert "leads up to" in says.inner_text()


def test_what_the_presets_say(show):
    tab = show(figures.LossSurface())
    says = tab.locator(".bh-says")

    def after(name: str) -> str:
        tab.get_by_role("button", name=name).click()
        settle(tab)
        return says.inner_text()

    assert "w = 0.11, b = −0.15" in after("One outlier")
    assert "w = 0.56, b = 0.34" in after("absolute error")  # 0.68, 0.37 without
    assert "w = 0.48, b = 0.19" in after("Huber")
    assert "is the whole dashed line" in after("All x the same")
    tab.get_by_label("its x").press("ArrowRight")
    settle(tab)
    assert "The minimum is" in says.inner_text()
    assert "There is no minimum" in after("Classes apart")
    tab.get_by_label("its y").press("Home")
    settle(tab)
    assert "The minimum is" in says.inner_text()


def test_loss_surface_draws_itself_still():
    for loss in LOSSES:
        left, right = figures.LossSurface(loss=loss).still().axes
        assert len(left.lines) == 2 and right.collections


@pytest.mark.parametrize(
    "bad, word",
    [
        ({"x": [1.0, float("nan")], "y": [0.0, 1.0]}, "x: number 1 is nan"),
        ({"x": [1.0], "y": [0.0]}, "x: give 2 to 20"),
        ({"x": [1.0, 7.0], "y": [0.0, 1.0]}, "between −3 and 3"),
        ({"x": [1.0, 2.0, 3.0], "y": [0.0, 1.0]}, "as many"),
        ({"loss": "hinge"}, "loss"),
        ({"w": 9.0}, "w"),
        ({"rate": float("inf")}, "rate"),
    ],
)
def test_loss_surface_refuses(bad, word):
    with pytest.raises(TraitError, match=word):
        figures.LossSurface(**bad)
