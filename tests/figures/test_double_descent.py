"""Double descent, to be moved: least squares beside torch.linalg's."""

import pytest
import torch
from traitlets import TraitError

from byhand import figures
from byhand.figures.double_descent import COUNTS, grid
from tests.support.figures import close, settle

NAMES = ("features", "points", "noise", "decay", "draw")


def settings(figure):
    return {name: getattr(figure, name) for name in NAMES}


@pytest.mark.parametrize("seed", range(6))
def test_double_descent(module, seed):
    """Errors and norm for every number of features, and the fit, as torch has them."""
    generator = torch.Generator().manual_seed(seed)
    figure = figures.DoubleDescent(
        features=[20, 1, 24, 200, 37, 6][seed],  # 37 is no stop of the slider
        points=[20, 6, 24, 20, 16, 23][seed],
        noise=torch.rand((), generator=generator).item(),
        decay=[0.0, 0.0, 0.0, 1e-5, 0.01, 1.0][seed],
        draw=seed + 1,
    )
    ours = module(figures.DoubleDescent, "run", settings(figure))
    x, y = figure.data()
    close(ours["x"], x)
    close(ours["y"], y)
    assert ours["counts"] == COUNTS
    theirs = torch.tensor(
        [figure.errors(count) for count in COUNTS], dtype=torch.float64
    )
    for name, column in zip(("training", "test", "norm"), theirs.T, strict=True):
        close(ours[name], column)
    w = figure.weights(figure.features)
    close(ours["now"]["fit"], figure.matrix(grid(), len(w)) @ w)
    close(ours["now"]["norm"], w.norm())


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 40), (1, 4)])
def test_singular_values(module, shape):
    torch.manual_seed(0)
    rows = torch.randn(shape, dtype=torch.float64)
    ours = module(figures.DoubleDescent, "orthogonal", rows.tolist())
    theirs = torch.linalg.svdvals(rows) ** 2
    close(sorted(ours["squares"], reverse=True), theirs)


def test_the_story_that_the_buttons_tell():
    errors = {count: figures.DoubleDescent().errors(count) for count in COUNTS}
    test = {count: error[1] for count, error in errors.items()}
    assert max(test, key=test.get) == 20  # the peak is where features = points
    assert test[200] < min(test[count] for count in COUNTS if count < 20)
    assert errors[20][2] > 5 * errors[200][2] and errors[19][0] > 1e-4
    calm = [figures.DoubleDescent(decay=0.01).errors(count)[1] for count in COUNTS]
    assert max(calm[9:]) < 0.2 and max(test.values()) > 2
    ten = [figures.DoubleDescent(points=10).errors(count)[1] for count in COUNTS]
    assert max(ten) == ten[COUNTS.index(10)] and ten[COUNTS.index(20)] < ten[9] / 2
    without_noise = figures.DoubleDescent(noise=0.0)
    assert 3 * without_noise.errors(200)[1] < without_noise.errors(20)[1] < test[20]


def test_double_descent_answers(show):
    tab = show(figures.DoubleDescent())
    says = tab.locator(".bh-says")
    assert "as many as points" in says.inner_text()
    assert "Training error 0," in says.inner_text()
    tab.get_by_label("features P").press("End")
    settle(tab)
    assert says.inner_text().startswith("200 features, more than points")
    box = tab.locator("canvas").nth(1).bounding_box()
    tab.mouse.click(box["x"] + 45, box["y"] + 100)
    settle(tab)
    assert says.inner_text().startswith("1 feature, fewer than points")
    tab.get_by_label("weight decay").press("End")
    settle(tab)
    assert "λ = 1" in says.inner_text()


@pytest.mark.parametrize(
    "bad",
    [{"features": 0}, {"points": 25}, {"noise": -0.1}, {"decay": 2.0}, {"draw": 0}],
)
def test_double_descent_refuses(bad):
    with pytest.raises(TraitError, match=next(iter(bad))):
        figures.DoubleDescent(**bad)
